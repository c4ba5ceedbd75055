//! File formats in and out: GeoJSON, Overpass, CSV and JSON lines of shops.
//!
//! [`ShopReader`] reads row by row in constant memory and can go on after any row; [`ShopWriter`] writes what reads the
//! same again. Nothing of a row is dropped: what has no field of its own is kept as a tag.
//!
//! **Invariant:** this crate knows nothing of the contexts; a [`ShopRecord`] is what a file says, not what is true.

mod format;
mod frame;
mod geometry;
mod json;
mod read;
mod record;
mod table;
mod write;

pub use format::{Format, UnknownFormat};
pub use frame::{NESTING_MAX, NotAPosition, Position, ROW_BYTES_MAX};
pub use read::{OpenError, ReadOptions, Row, ShopReader};
pub use record::{Address, CATEGORY_KEYS, RefusedRow, ShopRecord, TAGS_MAX};
pub use table::{COLUMNS_MAX, ColumnMapping, NotAMapping};
pub use write::ShopWriter;

#[cfg(test)]
mod tests;

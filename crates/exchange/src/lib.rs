//! Import and export formats of shops: GeoJSON, Overpass, CSV and JSON lines.
//!
//! [`ShopReader`] reads row by row in constant memory and can resume after any row. [`ShopWriter`] writes files that read
//! as the same records. No value of a row is lost: values without a field are kept as tags.
//!
//! **Invariant:** this crate depends on no context. A [`ShopRecord`] is the content of a file and is not validated.

mod cells;
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

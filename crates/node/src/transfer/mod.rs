//! Import and export of shops, by the same calls that an operator makes.

mod category_tree;
mod checkpoint;
pub mod export;
pub mod import;
mod record;
pub mod report;

pub use record::record;

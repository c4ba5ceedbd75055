//! Shops from files and into files, by the same calls that an operator makes.

mod checkpoint;
pub(crate) mod export;
pub(crate) mod import;
mod record;

pub(crate) use record::record;

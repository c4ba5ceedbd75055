//! SQL as values: what a statement says, what it carries, what comes back.

pub(crate) mod dialect;
mod insert;
mod row;
mod statement;
mod value;

pub use insert::Insert;
pub use row::{FromRow, Row};
pub use statement::{LIST_MAX, Statement};
pub(crate) use statement::{Sql, placeholders};
pub use value::{FromValue, Type, Typed, Value};

//! SQL as values: statements, their arguments, and the rows of their results.

pub(crate) mod dialect;
mod insert;
mod row;
mod row_macro;
mod statement;
mod stored;
mod value;

pub use insert::Insert;
pub use row::{FromRow, Row, ToRow};
pub use statement::{LIST_MAX, Statement};
pub(crate) use statement::{Sql, placeholders};
pub use value::{FromValue, Type, Typed, Value};

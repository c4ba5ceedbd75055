//! Tables of the sale context: rows, queries, and the writes of commits.

pub(crate) mod admissions;
pub(crate) mod counts;
pub(crate) mod dead_letters;
pub(crate) mod sales;
pub(crate) mod shares;
pub(crate) mod switches;

use pulse_context::Tables;
use pulse_store::Migration;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "sale",
    migrations: &[Migration { version: 1, name: "sales", sql: include_str!("../../migrations/0001_sales.sql") }],
};

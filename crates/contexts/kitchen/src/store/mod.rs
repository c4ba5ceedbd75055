//! Tables of the kitchen context: rows, queries, and the writes of commits.

pub(crate) mod items;
pub(crate) mod orders;
pub(crate) mod prep_times;
pub(crate) mod stations;
pub(crate) mod tickets;

use pulse_context::Tables;
use pulse_store::{Migration, StoreError};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "kitchen",
    migrations: &[Migration { version: 1, name: "kitchen", sql: include_str!("../../migrations/0001_kitchen.sql") }],
};

fn defect(detail: &'static str) -> StoreError {
    StoreError::Defect { detail: detail.into(), source: None }
}

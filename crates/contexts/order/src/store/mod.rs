//! Tables of the order context: rows, queries, and the writes of commits.

pub(crate) mod carts;
pub(crate) mod drafts;
pub(crate) mod list;
pub(crate) mod order_throttle;
pub(crate) mod orders;

use pulse_context::Tables;
use pulse_store::{Migration, stored_id};

use crate::domain::ids::PreOrderId;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "order",
    migrations: &[Migration { version: 1, name: "orders", sql: include_str!("../../migrations/0001_orders.sql") }],
};

stored_id!(PreOrderId);

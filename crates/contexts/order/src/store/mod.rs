//! Tables of the order context: rows, queries, and the writes of commits.

pub(crate) mod carts;
pub(crate) mod drafts;
pub(crate) mod list;
pub(crate) mod order_throttle;
pub(crate) mod orders;

use pulse_context::Tables;
use pulse_store::{Migration, StoreError, stored_id};

use crate::domain::ids::PreOrderId;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "order",
    migrations: &[Migration { version: 1, name: "orders", sql: include_str!("../../migrations/0001_orders.sql") }],
};

stored_id!(PreOrderId);

/// Decodes a message that a row contains.
fn decode<M: prost::Message + Default>(bytes: Vec<u8>) -> Result<M, StoreError> {
    M::decode(bytes.as_slice()).map_err(|error| StoreError::Defect {
        detail: "a stored message cannot be decoded".into(),
        source: Some(error.into()),
    })
}

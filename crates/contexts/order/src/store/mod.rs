//! The rows of the order context: what is read, and the statements that a commit is made of.

pub(crate) mod carts;
pub(crate) mod drafts;
pub(crate) mod list;
pub(crate) mod orders;
pub(crate) mod paces;

use pulse_context::Tables;
use pulse_store::{Migration, StoreError};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "order",
    migrations: &[Migration { version: 1, name: "orders", sql: include_str!("../../migrations/0001_orders.sql") }],
};

/// Decodes what a row keeps as one message.
fn decode<M: prost::Message + Default>(bytes: Vec<u8>) -> Result<M, StoreError> {
    M::decode(bytes.as_slice()).map_err(|error| StoreError::Defect {
        detail: "a stored message cannot be read".into(),
        source: Some(error.into()),
    })
}

//! The rows of the marketing context: what is read, and the statements that a commit is made of.

pub(crate) mod coupons;
pub(crate) mod purchase_slots;
pub(crate) mod reservations;
pub(crate) mod rewards;
pub(crate) mod templates;

use pulse_context::Tables;
use pulse_store::{Migration, StoreError};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "marketing",
    migrations: &[Migration { version: 1, name: "coupons", sql: include_str!("../../migrations/0001_coupons.sql") }],
};

/// Decodes what a row keeps as one message.
fn decode<M: prost::Message + Default>(bytes: Vec<u8>) -> Result<M, StoreError> {
    M::decode(bytes.as_slice()).map_err(|error| StoreError::Defect {
        detail: "a stored message cannot be read".into(),
        source: Some(error.into()),
    })
}

fn defect(detail: &'static str) -> StoreError {
    StoreError::Defect { detail: detail.into(), source: None }
}

//! The rows of the kitchen context: what is read, and the statements that a commit is made of.

pub(crate) mod items;
pub(crate) mod orders;
pub(crate) mod prep_times;
pub(crate) mod stations;
pub(crate) mod tickets;

use pulse_store::{Migration, StoreError};

/// The tables of the context, oldest first.
pub const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "kitchen", sql: include_str!("../../migrations/0001_kitchen.sql") }];

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

//! The rows of the sale context: what is read, and the statements that a commit is made of.

pub(crate) mod admissions;
pub(crate) mod counts;
pub(crate) mod dead_letters;
pub(crate) mod sales;
pub(crate) mod shares;
pub(crate) mod switches;

use pulse_context::Tables;
use pulse_store::{Migration, StoreError};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "sale",
    migrations: &[Migration { version: 1, name: "sales", sql: include_str!("../../migrations/0001_sales.sql") }],
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

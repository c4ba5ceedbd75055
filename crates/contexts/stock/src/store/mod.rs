//! The rows of the stock context: what is read, and the statements that a commit is made of.

pub(crate) mod changes;
pub(crate) mod movements;
pub(crate) mod reservations;
pub(crate) mod resources;

use pulse_context::Tables;
use pulse_contract::stock::v1::{ReservationOwner, ResourceKind};
use pulse_store::{Migration, Row, StoreError};

use crate::domain::reservation::Key;
use crate::domain::resource::ResourceRef;
use crate::wire;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "stock",
    migrations: &[Migration { version: 1, name: "stock", sql: include_str!("../../migrations/0001_stock.sql") }],
};

/// How many rows one query asks for by their ids.
const IDS_MAX: usize = 2_048;

/// Decodes what a row keeps as one message.
fn decode<M: prost::Message + Default>(bytes: Vec<u8>) -> Result<M, StoreError> {
    M::decode(bytes.as_slice()).map_err(|error| StoreError::Defect {
        detail: "a stored message cannot be read".into(),
        source: Some(error.into()),
    })
}

/// A word that a row keeps as its number in the contract.
fn word<W: TryFrom<i32>, D>(number: i64, meaning: fn(W) -> Option<D>) -> Result<D, StoreError> {
    let word = i32::try_from(number).ok().and_then(|number| W::try_from(number).ok()).and_then(meaning);
    word.ok_or_else(|| StoreError::Defect {
        detail: format!("{number} means nothing in its column").into(),
        source: None,
    })
}

fn resource_of(row: &Row) -> Result<ResourceRef, StoreError> {
    Ok(ResourceRef { id: row.get("ref_id")?, kind: word::<ResourceKind, _>(row.get("kind")?, wire::kind_of)? })
}

fn key_of(row: &Row) -> Result<Key, StoreError> {
    Ok(Key { id: row.get("owner_id")?, owner: word::<ReservationOwner, _>(row.get("owner")?, wire::owner_of)? })
}

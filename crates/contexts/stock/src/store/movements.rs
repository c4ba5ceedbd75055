//! Rows of the journal.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use crate::domain::journal::Movement;
use crate::domain::reservation::Key;
use crate::domain::resource::ResourceRef;

/// Row of the journal with its ID.
#[derive(Clone, Debug)]
pub(crate) struct MovementRow {
    pub(crate) id: i64,
    pub(crate) movement: Movement,
}

impl FromRow for MovementRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let (owner, actor): (i64, AccountId) = (row.get("owner")?, row.get("actor")?);
        Ok(Self {
            id: row.get("id")?,
            movement: Movement {
                resource: ResourceRef::from_row(row)?,
                version: row.get("version")?,
                kind: row.get("movement_kind")?,
                on_hand_delta: row.get("on_hand_delta")?,
                reserved_delta: row.get("reserved_delta")?,
                on_hand: row.get("on_hand")?,
                reserved: row.get("reserved")?,
                key: if owner == 0 { None } else { Some(Key::from_row(row)?) },
                actor: (actor.get() != 0).then_some(actor),
                note: row.get("note")?,
                moved_at: row.get("moved_at")?,
            },
        })
    }
}

/// Adds the writes of the movements of a batch.
pub(crate) fn insert(commit: Commit, movements: Vec<Movement>, mut next_id: impl FnMut() -> i64) -> Commit {
    let columns = &[
        "ref_id",
        "kind",
        "version",
        "id",
        "movement_kind",
        "on_hand_delta",
        "reserved_delta",
        "on_hand",
        "reserved",
        "owner",
        "owner_id",
        "actor",
        "note",
        "moved_at",
    ];
    let insert = movements.into_iter().fold(Insert::into("stock_movements", columns), |insert, movement| {
        let (owner, owner_id) = movement.key.map_or((Value::Int(0), 0), |key| (key.owner.into(), key.id));
        insert.row(values![
            movement.resource.id,
            movement.resource.kind,
            movement.version,
            next_id(),
            movement.kind,
            movement.on_hand_delta,
            movement.reserved_delta,
            movement.on_hand,
            movement.reserved,
            owner,
            owner_id,
            movement.actor.unwrap_or(AccountId::new(0)),
            movement.note,
            movement.moved_at
        ])
    });
    // The version exists: another node has moved the resource meanwhile.
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Returns the movements up to a version, newest first.
pub(crate) async fn until(
    store: &Store,
    resource: ResourceRef,
    version: i64,
    limit: i64,
) -> Result<Vec<MovementRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM stock_movements WHERE ref_id = ? AND kind = ? AND version <= ? ORDER BY version DESC LIMIT ?",
        values![resource.id, resource.kind, version, limit],
    );
    store.all(query).await
}

/// Returns the movements after a version, oldest first.
pub(crate) async fn after(
    store: &Store,
    resource: ResourceRef,
    version: i64,
    limit: i64,
) -> Result<Vec<MovementRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM stock_movements WHERE ref_id = ? AND kind = ? AND version > ? ORDER BY version LIMIT ?",
        values![resource.id, resource.kind, version, limit],
    );
    store.all(query).await
}

/// Returns the last movement at or before an instant, of a resource whose current version is `version`.
///
/// Times do not decrease as versions grow, so a binary search finds it. The number of reads is logarithmic in the length
/// of the journal, and no further index slows down the writes.
pub(crate) async fn last_at(
    store: &Store,
    resource: ResourceRef,
    version: i64,
    at: Timestamp,
) -> Result<Option<MovementRow>, StoreError> {
    let (mut low, mut high, mut last) = (1, version, None);
    while low <= high {
        let middle = low + ((high - low) >> 1);
        let found = until(store, resource, middle, 1).await?.into_iter().next();
        match found {
            Some(row) if row.movement.moved_at <= at => {
                low = middle + 1;
                last = Some(row);
            }
            Some(row) => high = row.movement.version - 1,
            None => low = middle + 1,
        }
    }
    Ok(last)
}

//! Rows of reservations.

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::errors;
use pulse_contract::stock::v1::{StoredLine, StoredReservation};
use pulse_kernel::Timestamp;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use super::IDS_MAX;

use crate::domain::ledger::Changed;
use crate::domain::reservation::{Key, Line, LineOutcome, Owner, Reservation, State};
use crate::timers;
use crate::wire;

/// A reservation and its key.
#[derive(Clone, Debug)]
pub(crate) struct ReservationRow {
    pub(crate) key: Key,
    pub(crate) row: Reservation,
}

impl FromRow for ReservationRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let stored: StoredReservation = row.message("details")?;
        let lines = stored.lines.iter().map(line_of).collect::<Option<_>>();
        Ok(Self {
            key: Key::from_row(row)?,
            row: Reservation {
                state: row.get("state")?,
                lines: lines.ok_or_else(|| StoreError::Defect {
                    detail: "invalid line in a stored reservation".into(),
                    source: None,
                })?,
                expires_at: row.get("expires_at")?,
                created_at: row.get("created_at")?,
            },
        })
    }
}

fn line_of(stored: &StoredLine) -> Option<LineOutcome> {
    let line = Line { resource: wire::resource_of(stored.resource.as_ref())?, quantity: stored.quantity };
    Some(LineOutcome { line, status: stored.status().try_into().ok()?, available: 0 })
}

fn stored(row: &Reservation) -> Value {
    let line = |outcome: &LineOutcome| StoredLine {
        resource: Some(wire::resource(outcome.line.resource)),
        quantity: outcome.line.quantity,
        status: outcome.status.into(),
    };
    Value::message(&StoredReservation { lines: row.lines.iter().map(line).collect() })
}

/// Returns the reservations with these keys that exist.
pub(crate) async fn by_keys(store: &Store, wanted: &BTreeSet<Key>) -> Result<Vec<ReservationRow>, StoreError> {
    let ids: Vec<i64> = wanted.iter().map(|key| key.id).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let query =
            Statement::listing("SELECT * FROM stock_reservations WHERE owner_id IN (??)", ids.iter().copied(), []);
        let rows: Vec<ReservationRow> = store.all(query).await?;
        found.extend(rows.into_iter().filter(|row| wanted.contains(&row.key)));
    }
    Ok(found)
}

pub(crate) async fn by_key(store: &Store, key: Key) -> Result<Option<ReservationRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM stock_reservations WHERE owner_id = ? AND owner = ?", values![key.id, key.owner]);
    store.optional(query).await
}

/// Returns the active reservations after a key, ordered by key.
pub(crate) async fn active_after(
    store: &Store,
    id: i64,
    owner: i64,
    limit: i64,
) -> Result<Vec<ReservationRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM stock_reservations WHERE state = ? AND (owner_id > ? OR (owner_id = ? AND owner > ?)) \
         ORDER BY owner_id, owner LIMIT ?",
        values![State::Active, id, id, owner, limit],
    );
    store.all(query).await
}

/// Adds the writes of a batch. Reservations whose lines stay the same share one statement per transition.
///
/// A reservation enters each state at most once, so the condition on the old state detects concurrent changes.
pub(crate) fn write(mut commit: Commit, changes: &[Changed<Key, Reservation>], now: Timestamp) -> Commit {
    let mut moves: BTreeMap<(Owner, State, State), Vec<i64>> = BTreeMap::new();
    for Changed { key, was, is } in changes {
        match was {
            None => {}
            Some(was) if was.lines == is.lines && was.expires_at == is.expires_at => {
                moves.entry((key.owner, was.state, is.state)).or_default().push(key.id);
            }
            Some(was) => commit = commit.write(replace(*key, was.state, is, now)).expect_rows(1),
        }
    }
    for ((of, from, to), ids) in moves {
        for ids in ids.chunks(IDS_MAX) {
            let update = Statement::listing(
                "UPDATE stock_reservations SET state = ?, version = version + 1, updated_at = ? \
                 WHERE owner_id IN (??) AND owner = ? AND state = ?",
                ids.iter().copied(),
                values![to, now, of, from],
            );
            commit = commit.write(update).expect_rows(u64::try_from(ids.len()).unwrap_or(u64::MAX));
        }
    }
    // Another node has used the key meanwhile: the batch is decided again on new rows.
    commit.insert(rows(changes, now)).duplicate_is(&errors::STORE_CONTENDED)
}

/// Rows of the new reservations.
pub(crate) fn rows(changes: &[Changed<Key, Reservation>], now: Timestamp) -> Insert {
    let insert = Insert::into(
        "stock_reservations",
        &["owner_id", "owner", "state", "details", "expires_at", "version", "created_at", "updated_at"],
    );
    changes.iter().filter(|changed| changed.was.is_none()).fold(insert, |insert, Changed { key, is, .. }| {
        insert.row(values![key.id, key.owner, is.state, stored(is), is.expires_at, 1_i64, is.created_at, now])
    })
}

fn replace(key: Key, from: State, row: &Reservation, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE stock_reservations SET state = ?, details = ?, expires_at = ?, version = version + 1, updated_at = ? \
         WHERE owner_id = ? AND owner = ? AND state = ?",
        values![row.state, stored(row), row.expires_at, now, key.id, key.owner, from],
    )
}

/// Those of the keys whose reservation has a timer.
pub(crate) async fn with_timer(store: &Store, wanted: &BTreeSet<Key>) -> Result<BTreeSet<Key>, StoreError> {
    let mut found = BTreeSet::new();
    for (kind, owner) in timers::KINDS {
        let ids: Vec<i64> = wanted.iter().filter(|key| key.owner == owner).map(|key| key.id).collect();
        for ids in ids.chunks(IDS_MAX) {
            let query = Statement::listing(
                "SELECT timer_key FROM stock_timers WHERE kind = ? AND timer_key IN (??)",
                ids.iter().copied(),
                values![kind],
            );
            found.extend(store.all::<i64>(query).await?.into_iter().map(|id| Key { id, owner }));
        }
    }
    Ok(found)
}

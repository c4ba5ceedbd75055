//! Sessions: families of refresh tokens.

use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::refresh::SessionState;

/// A session and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: i64,
    pub(crate) account: AccountId,
    pub(crate) state: SessionState,
}

impl FromRow for SessionRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let state = SessionState {
            generation: row.get("generation")?,
            expires_at: row.get("expires_at")?,
            has_ended: row.get::<i64>("ended_at")? != 0,
        };
        Ok(Self { id: row.get("id")?, account: row.get("account_id")?, state })
    }
}

pub(crate) async fn by_id(store: &Store, id: i64) -> Result<Option<SessionRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_sessions WHERE id = ?", values![id])).await
}

/// How many sessions of one account are read at once, and ended by one commit: each is an event.
pub(crate) const LIVE_MAX: usize = 1_000;

/// No session has this id.
pub(crate) const NONE: i64 = 0;

/// The sessions of an account that have neither ended nor expired, without `kept`; the oldest [`LIVE_MAX`].
pub(crate) async fn live_of(
    store: &Store,
    account: AccountId,
    kept: i64,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM account_sessions WHERE account_id = ? AND ended_at = 0 AND expires_at > ? AND id <> ? \
         ORDER BY id LIMIT ?",
        values![account, now, kept, i64::try_from(LIVE_MAX).unwrap_or(i64::MAX)],
    );
    store.all(query).await
}

pub(crate) fn insert(id: i64, account: AccountId, now: Timestamp, expires_at: Timestamp) -> Insert {
    Insert::into("account_sessions", &["id", "account_id", "generation", "created_at", "expires_at", "ended_at"])
        .row(values![id, account, 1_i64, now, expires_at, 0_i64])
}

/// Moves the session to the next generation; the loser of a race gets a conflict.
pub(crate) fn rotate(read: &SessionRow, next: i64, expires_at: Timestamp) -> Statement {
    Statement::new(
        "UPDATE account_sessions SET generation = ?, expires_at = ? WHERE id = ? AND generation = ? AND ended_at = 0",
        values![next, expires_at, read.id, read.state.generation],
    )
}

pub(crate) fn end(id: i64, now: Timestamp) -> Statement {
    Statement::new("UPDATE account_sessions SET ended_at = ? WHERE id = ? AND ended_at = 0", values![now, id])
}

/// Ends these sessions, those that have not ended yet.
pub(crate) fn end_these(ids: impl IntoIterator<Item = i64>, now: Timestamp) -> Statement {
    Statement::listing("UPDATE account_sessions SET ended_at = ? WHERE ended_at = 0 AND id IN (??)", ids, values![now])
}

/// Ends every session of the account that has neither ended nor expired.
pub(crate) fn end_all(account: AccountId, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE account_sessions SET ended_at = ? WHERE account_id = ? AND ended_at = 0 AND expires_at > ?",
        values![now, account, now],
    )
}

/// Sessions that expired before, the oldest `limit`.
pub(crate) async fn expired_before(store: &Store, before: Timestamp, limit: usize) -> Result<Vec<i64>, StoreError> {
    let query = Statement::new(
        "SELECT id FROM account_sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?",
        values![before, i64::try_from(limit).unwrap_or(i64::MAX)],
    );
    store.all(query).await
}

/// Forgets these sessions.
pub(crate) fn forget(ids: impl IntoIterator<Item = i64>) -> Statement {
    Statement::listing("DELETE FROM account_sessions WHERE id IN (??)", ids, values![])
}

/// The sessions that have ended since, and when.
pub(crate) async fn ended_since(store: &Store, since: Timestamp) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let query = Statement::new("SELECT id, ended_at FROM account_sessions WHERE ended_at > ?", values![since]);
    store.all(query).await
}

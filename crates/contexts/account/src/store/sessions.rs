//! Sessions and the generations of their refresh tokens.

use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, stored_id, values};

use crate::domain::refresh::{SessionId, SessionState};

stored_id!(SessionId);

/// A session of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
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

pub(crate) async fn by_id(store: &Store, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_sessions WHERE id = ?", values![id])).await
}

/// Maximum number of sessions that are read at once and ended by one commit; each is an event.
pub(crate) const LIVE_MAX: usize = 1_000;

/// The ID of no session.
pub(crate) const NONE: SessionId = SessionId::new(0);

/// The oldest [`LIVE_MAX`] sessions of an account that have neither ended nor expired, without `kept`.
pub(crate) async fn live_of(
    store: &Store,
    account: AccountId,
    kept: SessionId,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM account_sessions WHERE account_id = ? AND ended_at = 0 AND expires_at > ? AND id <> ? \
         ORDER BY id LIMIT ?",
        values![account, now, kept, i64::try_from(LIVE_MAX).unwrap_or(i64::MAX)],
    );
    store.all(query).await
}

/// The write that creates a session with its first generation.
pub(crate) fn insert(id: SessionId, account: AccountId, now: Timestamp, expires_at: Timestamp) -> Insert {
    Insert::into("account_sessions", &["id", "account_id", "generation", "created_at", "expires_at", "ended_at"])
        .row(values![id, account, 1_i64, now, expires_at, 0_i64])
}

/// The write that moves a session to the next generation; it changes no row when another request did.
pub(crate) fn rotate(read: &SessionRow, next: i64, expires_at: Timestamp) -> Statement {
    Statement::new(
        "UPDATE account_sessions SET generation = ?, expires_at = ? WHERE id = ? AND generation = ? AND ended_at = 0",
        values![next, expires_at, read.id, read.state.generation],
    )
}

/// The write that ends a session that has not ended.
pub(crate) fn end(id: SessionId, now: Timestamp) -> Statement {
    Statement::new("UPDATE account_sessions SET ended_at = ? WHERE id = ? AND ended_at = 0", values![now, id])
}

/// The write that ends the sessions that have not ended.
pub(crate) fn end_these(ids: impl IntoIterator<Item = SessionId>, now: Timestamp) -> Statement {
    Statement::listing("UPDATE account_sessions SET ended_at = ? WHERE ended_at = 0 AND id IN (??)", ids, values![now])
}

/// The write that ends all sessions of an account that have neither ended nor expired.
pub(crate) fn end_all(account: AccountId, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE account_sessions SET ended_at = ? WHERE account_id = ? AND ended_at = 0 AND expires_at > ?",
        values![now, account, now],
    )
}

/// The oldest `limit` sessions that expired before this time.
pub(crate) async fn expired_before(
    store: &Store,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<SessionId>, StoreError> {
    let query = Statement::new(
        "SELECT id FROM account_sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?",
        values![before, i64::try_from(limit).unwrap_or(i64::MAX)],
    );
    store.all(query).await
}

/// The write that deletes sessions.
pub(crate) fn purge(ids: impl IntoIterator<Item = SessionId>) -> Statement {
    Statement::listing("DELETE FROM account_sessions WHERE id IN (??)", ids, values![])
}

/// The sessions that ended after this time, each with its end.
pub(crate) async fn ended_since(store: &Store, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
    let query = Statement::new("SELECT id, ended_at FROM account_sessions WHERE ended_at > ?", values![since]);
    store.all(query).await
}

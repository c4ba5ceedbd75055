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

/// The sessions of an account that have not ended, at most [`LIVE_MAX`].
pub(crate) async fn live_of(store: &Store, account: AccountId) -> Result<Vec<SessionRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM account_sessions WHERE account_id = ? AND ended_at = 0 ORDER BY id LIMIT ?",
        values![account, LIVE_MAX],
    );
    store.all(query).await
}

/// How many sessions of one account are ended by one request.
pub(crate) const LIVE_MAX: i64 = 1_000;

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

/// The sessions that have ended since, and when.
pub(crate) async fn ended_since(store: &Store, since: Timestamp) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let query = Statement::new("SELECT id, ended_at FROM account_sessions WHERE ended_at > ?", values![since]);
    let rows: Vec<(i64, i64)> = store.all(query).await?;
    Ok(rows.into_iter().map(|(id, at)| (id, Timestamp::from_millis(at))).collect())
}

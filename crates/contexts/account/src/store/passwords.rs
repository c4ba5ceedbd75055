//! Password hashes, and how many wrong guesses there were.

use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

/// The password of an account.
#[derive(Clone, Debug)]
pub(crate) struct PasswordRow {
    pub(crate) hash: String,
    pub(crate) failure_count: i64,
    pub(crate) locked_until: Timestamp,
}

impl FromRow for PasswordRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: row.get("hash")?,
            failure_count: row.get("failure_count")?,
            locked_until: row.get("locked_until")?,
        })
    }
}

pub(crate) async fn of(store: &Store, id: AccountId) -> Result<Option<PasswordRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_passwords WHERE account_id = ?", values![id])).await
}

pub(crate) fn set(id: AccountId, hash: &str) -> Insert {
    Insert::into("account_passwords", &["account_id", "hash", "failure_count", "locked_until"])
        .row(values![id, hash, 0_i64, 0_i64])
        .on_conflict_update(&["account_id"], &["hash", "failure_count", "locked_until"])
}

/// Notes one more wrong guess; a guess at the same time makes it a conflict.
pub(crate) fn fail(id: AccountId, read: &PasswordRow, locked_until: Timestamp) -> Statement {
    Statement::new(
        "UPDATE account_passwords SET failure_count = failure_count + 1, locked_until = ? \
         WHERE account_id = ? AND failure_count = ?",
        values![locked_until, id, read.failure_count],
    )
}

/// Forgets the wrong guesses.
pub(crate) fn forgive(id: AccountId) -> Statement {
    Statement::new("UPDATE account_passwords SET failure_count = 0, locked_until = 0 WHERE account_id = ?", values![id])
}

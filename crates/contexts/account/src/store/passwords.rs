//! Password hashes, and failed sign-in attempts by address.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::password::FailedAttempts;

row! {
    FailedAttempts { failure_count = "failure_count", failed_at = "failed_at", locked_until = "locked_until" }
}

/// The hash of an account's password.
pub(crate) async fn hash_of(store: &Store, id: AccountId) -> Result<Option<String>, StoreError> {
    let query = Statement::new("SELECT hash FROM account_passwords WHERE account_id = ?", values![id]);
    store.optional(query).await
}

/// The write that sets the hash of an account's password.
pub(crate) fn set(id: AccountId, hash: &str) -> Insert {
    Insert::into("account_passwords", &["account_id", "hash"])
        .row(values![id, hash])
        .on_conflict_update(&["account_id"], &["hash"])
}

/// The write that locks the row of a password; it changes no row when the password is not `hash` anymore.
pub(crate) fn lock(id: AccountId, hash: &str) -> Statement {
    Statement::new("UPDATE account_passwords SET hash = ? WHERE account_id = ? AND hash = ?", values![hash, id, hash])
}

/// The failed attempts of an address.
pub(crate) async fn attempts_of(store: &Store, address: &str) -> Result<Option<FailedAttempts>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_failed_attempts WHERE address = ?", values![address])).await
}

/// Adds the write that replaces the attempts that were `read`; a concurrent attempt makes it a conflict.
pub(crate) fn put_attempts(
    commit: Commit,
    address: &str,
    read: Option<FailedAttempts>,
    attempts: FailedAttempts,
) -> Commit {
    match read {
        None => commit
            .insert(
                Insert::into("account_failed_attempts", &["address", "failure_count", "failed_at", "locked_until"])
                    .row(values![address, attempts.failure_count, attempts.failed_at, attempts.locked_until]),
            )
            .duplicate_is(&errors::STORE_CONTENDED),
        Some(read) => commit
            .write(Statement::new(
                "UPDATE account_failed_attempts SET failure_count = ?, failed_at = ?, locked_until = ? \
                 WHERE address = ? AND failure_count = ? AND failed_at = ?",
                values![
                    attempts.failure_count,
                    attempts.failed_at,
                    attempts.locked_until,
                    address,
                    read.failure_count,
                    read.failed_at
                ],
            ))
            .expect_rows(1),
    }
}

/// The write that resets the failed attempts of an address.
pub(crate) fn reset_attempts(address: &str) -> Statement {
    Statement::new("DELETE FROM account_failed_attempts WHERE address = ?", values![address])
}

/// The write that deletes attempts whose last failure was before this time.
pub(crate) fn purge_attempts(before: Timestamp) -> Statement {
    Statement::new("DELETE FROM account_failed_attempts WHERE failed_at < ?", values![before])
}

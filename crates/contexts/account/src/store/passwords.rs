//! Password hashes, and the wrong guesses at an address.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::password::Guesses;

row! {
    Guesses { failure_count = "failure_count", failed_at = "failed_at", locked_until = "locked_until" }
}

/// The hash of an account's password.
pub(crate) async fn hash_of(store: &Store, id: AccountId) -> Result<Option<String>, StoreError> {
    let query = Statement::new("SELECT hash FROM account_passwords WHERE account_id = ?", values![id]);
    store.optional(query).await
}

pub(crate) fn set(id: AccountId, hash: &str) -> Insert {
    Insert::into("account_passwords", &["account_id", "hash"])
        .row(values![id, hash])
        .on_conflict_update(&["account_id"], &["hash"])
}

/// Touches the row of a password that is still the one that was read, and none otherwise.
pub(crate) fn keep(id: AccountId, hash: &str) -> Statement {
    Statement::new("UPDATE account_passwords SET hash = ? WHERE account_id = ? AND hash = ?", values![hash, id, hash])
}

/// The wrong guesses at an address.
pub(crate) async fn guesses_at(store: &Store, address: &str) -> Result<Option<Guesses>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_guesses WHERE address = ?", values![address])).await
}

/// Adds the write that replaces the guesses that were read; a guess at the same time makes it a conflict.
pub(crate) fn put_guesses(commit: Commit, address: &str, read: Option<Guesses>, guesses: Guesses) -> Commit {
    match read {
        None => commit
            .insert(
                Insert::into("account_guesses", &["address", "failure_count", "failed_at", "locked_until"])
                    .row(values![address, guesses.failure_count, guesses.failed_at, guesses.locked_until]),
            )
            .duplicate_is(&errors::STORE_CONTENDED),
        Some(read) => commit
            .write(Statement::new(
                "UPDATE account_guesses SET failure_count = ?, failed_at = ?, locked_until = ? \
                 WHERE address = ? AND failure_count = ? AND failed_at = ?",
                values![
                    guesses.failure_count,
                    guesses.failed_at,
                    guesses.locked_until,
                    address,
                    read.failure_count,
                    read.failed_at
                ],
            ))
            .expect_rows(1),
    }
}

/// Forgets the guesses at an address.
pub(crate) fn forgive(address: &str) -> Statement {
    Statement::new("DELETE FROM account_guesses WHERE address = ?", values![address])
}

/// Forgets guesses that are older.
pub(crate) fn forget_guesses(before: Timestamp) -> Statement {
    Statement::new("DELETE FROM account_guesses WHERE failed_at < ?", values![before])
}

//! One-time codes, one row per phone or address.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::one_time_code::CodeState;

/// The state of a destination, and the version under which it was read.
#[derive(Clone, Debug)]
pub(crate) struct CodeRow {
    pub(crate) state: CodeState,
    pub(crate) version: i64,
}

impl FromRow for CodeRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let state = CodeState {
            code_mac: row.get("code_mac")?,
            expires_at: row.get("expires_at")?,
            tries_left: row.get("tries_left")?,
            next_at: row.get("next_at")?,
            window_started_at: row.get("window_started_at")?,
            sent_count: row.get("sent_count")?,
        };
        Ok(Self { state, version: row.get("version")? })
    }
}

pub(crate) async fn of(store: &Store, destination: &str) -> Result<Option<CodeRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_codes WHERE destination = ?", values![destination])).await
}

/// Adds the write that replaces what was read by `state`; a race with another writer is a conflict.
pub(crate) fn put(commit: Commit, destination: &str, read: Option<&CodeRow>, state: &CodeState) -> Commit {
    let Some(read) = read else {
        let first = Insert::into(
            "account_codes",
            &[
                "destination",
                "code_mac",
                "expires_at",
                "tries_left",
                "next_at",
                "window_started_at",
                "sent_count",
                "version",
            ],
        )
        .row(values![
            destination,
            state.code_mac.as_str(),
            state.expires_at,
            state.tries_left,
            state.next_at,
            state.window_started_at,
            state.sent_count,
            1_i64
        ]);
        return commit.insert(first).duplicate_is(&errors::STORE_CONTENDED);
    };
    let update = Statement::new(
        "UPDATE account_codes SET code_mac = ?, expires_at = ?, tries_left = ?, next_at = ?, window_started_at = ?, \
         sent_count = ?, version = version + 1 WHERE destination = ? AND version = ?",
        values![
            state.code_mac.as_str(),
            state.expires_at,
            state.tries_left,
            state.next_at,
            state.window_started_at,
            state.sent_count,
            destination,
            read.version
        ],
    );
    commit.write(update).expect_rows(1)
}

/// Forgets destinations that were not written to since.
pub(crate) fn forget(before: Timestamp) -> Statement {
    Statement::new("DELETE FROM account_codes WHERE window_started_at < ? AND expires_at < ?", values![before, before])
}

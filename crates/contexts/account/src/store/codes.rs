//! One-time codes, one row per phone number or e-mail address.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::one_time_code::CodeState;

row! {
    /// State of the codes that were sent to a destination.
    #[derive(Clone, Debug)]
    pub(crate) struct CodeRow {
        pub(crate) destination: String = "destination",
        pub(crate) version: i64 = "version",
    } with {
        pub(crate) state: CodeState {
            code_mac = "code_mac",
            expires_at = "expires_at",
            tries_left = "tries_left",
            next_at = "next_at",
            window_started_at = "window_started_at",
            sent_count = "sent_count",
        },
    }
}

pub(crate) async fn of(store: &Store, destination: &str) -> Result<Option<CodeRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_codes WHERE destination = ?", values![destination])).await
}

/// Adds the write that replaces `read` by `state`; a concurrent write makes it a conflict.
pub(crate) fn put(commit: Commit, destination: &str, read: Option<&CodeRow>, state: &CodeState) -> Commit {
    let Some(read) = read else {
        let first = CodeRow { destination: destination.to_owned(), state: state.clone(), version: 1 };
        return commit.insert(Insert::rows("account_codes", [&first])).duplicate_is(&errors::STORE_CONTENDED);
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

/// The write that deletes destinations without a code since this time.
pub(crate) fn purge(before: Timestamp) -> Statement {
    Statement::new("DELETE FROM account_codes WHERE window_started_at < ? AND expires_at < ?", values![before, before])
}

//! Dead letters: admissions whose order could not be created.

use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use super::admissions::AdmissionRow;

/// Maximum length of the text of an error, in characters.
const ERROR_MAX: usize = 500;

/// Adds the write of a dead letter.
pub(crate) fn insert(
    commit: Commit,
    row: &AdmissionRow,
    (consumer, error): (&'static str, &str),
    (attempts, failed_at): (u32, Timestamp),
) -> Commit {
    let columns = &["order_id", "sale_id", "account_id", "consumer", "error", "attempts", "failed_at"];
    let error: String = error.chars().take(ERROR_MAX).collect();
    let values = values![row.order, row.sale, row.account, consumer, error, i64::from(attempts), failed_at];
    commit.insert(Insert::into("sale_dead_letters", columns).row(values))
}

row! {
    /// An admission without an order, after the last attempt to create one.
    #[derive(Debug)]
    pub(crate) struct DeadLetterRow {
        pub(crate) order: i64 = "order_id",
        pub(crate) sale: i64 = "sale_id",
        pub(crate) account: i64 = "account_id",
        pub(crate) consumer: String = "consumer",
        pub(crate) error: String = "error",
        pub(crate) attempts: i64 = "attempts",
        pub(crate) failed_at: Timestamp = "failed_at",
    }
}

/// Returns dead letters after an order ID, ordered by order ID.
pub(crate) async fn page(store: &Store, after: i64, limit: i64) -> Result<Vec<DeadLetterRow>, StoreError> {
    let text = "SELECT * FROM sale_dead_letters WHERE order_id > ? ORDER BY order_id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// Adds the write that deletes a dead letter, if it exists.
pub(crate) fn delete(commit: Commit, order: i64) -> Commit {
    commit.write(Statement::new("DELETE FROM sale_dead_letters WHERE order_id = ?", values![order]))
}

/// Counts the dead letters, up to a limit.
pub(crate) async fn count(store: &Store, limit: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM sale_dead_letters LIMIT ?) AS counted";
    store.one(Statement::new(text, values![limit])).await
}

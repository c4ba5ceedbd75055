//! Admissions that could not be made orders of.

use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};
use pulse_store::{FromRow, Row};

use super::admissions::AdmissionRow;

/// The longest text about an error, in characters.
const ERROR_MAX: usize = 500;

/// Adds the write that keeps what has gone wrong.
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

/// How many there are, counted up to a limit.
pub(crate) async fn count(store: &Store, limit: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(*) AS dead FROM (SELECT 1 AS one FROM sale_dead_letters LIMIT ?) AS counted";
    let row: Dead = store.one(Statement::new(text, values![limit])).await?;
    Ok(row.0)
}

struct Dead(i64);

impl FromRow for Dead {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("dead").map(Self)
    }
}

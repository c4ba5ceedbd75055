//! How many units a sale has, and how many of them somebody has.

use pulse_contract::sale::v1::errors;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, row, values};

row! {
    /// The units of a sale.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Count {
        pub(crate) sale: i64 = "sale_id",
        /// Units that were moved into the sale.
        pub(crate) units: i64 = "units",
        /// Units of buyers.
        pub(crate) taken: i64 = "taken",
        /// Number of admissions, including those whose units were returned.
        pub(crate) admissions: i64 = "admission_count",
    }
}

impl Count {
    /// Units that can still be had.
    pub(crate) fn free(&self) -> i64 {
        self.units - self.taken
    }
}

/// The count of a sale; all zero when it has none.
pub(crate) async fn of(store: &Store, sale: i64) -> Result<Count, StoreError> {
    let found = store.optional(Statement::new("SELECT * FROM sale_counts WHERE sale_id = ?", values![sale])).await?;
    Ok(found.unwrap_or_else(|| Count { sale, ..Count::default() }))
}

/// The counts of many sales.
pub(crate) async fn of_all(store: &Store, sales: impl IntoIterator<Item = i64>) -> Result<Vec<Count>, StoreError> {
    store.all(Statement::listing("SELECT * FROM sale_counts WHERE sale_id IN (??)", sales, values![])).await
}

/// Adds the write of a count of nothing.
pub(crate) fn begin(commit: Commit, sale: i64) -> Commit {
    commit.insert(Insert::rows("sale_counts", [&Count { sale, ..Count::default() }]))
}

/// Adds the write that takes units for so many admissions, unless there are fewer: then the commit is refused with
/// `SALE_SOLD_OUT`.
pub(crate) fn take(commit: Commit, sale: i64, units: i64, admissions: i64) -> Commit {
    let text = "UPDATE sale_counts SET taken = taken + ?, admission_count = admission_count + ? \
                WHERE sale_id = ? AND taken + ? <= units";
    commit
        .write(Statement::new(text, values![units, admissions, sale, units]))
        .expect_rows_else(1, &errors::SALE_SOLD_OUT)
}

/// Adds the write that takes units back from buyers; `lost` of them are not there any more.
pub(crate) fn give_back(commit: Commit, sale: i64, units: i64, lost: i64) -> Commit {
    let text = "UPDATE sale_counts SET taken = taken - ?, units = units - ? WHERE sale_id = ?";
    commit.write(Statement::new(text, values![units, lost, sale])).expect_rows(1)
}

/// Adds the write that puts units into a sale.
pub(crate) fn add(commit: Commit, sale: i64, units: i64) -> Commit {
    let text = "UPDATE sale_counts SET units = units + ? WHERE sale_id = ?";
    commit.write(Statement::new(text, values![units, sale])).expect_rows(1)
}

/// Adds the write after which nobody can be admitted: the sale keeps what buyers have, and nothing else.
pub(crate) fn close(commit: Commit, sale: i64) -> Commit {
    commit.write(Statement::new("UPDATE sale_counts SET units = taken WHERE sale_id = ?", values![sale]))
}

/// Adds the write that forgets the count of a sale.
pub(crate) fn delete(commit: Commit, sale: i64) -> Commit {
    commit.write(Statement::new("DELETE FROM sale_counts WHERE sale_id = ?", values![sale]))
}

/// The count of a sale beside what its admissions sum to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    pub(crate) count: Count,
    pub(crate) taken: i64,
    pub(crate) admissions: i64,
}

impl FromRow for Sum {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { count: Count::from_row(row)?, taken: row.get("rows_taken")?, admissions: row.get("rows_counted")? })
    }
}

/// The next sale in the order of ids.
pub(crate) async fn sum_after(store: &Store, after: i64) -> Result<Option<Sum>, StoreError> {
    let text = "SELECT c.sale_id AS sale_id, c.units AS units, c.taken AS taken, \
                c.admission_count AS admission_count, \
                (SELECT COALESCE(SUM(a.units), 0) FROM sale_admissions a \
                 WHERE a.sale_id = c.sale_id AND a.state IN (0, 1)) AS rows_taken, \
                (SELECT COUNT(*) FROM sale_admissions b WHERE b.sale_id = c.sale_id) AS rows_counted \
                FROM sale_counts c WHERE c.sale_id > ? ORDER BY c.sale_id LIMIT 1";
    store.optional(Statement::new(text, values![after])).await
}

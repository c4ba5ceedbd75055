//! Counts of sales: units in the sale, and units that are assigned to buyers.

use pulse_contract::sale::v1::errors;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, row, values};

row! {
    /// The units of a sale.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Count {
        pub(crate) sale: i64 = "sale_id",
        /// Units that were moved into the sale.
        pub(crate) units: i64 = "units",
        /// Units that are assigned to buyers.
        pub(crate) taken: i64 = "taken",
        /// Number of admissions, including those whose units were returned.
        pub(crate) admissions: i64 = "admission_count",
    }
}

impl Count {
    /// Returns the number of free units.
    pub(crate) fn free(&self) -> i64 {
        self.units - self.taken
    }
}

/// Returns the count of a sale; all zero if it has no row.
pub(crate) async fn of(store: &Store, sale: i64) -> Result<Count, StoreError> {
    let found = store.optional(Statement::new("SELECT * FROM sale_counts WHERE sale_id = ?", values![sale])).await?;
    Ok(found.unwrap_or_else(|| Count { sale, ..Count::default() }))
}

/// Returns the counts of several sales.
pub(crate) async fn of_all(store: &Store, sales: impl IntoIterator<Item = i64>) -> Result<Vec<Count>, StoreError> {
    store.all(Statement::listing("SELECT * FROM sale_counts WHERE sale_id IN (??)", sales, values![])).await
}

/// Adds the write that creates the count of a sale, with zero units.
pub(crate) fn insert_empty(commit: Commit, sale: i64) -> Commit {
    commit.insert(Insert::rows("sale_counts", [&Count { sale, ..Count::default() }]))
}

/// Adds the write that assigns units to admissions. With fewer free units, the commit is refused with `SALE_SOLD_OUT`.
pub(crate) fn take(commit: Commit, sale: i64, units: i64, admissions: i64) -> Commit {
    let text = "UPDATE sale_counts SET taken = taken + ?, admission_count = admission_count + ? \
                WHERE sale_id = ? AND taken + ? <= units";
    commit
        .write(Statement::new(text, values![units, admissions, sale, units]))
        .expect_rows_else(1, &errors::SALE_SOLD_OUT)
}

/// Adds the write that returns units from buyers. `lost` units of them leave the sale.
pub(crate) fn return_units(commit: Commit, sale: i64, units: i64, lost: i64) -> Commit {
    let text = "UPDATE sale_counts SET taken = taken - ?, units = units - ? WHERE sale_id = ?";
    commit.write(Statement::new(text, values![units, lost, sale])).expect_rows(1)
}

/// Adds the write that adds units to a sale.
pub(crate) fn add(commit: Commit, sale: i64, units: i64) -> Commit {
    let text = "UPDATE sale_counts SET units = units + ? WHERE sale_id = ?";
    commit.write(Statement::new(text, values![units, sale])).expect_rows(1)
}

/// Adds the write that removes all free units from a sale, so that no further buyer can be admitted.
pub(crate) fn close(commit: Commit, sale: i64) -> Commit {
    commit.write(Statement::new("UPDATE sale_counts SET units = taken WHERE sale_id = ?", values![sale]))
}

/// Adds the write that deletes the count of a sale.
pub(crate) fn delete(commit: Commit, sale: i64) -> Commit {
    commit.write(Statement::new("DELETE FROM sale_counts WHERE sale_id = ?", values![sale]))
}

/// Count of a sale, and the sums of its admissions.
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

/// Returns the next sale, ordered by ID.
pub(crate) async fn sum_after(store: &Store, after: i64) -> Result<Option<Sum>, StoreError> {
    let text = "SELECT c.sale_id AS sale_id, c.units AS units, c.taken AS taken, \
                c.admission_count AS admission_count, \
                (SELECT COALESCE(SUM(a.units), 0) FROM sale_admissions a \
                 WHERE a.sale_id = c.sale_id AND a.state IN (0, 1)) AS rows_taken, \
                (SELECT COUNT(*) FROM sale_admissions b WHERE b.sale_id = c.sale_id) AS rows_counted \
                FROM sale_counts c WHERE c.sale_id > ? ORDER BY c.sale_id LIMIT 1";
    store.optional(Statement::new(text, values![after])).await
}

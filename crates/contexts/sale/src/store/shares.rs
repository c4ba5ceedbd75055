//! What shares groups of buyers have of a sale.

use pulse_store::{FromRow, Row, Statement, Store, StoreError, values};

/// What a group has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    pub(crate) group: i64,
    pub(crate) admissions: i64,
    pub(crate) units: i64,
}

impl FromRow for Share {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { group: row.get("member")?, admissions: row.get("admissions")?, units: row.get("unit_sum")? })
    }
}

struct Distinct(i64);

impl FromRow for Distinct {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("groups_found").map(Self)
    }
}

/// What everybody has.
pub(crate) async fn total(store: &Store, sale: i64) -> Result<Share, StoreError> {
    let text = "SELECT 0 AS member, COUNT(*) AS admissions, COALESCE(SUM(units), 0) AS unit_sum \
                FROM sale_admissions WHERE sale_id = ?";
    store.one(Statement::new(text, values![sale])).await
}

/// The networks with the largest shares.
pub(crate) async fn networks(store: &Store, sale: i64, limit: i64) -> Result<Vec<Share>, StoreError> {
    let text = "SELECT network AS member, COUNT(*) AS admissions, SUM(units) AS unit_sum FROM sale_admissions \
                WHERE sale_id = ? GROUP BY network ORDER BY SUM(units) DESC, network LIMIT ?";
    store.all(Statement::new(text, values![sale, limit])).await
}

/// The devices with the largest shares.
pub(crate) async fn devices(store: &Store, sale: i64, limit: i64) -> Result<Vec<Share>, StoreError> {
    let text = "SELECT device AS member, COUNT(*) AS admissions, SUM(units) AS unit_sum FROM sale_admissions \
                WHERE sale_id = ? GROUP BY device ORDER BY SUM(units) DESC, device LIMIT ?";
    store.all(Statement::new(text, values![sale, limit])).await
}

/// How many networks there are.
pub(crate) async fn network_count(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(DISTINCT network) AS groups_found FROM sale_admissions WHERE sale_id = ?";
    let found: Distinct = store.one(Statement::new(text, values![sale])).await?;
    Ok(found.0)
}

/// How many devices there are.
pub(crate) async fn device_count(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(DISTINCT device) AS groups_found FROM sale_admissions WHERE sale_id = ?";
    let found: Distinct = store.one(Statement::new(text, values![sale])).await?;
    Ok(found.0)
}

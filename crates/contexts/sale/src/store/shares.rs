//! Shares of groups of buyers in a sale.

use pulse_store::{Statement, Store, StoreError, row, values};

row! {
    /// The admissions and units of a group of buyers.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct Share {
        pub(crate) group: i64 = "member",
        pub(crate) admissions: i64 = "admissions",
        pub(crate) units: i64 = "unit_sum",
    }
}

/// Returns the admissions and units of all buyers.
pub(crate) async fn total(store: &Store, sale: i64) -> Result<Share, StoreError> {
    let text = "SELECT 0 AS member, COUNT(*) AS admissions, COALESCE(SUM(units), 0) AS unit_sum \
                FROM sale_admissions WHERE sale_id = ?";
    store.one(Statement::new(text, values![sale])).await
}

/// Returns the networks with the largest shares.
pub(crate) async fn networks(store: &Store, sale: i64, limit: i64) -> Result<Vec<Share>, StoreError> {
    let text = "SELECT network AS member, COUNT(*) AS admissions, SUM(units) AS unit_sum FROM sale_admissions \
                WHERE sale_id = ? GROUP BY network ORDER BY SUM(units) DESC, network LIMIT ?";
    store.all(Statement::new(text, values![sale, limit])).await
}

/// Returns the devices with the largest shares.
pub(crate) async fn devices(store: &Store, sale: i64, limit: i64) -> Result<Vec<Share>, StoreError> {
    let text = "SELECT device AS member, COUNT(*) AS admissions, SUM(units) AS unit_sum FROM sale_admissions \
                WHERE sale_id = ? GROUP BY device ORDER BY SUM(units) DESC, device LIMIT ?";
    store.all(Statement::new(text, values![sale, limit])).await
}

/// Counts the networks.
pub(crate) async fn network_count(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(DISTINCT network) FROM sale_admissions WHERE sale_id = ?";
    store.one(Statement::new(text, values![sale])).await
}

/// Counts the devices.
pub(crate) async fn device_count(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(DISTINCT device) FROM sale_admissions WHERE sale_id = ?";
    store.one(Statement::new(text, values![sale])).await
}

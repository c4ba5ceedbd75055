//! Switches that operators set.

use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

/// Name of the switch that pauses order creation.
const ORDER_CREATION_PAUSED: &str = "order_creation_paused";

/// Whether order creation is paused.
pub(crate) async fn is_order_creation_paused(store: &Store) -> Result<bool, StoreError> {
    let text = "SELECT is_on FROM sale_switches WHERE name = ?";
    Ok(store.optional(Statement::new(text, values![ORDER_CREATION_PAUSED])).await?.unwrap_or_default())
}

/// Adds the write that pauses or resumes order creation.
pub(crate) fn set_order_creation_paused(commit: Commit, is_paused: bool) -> Commit {
    let insert = Insert::into("sale_switches", &["name", "is_on"]).on_conflict_update(&["name"], &["is_on"]);
    commit.insert(insert.row(values![ORDER_CREATION_PAUSED, is_paused]))
}

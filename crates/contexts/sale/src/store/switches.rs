//! What operators have switched.

use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

/// Whether the making of orders is held.
const HOLD_ORDERS: &str = "hold_orders";

/// Whether the making of orders is held.
pub(crate) async fn is_lane_held(store: &Store) -> Result<bool, StoreError> {
    let text = "SELECT is_on FROM sale_switches WHERE name = ?";
    Ok(store.optional(Statement::new(text, values![HOLD_ORDERS])).await?.unwrap_or_default())
}

/// Adds the write that holds the making of orders, or lets it go on.
pub(crate) fn hold_lane(commit: Commit, is_paused: bool) -> Commit {
    let insert = Insert::into("sale_switches", &["name", "is_on"]).on_conflict_update(&["name"], &["is_on"]);
    commit.insert(insert.row(values![HOLD_ORDERS, is_paused]))
}

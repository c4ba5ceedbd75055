//! What operators have switched.

use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

/// Whether the making of orders is held.
const HOLD_ORDERS: &str = "hold_orders";

/// Whether the making of orders is held.
pub(crate) async fn is_lane_held(store: &Store) -> Result<bool, StoreError> {
    let text = "SELECT is_on FROM sale_switches WHERE name = ?";
    let switch: Option<Switch> = store.optional(Statement::new(text, values![HOLD_ORDERS])).await?;
    Ok(switch.is_some_and(|switch| switch.0))
}

/// Adds the write that holds the making of orders, or lets it go on.
pub(crate) fn hold_lane(commit: Commit, is_paused: bool) -> Commit {
    let insert = Insert::into("sale_switches", &["name", "is_on"]).on_conflict_update(&["name"], &["is_on"]);
    commit.insert(insert.row(values![HOLD_ORDERS, is_paused]))
}

struct Switch(bool);

impl FromRow for Switch {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("is_on").map(Self)
    }
}

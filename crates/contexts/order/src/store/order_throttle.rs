//! Time of the last order of each customer, if a minimum interval between orders is configured.

use pulse_contract::order::v1::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

pub(crate) async fn placed_at(store: &Store, customer: AccountId) -> Result<Option<Timestamp>, StoreError> {
    let query = Statement::new("SELECT placed_at FROM order_throttles WHERE customer_id = ?", values![customer]);
    store.optional(query).await
}

/// Adds the writes that record an order at `now`. If another order was recorded after `since`, the commit is refused.
pub(crate) fn record(commit: Commit, customer: AccountId, since: Timestamp, now: Timestamp) -> Commit {
    let first = Insert::into("order_throttles", &["customer_id", "placed_at"])
        .row(values![customer, 0_i64])
        .on_conflict_ignore(&["customer_id"]);
    let update = Statement::new(
        "UPDATE order_throttles SET placed_at = ? WHERE customer_id = ? AND placed_at <= ?",
        values![now, customer, since],
    );
    commit.insert(first).write(update).expect_rows_else(1, &errors::ORDER_TOO_FAST)
}

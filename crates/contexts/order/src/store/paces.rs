//! When somebody placed an order last, for as long as orders have to keep a distance.

use pulse_contract::order::v1::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

pub(crate) async fn placed_at(store: &Store, customer: AccountId) -> Result<Option<Timestamp>, StoreError> {
    let query = Statement::new("SELECT placed_at FROM order_paces WHERE customer_id = ?", values![customer]);
    Ok(store.optional::<(Timestamp,)>(query).await?.map(|(at,)| at))
}

/// Adds the writes that let one order pass at `now`, unless another one passed after `since`.
pub(crate) fn pass(commit: Commit, customer: AccountId, since: Timestamp, now: Timestamp) -> Commit {
    let first = Insert::into("order_paces", &["customer_id", "placed_at"])
        .row(values![customer, 0_i64])
        .on_conflict_ignore(&["customer_id"]);
    let pass = Statement::new(
        "UPDATE order_paces SET placed_at = ? WHERE customer_id = ? AND placed_at <= ?",
        values![now, customer, since],
    );
    commit.insert(first).write(pass).expect_rows_else(1, &errors::ORDER_TOO_FAST)
}

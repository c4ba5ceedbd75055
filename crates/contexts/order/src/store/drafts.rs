//! Open drafts.

use pulse_contract::errors;
use pulse_contract::order::v1::StoredDraft;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, Value, row, values};

use crate::domain::ids::PreOrderId;

row! {
    /// An open draft.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct DraftRow {
        pub(crate) pre_order_id: PreOrderId = "pre_order_id",
        pub(crate) customer: AccountId = "customer_id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) version: i64 = "version",
        pub(crate) expires_at: Timestamp = "expires_at",
        pub(crate) stored: StoredDraft = "body" as message,
    }
}

pub(crate) async fn by_id(store: &Store, pre_order_id: PreOrderId) -> Result<Option<DraftRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM order_drafts WHERE pre_order_id = ?", values![pre_order_id])).await
}

/// The draft of a customer at a shop, also if it has expired.
pub(crate) async fn of_page(store: &Store, customer: AccountId, shop: ShopId) -> Result<Option<DraftRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM order_drafts WHERE customer_id = ? AND shop_id = ?", values![customer, shop]);
    store.optional(query).await
}

/// Adds the insert of a draft. If another tab was faster, the commit is refused.
pub(crate) fn insert(commit: Commit, row: &DraftRow) -> Commit {
    commit.insert(Insert::rows("order_drafts", [row])).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the update of a draft that was read with the version before.
pub(crate) fn update(commit: Commit, row: &DraftRow) -> Commit {
    let update = Statement::new(
        "UPDATE order_drafts SET version = ?, expires_at = ?, body = ? WHERE pre_order_id = ? AND version = ?",
        values![row.version, row.expires_at, Value::message(&row.stored), row.pre_order_id, row.version - 1],
    );
    commit.write(update).expect_rows(1)
}

/// Deletes a draft in any version.
pub(crate) fn delete(pre_order_id: PreOrderId) -> Statement {
    Statement::new("DELETE FROM order_drafts WHERE pre_order_id = ?", values![pre_order_id])
}

/// IDs and versions of expired drafts, oldest first, at most `limit`.
pub(crate) async fn expired(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<(PreOrderId, i64)>, StoreError> {
    let query = Statement::new(
        "SELECT pre_order_id, version FROM order_drafts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
        values![now, limit],
    );
    store.all(query).await
}

/// Deletes a draft if it still has this version.
pub(crate) fn delete_version(pre_order_id: PreOrderId, version: i64) -> Statement {
    Statement::new("DELETE FROM order_drafts WHERE pre_order_id = ? AND version = ?", values![pre_order_id, version])
}

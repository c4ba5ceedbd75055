//! Open drafts.

use prost::Message;
use pulse_contract::errors;
use pulse_contract::order::v1::StoredDraft;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::ids::PreOrderId;

/// An open draft.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DraftRow {
    pub(crate) pre_order_id: PreOrderId,
    pub(crate) customer: AccountId,
    pub(crate) shop: ShopId,
    pub(crate) version: i64,
    pub(crate) expires_at: Timestamp,
    pub(crate) stored: StoredDraft,
}

impl FromRow for DraftRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            pre_order_id: row.get("pre_order_id")?,
            customer: row.get("customer_id")?,
            shop: row.get("shop_id")?,
            version: row.get("version")?,
            expires_at: row.get("expires_at")?,
            stored: super::decode(row.get("body")?)?,
        })
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
    let columns = &["pre_order_id", "customer_id", "shop_id", "version", "expires_at", "body"];
    let insert = Insert::into("order_drafts", columns).row(values![
        row.pre_order_id,
        row.customer,
        row.shop,
        row.version,
        row.expires_at,
        row.stored.encode_to_vec()
    ]);
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the update of a draft that was read with the version before.
pub(crate) fn update(commit: Commit, row: &DraftRow) -> Commit {
    let update = Statement::new(
        "UPDATE order_drafts SET version = ?, expires_at = ?, body = ? WHERE pre_order_id = ? AND version = ?",
        values![row.version, row.expires_at, row.stored.encode_to_vec(), row.pre_order_id, row.version - 1],
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

//! Carts.

use prost::Message;
use pulse_contract::errors;
use pulse_contract::order::v1::StoredCart;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

/// A cart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CartRow {
    pub(crate) customer: AccountId,
    pub(crate) shop: ShopId,
    pub(crate) version: i64,
    pub(crate) updated_at: Timestamp,
    pub(crate) stored: StoredCart,
}

impl FromRow for CartRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            customer: row.get("customer_id")?,
            shop: row.get("shop_id")?,
            version: row.get("version")?,
            updated_at: row.get("updated_at")?,
            stored: super::decode(row.get("body")?)?,
        })
    }
}

pub(crate) async fn find(store: &Store, customer: AccountId, shop: ShopId) -> Result<Option<CartRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM order_carts WHERE customer_id = ? AND shop_id = ?", values![customer, shop]);
    store.optional(query).await
}

/// Carts of a customer, last changed first.
pub(crate) async fn of_customer(store: &Store, customer: AccountId, limit: i64) -> Result<Vec<CartRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM order_carts WHERE customer_id = ? ORDER BY updated_at DESC, shop_id DESC LIMIT ?",
        values![customer, limit],
    );
    store.all(query).await
}

/// Adds the insert of a cart with version 1, or the update of a cart that was read with the version before.
pub(crate) fn put(commit: Commit, row: &CartRow) -> Commit {
    let body = row.stored.encode_to_vec();
    if row.version == 1 {
        let insert = Insert::into("order_carts", &["customer_id", "shop_id", "version", "updated_at", "body"])
            .row(values![row.customer, row.shop, row.version, row.updated_at, body]);
        return commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED);
    }
    let update = Statement::new(
        "UPDATE order_carts SET version = ?, updated_at = ?, body = ? \
         WHERE customer_id = ? AND shop_id = ? AND version = ?",
        values![row.version, row.updated_at, body, row.customer, row.shop, row.version - 1],
    );
    commit.write(update).expect_rows(1)
}

/// Deletes a cart if it was not changed since it was read.
pub(crate) fn delete(row: &CartRow) -> Statement {
    delete_version(row.customer, row.shop, row.version)
}

/// Deletes the cart of a customer at a shop if it still has this version.
pub(crate) fn delete_version(customer: AccountId, shop: ShopId, version: i64) -> Statement {
    Statement::new(
        "DELETE FROM order_carts WHERE customer_id = ? AND shop_id = ? AND version = ?",
        values![customer, shop, version],
    )
}

/// Carts without a change since `before`, oldest first, at most `count`.
pub(crate) async fn untouched_since(store: &Store, before: Timestamp, count: i64) -> Result<Vec<CartRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM order_carts WHERE updated_at < ? ORDER BY updated_at LIMIT ?",
        values![before, count],
    );
    store.all(query).await
}

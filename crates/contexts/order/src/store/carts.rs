//! Carts.

use pulse_contract::errors;
use pulse_contract::order::v1::StoredCart;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, Value, row, values};

row! {
    /// A cart.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct CartRow {
        pub(crate) customer: AccountId = "customer_id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) version: i64 = "version",
        pub(crate) updated_at: Timestamp = "updated_at",
        pub(crate) stored: StoredCart = "body" as message,
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
    if row.version == 1 {
        return commit.insert(Insert::rows("order_carts", [row])).duplicate_is(&errors::STORE_CONTENDED);
    }
    let update = Statement::new(
        "UPDATE order_carts SET version = ?, updated_at = ?, body = ? \
         WHERE customer_id = ? AND shop_id = ? AND version = ?",
        values![row.version, row.updated_at, Value::message(&row.stored), row.customer, row.shop, row.version - 1],
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

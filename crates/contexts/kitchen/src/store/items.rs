//! Items that are out, or were out before.

use pulse_contract::errors;
use pulse_kernel::id::ShopId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

row! {
    /// Whether an item is out.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct ItemRow {
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) variant: i64 = "variant_id",
        pub(crate) is_out: bool = "is_out",
        /// 1 for the first time that the item was out; grows by one with each change.
        pub(crate) version: i64 = "version",
    }
}

pub(crate) async fn by_variant(store: &Store, shop: ShopId, variant: i64) -> Result<Option<ItemRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM kitchen_items WHERE shop_id = ? AND variant_id = ?", values![shop, variant]);
    store.optional(query).await
}

/// Items ordered by shop and variant, after a position.
pub(crate) async fn after(store: &Store, position: (ShopId, i64), limit: i64) -> Result<Vec<ItemRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM kitchen_items WHERE shop_id > ? OR (shop_id = ? AND variant_id > ?) \
         ORDER BY shop_id, variant_id LIMIT ?",
        values![position.0, position.0, position.1, limit],
    );
    store.all(query).await
}

/// Adds the write of `row`, which has its next version; a concurrent write makes it a conflict.
pub(crate) fn put(commit: Commit, row: &ItemRow) -> Commit {
    if row.version == 1 {
        return commit.insert(Insert::rows("kitchen_items", [row])).duplicate_is(&errors::STORE_CONTENDED);
    }
    let update = Statement::new(
        "UPDATE kitchen_items SET is_out = ?, version = ? WHERE shop_id = ? AND variant_id = ? AND version = ?",
        values![row.is_out, row.version, row.shop, row.variant, row.version - 1],
    );
    commit.write(update).expect_rows(1)
}

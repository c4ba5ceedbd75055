//! Items of suppliers, and the list of available items.

use pulse_contract::errors;
use pulse_kernel::id::MerchantId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::category::Code;

row! {
    /// An item of a supplier.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct ItemRow {
        pub(crate) id: i64 = "id",
        pub(crate) merchant: MerchantId = "merchant_id",
        pub(crate) code: String = "item_code",
        pub(crate) name: String = "name",
        pub(crate) category: Code = "category_code",
        pub(crate) price_minor: i64 = "price_minor",
        pub(crate) currency: String = "currency",
        pub(crate) is_available: bool = "is_available",
        pub(crate) version: i64 = "version",
    }
}

/// The items of a supplier that have one of these codes.
pub(crate) async fn by_codes(store: &Store, merchant: MerchantId, codes: &[&str]) -> Result<Vec<ItemRow>, StoreError> {
    let query = Statement::listing(
        "SELECT * FROM shop_supplier_items WHERE item_code IN (??) AND merchant_id = ?",
        codes.iter().copied(),
        values![merchant],
    );
    store.all(query).await
}

pub(crate) async fn by_ids(store: &Store, ids: &[i64]) -> Result<Vec<ItemRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM shop_supplier_items WHERE id IN (??)";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// Adds the writes of new items, and of changed items that were read under the version before.
pub(crate) fn put(commit: Commit, created: &[ItemRow], updated: &[ItemRow]) -> Commit {
    let mut commit = commit;
    if !created.is_empty() {
        commit = commit.insert(Insert::rows("shop_supplier_items", created)).duplicate_is(&errors::STORE_CONTENDED);
    }
    for row in updated {
        let update = Statement::new(
            "UPDATE shop_supplier_items SET name = ?, category_code = ?, price_minor = ?, currency = ?, \
             is_available = ?, version = ? WHERE id = ? AND version = ?",
            values![
                row.name.as_str(),
                row.category,
                row.price_minor,
                row.currency.as_str(),
                row.is_available,
                row.version,
                row.id,
                row.version - 1
            ],
        );
        commit = commit.write(update).expect_rows(1);
    }
    commit
}

/// Adds the writes that update the list with these rows. The list contains available items only.
pub(crate) fn list(commit: Commit, rows: &[ItemRow]) -> Commit {
    let (listed, gone): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.is_available);
    let mut commit = commit;
    if !listed.is_empty() {
        let insert = Insert::into("shop_item_list", &["item_id", "category_code", "version"]);
        let insert = listed
            .iter()
            .fold(insert, |insert, row| insert.row(values![row.id, row.category, row.version]))
            .on_conflict_update(&["item_id"], &["category_code", "version"]);
        commit = commit.insert(insert);
    }
    for row in gone {
        commit = commit.write(Statement::new("DELETE FROM shop_item_list WHERE item_id = ?", values![row.id]));
    }
    commit
}

/// The listed items of a category and everything below it, ordered by ID.
pub(crate) async fn in_category(
    store: &Store,
    category: Code,
    after: i64,
    limit: i64,
) -> Result<Vec<ItemRow>, StoreError> {
    let range = category.subtree();
    let query = Statement::new(
        "SELECT shop_supplier_items.* FROM shop_item_list \
         JOIN shop_supplier_items ON shop_supplier_items.id = shop_item_list.item_id \
         WHERE shop_item_list.category_code BETWEEN ? AND ? AND item_id > ? ORDER BY item_id LIMIT ?",
        values![*range.start(), *range.end(), after, limit],
    );
    store.all(query).await
}

/// The writes that set the new code of a moved category in items and in the list.
pub(crate) fn recode(from: Code, to: Code) -> [Statement; 2] {
    [
        "UPDATE shop_supplier_items SET category_code = ? WHERE category_code = ?",
        "UPDATE shop_item_list SET category_code = ? WHERE category_code = ?",
    ]
    .map(|text| Statement::new(text, values![to, from]))
}

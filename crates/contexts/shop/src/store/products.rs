//! Products and their variants.

use pulse_contract::errors;
use pulse_contract::shop::v1::StoredProduct;
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, Value, row, values};

use crate::domain::category::Code;

pulse_kernel::define_id!(
    /// Identifies a product (SPU).
    ProductId, "prd"
);

pulse_store::stored_id!(ProductId);

row! {
    /// A product.
    #[derive(Clone, Debug)]
    pub(crate) struct ProductRow {
        pub(crate) id: ProductId = "id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) name: String = "name",
        pub(crate) category: Code = "category_code",
        pub(crate) is_on_sale: bool = "is_on_sale",
        pub(crate) is_shared: bool = "is_shared",
        pub(crate) details: StoredProduct = "details" as message,
        pub(crate) version: i64 = "version",
        pub(crate) created_at: Timestamp = "created_at",
    }
}

pub(crate) async fn by_id(store: &Store, shop: ShopId, id: ProductId) -> Result<Option<ProductRow>, StoreError> {
    let query = Statement::new("SELECT * FROM shop_products WHERE id = ? AND shop_id = ?", values![id, shop]);
    store.optional(query).await
}

/// The product of a shop that has a variant.
pub(crate) async fn by_variant(store: &Store, shop: ShopId, variant: i64) -> Result<Option<ProductRow>, StoreError> {
    let query = Statement::new(
        "SELECT shop_products.* FROM shop_variants \
         JOIN shop_products ON shop_products.id = shop_variants.product_id \
         WHERE shop_variants.id = ? AND shop_id = ?",
        values![variant, shop],
    );
    store.optional(query).await
}

/// The products of a shop, oldest first.
pub(crate) async fn of_shop(store: &Store, shop: ShopId, limit: i64) -> Result<Vec<ProductRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM shop_products WHERE shop_id = ? ORDER BY id LIMIT ?", values![shop, limit]);
    store.all(query).await
}

/// The products that a shop may put on its menu, oldest first: its own and the shared products of other shops (TR-79).
pub(crate) async fn visible_to(
    store: &Store,
    shop: ShopId,
    after: ProductId,
    limit: i64,
) -> Result<Vec<ProductRow>, StoreError> {
    // Two index ranges with their own limits; an OR would scan the table.
    let own = Statement::new(
        "SELECT * FROM shop_products WHERE shop_id = ? AND id > ? ORDER BY id LIMIT ?",
        values![shop, after, limit],
    );
    let shared = Statement::new(
        "SELECT * FROM shop_products WHERE is_shared = 1 AND id > ? ORDER BY id LIMIT ?",
        values![after, limit],
    );
    let mut rows: Vec<ProductRow> = store.all(own).await?;
    let others: Vec<ProductRow> = store.all(shared).await?;
    rows.extend(others.into_iter().filter(|row| row.shop != shop));
    rows.sort_by_key(|row| row.id);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

pub(crate) async fn count_of_shop(store: &Store, shop: ShopId) -> Result<i64, StoreError> {
    let query = Statement::new("SELECT COUNT(*) FROM shop_products WHERE shop_id = ?", values![shop]);
    store.one(query).await
}

/// Adds the writes of a new product.
pub(crate) fn insert(commit: Commit, row: &ProductRow) -> Commit {
    index(commit.insert(Insert::rows("shop_products", [row])), row)
}

/// Adds the writes of a product that was read under the version before.
pub(crate) fn update(commit: Commit, row: &ProductRow) -> Commit {
    let product = Statement::new(
        "UPDATE shop_products SET name = ?, category_code = ?, is_on_sale = ?, is_shared = ?, details = ?, version = ? \
         WHERE id = ? AND version = ?",
        values![
            row.name.as_str(),
            row.category,
            row.is_on_sale,
            row.is_shared,
            Value::message(&row.details),
            row.version,
            row.id,
            row.version - 1
        ],
    );
    let commit = commit.write(product).expect_rows(1).write(unindex(row.id));
    index(commit, row)
}

/// Adds the writes that delete a product.
pub(crate) fn delete(commit: Commit, row: &ProductRow) -> Commit {
    let product =
        Statement::new("DELETE FROM shop_products WHERE id = ? AND version = ?", values![row.id, row.version]);
    commit.write(product).expect_rows(1).write(unindex(row.id))
}

fn index(commit: Commit, row: &ProductRow) -> Commit {
    let insert = Insert::into("shop_variants", &["id", "product_id"]);
    let variants = row.details.variants.iter();
    let insert = variants.fold(insert, |insert, variant| insert.row(values![variant.variant_id, row.id]));
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

fn unindex(id: ProductId) -> Statement {
    Statement::new("DELETE FROM shop_variants WHERE product_id = ?", values![id])
}

/// The write that sets the new code of a moved category in products.
pub(crate) fn recode(from: Code, to: Code) -> Statement {
    Statement::new(
        "UPDATE shop_products SET category_code = ?, version = version + 1 WHERE category_code = ?",
        values![to, from],
    )
}

/// Adds the writes that check the limit of products, including products that the commit inserts before them; above the
/// limit it is a conflict. The first write waits for concurrent commits, and the second sees their products.
pub(crate) fn keep_within(commit: Commit, shop: ShopId, limit: i64) -> Commit {
    let lock = Statement::new("UPDATE shop_shops SET name = name WHERE id = ?", values![shop]);
    let check = Statement::new(
        "UPDATE shop_shops SET name = name \
         WHERE id = ? AND (SELECT COUNT(*) FROM shop_products WHERE shop_id = ?) <= ?",
        values![shop, shop, limit],
    );
    commit.write(lock).expect_rows(1).write(check).expect_rows(1)
}

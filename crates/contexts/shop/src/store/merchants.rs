//! Merchants.

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, MerchantId};
use pulse_store::{Insert, Statement, Store, StoreError, row, values};

row! {
    /// A merchant.
    #[derive(Clone, Debug)]
    pub(crate) struct MerchantRow {
        pub(crate) id: MerchantId = "id",
        pub(crate) owner: AccountId = "owner_account_id",
        pub(crate) name: String = "name",
        pub(crate) legal_name: String = "legal_name",
        pub(crate) contact_phone: String = "contact_phone",
        pub(crate) shop_count: i64 = "shop_count",
        pub(crate) created_at: Timestamp = "created_at",
    }
}

pub(crate) async fn by_id(store: &Store, id: MerchantId) -> Result<Option<MerchantRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM shop_merchants WHERE id = ?", values![id])).await
}

/// The merchants of an owner, ordered by ID.
pub(crate) async fn of_owner(
    store: &Store,
    owner: AccountId,
    after: MerchantId,
    limit: i64,
) -> Result<Vec<MerchantRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM shop_merchants WHERE owner_account_id = ? AND id > ? ORDER BY id LIMIT ?",
        values![owner, after, limit],
    );
    store.all(query).await
}

pub(crate) fn insert(row: &MerchantRow) -> Insert {
    Insert::rows("shop_merchants", [row])
}

/// The write that counts one more shop. A concurrent change makes it a conflict, so the limit holds.
pub(crate) fn count_shop(read: &MerchantRow) -> Statement {
    Statement::new(
        "UPDATE shop_merchants SET shop_count = shop_count + 1 WHERE id = ? AND shop_count = ?",
        values![read.id, read.shop_count],
    )
}

/// The write that counts one shop less. A concurrent change makes it a conflict.
pub(crate) fn uncount_shop(read: &MerchantRow) -> Statement {
    Statement::new(
        "UPDATE shop_merchants SET shop_count = shop_count - 1 WHERE id = ? AND shop_count = ?",
        values![read.id, read.shop_count],
    )
}

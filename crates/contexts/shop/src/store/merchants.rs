//! Merchants.

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, MerchantId};
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

/// A merchant as its row tells.
#[derive(Clone, Debug)]
pub(crate) struct MerchantRow {
    pub(crate) id: MerchantId,
    pub(crate) owner: AccountId,
    pub(crate) name: String,
    pub(crate) legal_name: String,
    pub(crate) contact_phone: String,
    pub(crate) shop_count: i64,
    pub(crate) created_at: Timestamp,
}

impl FromRow for MerchantRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            owner: row.get("owner_account_id")?,
            name: row.get("name")?,
            legal_name: row.get("legal_name")?,
            contact_phone: row.get("contact_phone")?,
            shop_count: row.get("shop_count")?,
            created_at: row.get("created_at")?,
        })
    }
}

pub(crate) async fn by_id(store: &Store, id: MerchantId) -> Result<Option<MerchantRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM shop_merchants WHERE id = ?", values![id])).await
}

pub(crate) fn insert(row: &MerchantRow) -> Insert {
    Insert::into(
        "shop_merchants",
        &["id", "owner_account_id", "name", "legal_name", "contact_phone", "shop_count", "created_at"],
    )
    .row(values![
        row.id,
        row.owner,
        row.name.as_str(),
        row.legal_name.as_str(),
        row.contact_phone.as_str(),
        row.shop_count,
        row.created_at
    ])
}

/// Counts one more shop; another one at the same time makes it a conflict, so that the limit holds.
pub(crate) fn count_shop(read: &MerchantRow) -> Statement {
    Statement::new(
        "UPDATE shop_merchants SET shop_count = shop_count + 1 WHERE id = ? AND shop_count = ?",
        values![read.id, read.shop_count],
    )
}

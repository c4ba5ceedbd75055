//! Shops.

use pulse_contract::shop::v1::{ShopState, StoredShop};
use pulse_kernel::Timestamp;
use pulse_kernel::id::{MerchantId, ShopId};
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, ToRow, Value, values};

use crate::domain::category::Code;
use crate::domain::geo::GeoPoint;

/// A shop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShopRow {
    pub(crate) id: ShopId,
    /// Merchant of the shop; 0 for an imported shop without an owner.
    pub(crate) merchant: MerchantId,
    pub(crate) name: String,
    pub(crate) state: ShopState,
    pub(crate) external_id: Option<String>,
    pub(crate) category: Code,
    pub(crate) at: GeoPoint,
    pub(crate) price_level: u8,
    pub(crate) rating_hundredths: u16,
    pub(crate) rating_count: u32,
    pub(crate) details: StoredShop,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

impl FromRow for ShopRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let at = GeoPoint::from_e7(row.get("latitude_e7")?, row.get("longitude_e7")?);
        Ok(Self {
            id: row.get("id")?,
            merchant: row.get("merchant_id")?,
            name: row.get("name")?,
            state: row.wire_enum("state")?,
            external_id: row.get("external_id")?,
            category: row.get("category_code")?,
            at: at.ok_or_else(|| defect("position of a shop is outside of the earth"))?,
            price_level: row.get("price_level")?,
            rating_hundredths: row.get("rating_hundredths")?,
            rating_count: row.get("rating_count")?,
            details: row.message("details")?,
            version: row.get("version")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl ToRow for ShopRow {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "merchant_id",
        "name",
        "state",
        "external_id",
        "category_code",
        "latitude_e7",
        "longitude_e7",
        "price_level",
        "rating_hundredths",
        "rating_count",
        "details",
        "version",
        "created_at",
    ];

    fn to_row(&self) -> Vec<Value> {
        values![
            self.id,
            self.merchant,
            self.name.as_str(),
            i32::from(self.state),
            self.external_id.as_deref(),
            self.category,
            self.at.lat_e7(),
            self.at.lon_e7(),
            self.price_level,
            self.rating_hundredths,
            self.rating_count,
            Value::message(&self.details),
            self.version,
            self.created_at
        ]
    }
}

pub(crate) async fn by_id(store: &Store, id: ShopId) -> Result<Option<ShopRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM shop_shops WHERE id = ?", values![id])).await
}

pub(crate) async fn by_ids(store: &Store, ids: &[ShopId]) -> Result<Vec<ShopRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store.all(Statement::listing("SELECT * FROM shop_shops WHERE id IN (??)", ids.iter().copied(), values![])).await
}

pub(crate) async fn by_external_ids(store: &Store, ids: &[&str]) -> Result<Vec<ShopRow>, StoreError> {
    let query =
        Statement::listing("SELECT * FROM shop_shops WHERE external_id IN (??)", ids.iter().copied(), values![]);
    store.all(query).await
}

pub(crate) async fn of_merchant(
    store: &Store,
    merchant: MerchantId,
    after: ShopId,
    limit: i64,
) -> Result<Vec<ShopRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM shop_shops WHERE merchant_id = ? AND id > ? ORDER BY id LIMIT ?",
        values![merchant, after, limit],
    );
    store.all(query).await
}

/// Shops in a state, or in all states, ordered by ID.
pub(crate) async fn in_state(
    store: &Store,
    state: ShopState,
    after: ShopId,
    limit: i64,
) -> Result<Vec<ShopRow>, StoreError> {
    let query = match state {
        ShopState::Unspecified => {
            Statement::new("SELECT * FROM shop_shops WHERE id > ? ORDER BY id LIMIT ?", values![after, limit])
        }
        state @ (ShopState::PendingReview
        | ShopState::Active
        | ShopState::Rejected
        | ShopState::Closed
        | ShopState::Withdrawn) => Statement::new(
            "SELECT * FROM shop_shops WHERE state = ? AND id > ? ORDER BY id LIMIT ?",
            values![i32::from(state), after, limit],
        ),
    };
    store.all(query).await
}

/// The write that creates shops.
pub(crate) fn insert<'a>(rows: impl IntoIterator<Item = &'a ShopRow>) -> Insert {
    Insert::rows("shop_shops", rows)
}

/// The write of a shop that was read under the version before; it changes no row after a concurrent write.
pub(crate) fn update(row: &ShopRow) -> Statement {
    Statement::new(
        "UPDATE shop_shops SET merchant_id = ?, name = ?, state = ?, category_code = ?, latitude_e7 = ?, \
         longitude_e7 = ?, price_level = ?, rating_hundredths = ?, rating_count = ?, details = ?, version = ? \
         WHERE id = ? AND version = ?",
        values![
            row.merchant,
            row.name.as_str(),
            i32::from(row.state),
            row.category,
            row.at.lat_e7(),
            row.at.lon_e7(),
            row.price_level,
            row.rating_hundredths,
            row.rating_count,
            Value::message(&row.details),
            row.version,
            row.id,
            row.version - 1
        ],
    )
}

/// The write that sets the new code of a moved category in shops.
pub(crate) fn recode(from: Code, to: Code) -> Statement {
    Statement::new(
        "UPDATE shop_shops SET category_code = ?, version = version + 1 WHERE category_code = ?",
        values![to, from],
    )
}

/// The shops of a category and everything below it, ordered by ID.
pub(crate) async fn in_category(
    store: &Store,
    category: Code,
    after: ShopId,
    limit: i64,
) -> Result<Vec<ShopRow>, StoreError> {
    let range = category.subtree();
    let query = Statement::new(
        "SELECT * FROM shop_shops WHERE category_code BETWEEN ? AND ? AND id > ? ORDER BY id LIMIT ?",
        values![*range.start(), *range.end(), after, limit],
    );
    store.all(query).await
}

fn defect(detail: &'static str) -> StoreError {
    StoreError::Defect { detail: detail.into(), source: None }
}

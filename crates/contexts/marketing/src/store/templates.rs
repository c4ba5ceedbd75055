//! Coupon templates.

use pulse_contract::marketing::v1::{Distribution, StoredTemplate, TemplateDraft};
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use crate::domain::template::TemplateId;

/// A coupon template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TemplateRow {
    pub(crate) id: TemplateId,
    /// Shop of the template; 0 for the platform.
    pub(crate) shop: ShopId,
    pub(crate) draft: TemplateDraft,
    pub(crate) is_closed: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) version: i64,
}

impl FromRow for TemplateRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let details: StoredTemplate = row.message("details")?;
        Ok(Self {
            id: row.get("id")?,
            shop: row.get("shop_id")?,
            draft: details.template.unwrap_or_default(),
            is_closed: row.get("is_closed")?,
            created_at: row.get("created_at")?,
            version: row.get("version")?,
        })
    }
}

pub(crate) async fn by_id(store: &Store, id: TemplateId) -> Result<Option<TemplateRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_templates WHERE id = ?", values![id])).await
}

pub(crate) async fn by_ids(store: &Store, mut ids: Vec<TemplateId>) -> Result<Vec<TemplateRow>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let text = "SELECT * FROM marketing_templates WHERE id IN (??)";
    store.all(Statement::listing(text, ids, values![])).await
}

/// The templates of a shop that can be claimed or bought at `now`, ordered by ID.
pub(crate) async fn on_offer(
    store: &Store,
    shop: ShopId,
    now: Timestamp,
    after: TemplateId,
    limit: i64,
) -> Result<Vec<TemplateRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_templates WHERE shop_id = ? AND is_closed = 0 AND id > ? \
         AND starts_at <= ? AND ends_at > ? AND distribution <> ? ORDER BY id LIMIT ?",
        values![shop, after, now, now, i32::from(Distribution::Grant), limit],
    );
    store.all(query).await
}

/// All templates, ordered by ID.
pub(crate) async fn page(store: &Store, after: TemplateId, limit: i64) -> Result<Vec<TemplateRow>, StoreError> {
    let text = "SELECT * FROM marketing_templates WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// The write that creates a template.
pub(crate) fn insert(row: &TemplateRow) -> Insert {
    let columns =
        &["id", "shop_id", "distribution", "is_closed", "starts_at", "ends_at", "details", "created_at", "version"];
    let instant = |at: Option<pulse_contract::Timestamp>| at.map_or(Timestamp::EPOCH, Timestamp::from);
    Insert::into("marketing_templates", columns).row(values![
        row.id,
        row.shop,
        row.draft.distribution,
        row.is_closed,
        instant(row.draft.starts_at),
        instant(row.draft.ends_at),
        Value::message(&StoredTemplate { template: Some(row.draft.clone()) }),
        row.created_at,
        row.version
    ])
}

/// The write that closes a template; it changes no row after a concurrent write.
pub(crate) fn close(row: &TemplateRow) -> Statement {
    Statement::new(
        "UPDATE marketing_templates SET is_closed = 1, version = version + 1 WHERE id = ? AND version = ?",
        values![row.id, row.version],
    )
}

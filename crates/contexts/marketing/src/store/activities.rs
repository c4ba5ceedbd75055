//! Activities.

use prost::Message;
use pulse_contract::marketing::v1::{ActivityDraft, StoredActivity};
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::template::TemplateId;

/// How many activities may run or be to come.
pub(crate) const ACTIVITIES_MAX: i64 = 200;

/// An activity as its row tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ActivityRow {
    pub(crate) id: i64,
    pub(crate) template: TemplateId,
    pub(crate) draft: ActivityDraft,
}

impl FromRow for ActivityRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let details: StoredActivity = super::decode(row.get("details")?)?;
        Ok(Self {
            id: row.get("id")?,
            template: TemplateId::new(row.get("template_id")?),
            draft: details.activity.unwrap_or_default(),
        })
    }
}

/// The newest activities, oldest first.
pub(crate) async fn newest(store: &Store) -> Result<Vec<ActivityRow>, StoreError> {
    let text = "SELECT * FROM marketing_activities ORDER BY id DESC LIMIT ?";
    let mut rows: Vec<ActivityRow> = store.all(Statement::new(text, values![ACTIVITIES_MAX])).await?;
    rows.reverse();
    Ok(rows)
}

/// How many activities are not over.
pub(crate) async fn count_to_come(store: &Store, now: Timestamp) -> Result<i64, StoreError> {
    let query = Statement::new("SELECT COUNT(*) FROM marketing_activities WHERE ends_at > ?", values![now]);
    Ok(store.one::<(i64,)>(query).await?.0)
}

/// The activities for orders of a shop that are completed at `at`.
pub(crate) async fn running(store: &Store, shop: ShopId, at: Timestamp) -> Result<Vec<ActivityRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_activities WHERE ends_at > ? AND starts_at <= ? AND (shop_id = 0 OR shop_id = ?) \
         ORDER BY id LIMIT ?",
        values![at, at, shop, ACTIVITIES_MAX],
    );
    store.all(query).await
}

/// The write that makes an activity.
pub(crate) fn insert(row: &ActivityRow) -> Insert {
    let instant = |at: Option<pulse_contract::Timestamp>| at.map_or(Timestamp::EPOCH, Timestamp::from);
    let columns = &["id", "template_id", "shop_id", "starts_at", "ends_at", "details"];
    Insert::into("marketing_activities", columns).row(values![
        row.id,
        row.template.get(),
        row.draft.shop_id,
        instant(row.draft.starts_at),
        instant(row.draft.ends_at),
        StoredActivity { activity: Some(row.draft.clone()) }.encode_to_vec()
    ])
}

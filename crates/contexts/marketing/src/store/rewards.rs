//! Post-order rewards.

use pulse_contract::marketing::v1::{PostOrderRewardDraft, StoredPostOrderReward};
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use crate::domain::template::TemplateId;

/// Maximum number of current and future rewards.
pub(crate) const REWARDS_MAX: i64 = 200;

/// A post-order reward.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RewardRow {
    pub(crate) id: i64,
    pub(crate) template: TemplateId,
    pub(crate) draft: PostOrderRewardDraft,
}

impl FromRow for RewardRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let details: StoredPostOrderReward = row.message("details")?;
        Ok(Self { id: row.get("id")?, template: row.get("template_id")?, draft: details.reward.unwrap_or_default() })
    }
}

pub(crate) async fn by_id(store: &Store, id: i64) -> Result<Option<RewardRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_post_order_rewards WHERE id = ?", values![id])).await
}

/// The newest [`REWARDS_MAX`] rewards, oldest first.
pub(crate) async fn newest(store: &Store) -> Result<Vec<RewardRow>, StoreError> {
    let text = "SELECT * FROM marketing_post_order_rewards ORDER BY id DESC LIMIT ?";
    let mut rows: Vec<RewardRow> = store.all(Statement::new(text, values![REWARDS_MAX])).await?;
    rows.reverse();
    Ok(rows)
}

/// Number of rewards that have not ended.
pub(crate) async fn count_open(store: &Store, now: Timestamp) -> Result<i64, StoreError> {
    let query = Statement::new("SELECT COUNT(*) FROM marketing_post_order_rewards WHERE ends_at > ?", values![now]);
    store.one(query).await
}

/// The rewards for orders of a shop that are completed at this time.
pub(crate) async fn running(store: &Store, shop: ShopId, at: Timestamp) -> Result<Vec<RewardRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_post_order_rewards WHERE ends_at > ? AND starts_at <= ? AND (shop_id = 0 OR shop_id = ?) \
         ORDER BY id LIMIT ?",
        values![at, at, shop, REWARDS_MAX],
    );
    store.all(query).await
}

/// The write that creates a reward.
pub(crate) fn insert(row: &RewardRow) -> Insert {
    let instant = |at: Option<pulse_contract::Timestamp>| at.map_or(Timestamp::EPOCH, Timestamp::from);
    let columns = &["id", "template_id", "shop_id", "starts_at", "ends_at", "details"];
    Insert::into("marketing_post_order_rewards", columns).row(values![
        row.id,
        row.template,
        row.draft.shop_id,
        instant(row.draft.starts_at),
        instant(row.draft.ends_at),
        Value::message(&StoredPostOrderReward { reward: Some(row.draft.clone()) })
    ])
}

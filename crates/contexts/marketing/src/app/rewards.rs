//! Creates and lists post-order rewards.

use pulse_contract::marketing::v1::{
    CreatePostOrderRewardRequest, ListPostOrderRewardsRequest, ListPostOrderRewardsResponse, PostOrderReward, errors,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, templates, view};
use crate::domain::template::{Distribution, TemplateId};
use crate::store::rewards::{self, REWARDS_MAX, RewardRow};

pub(crate) async fn create_post_order_reward(
    app: &App,
    cx: &Cx,
    request: CreatePostOrderRewardRequest,
) -> Result<PostOrderReward, Error> {
    let store = &app.deps.store;
    let draft = request.reward.unwrap_or_default();
    let template = templates::load(app, TemplateId::new(draft.template_id)).await?;
    let (starts_at, ends_at) = (view::instant(draft.starts_at), view::instant(draft.ends_at));
    if ends_at <= starts_at || ends_at <= cx.now {
        let rule = "reward.ends_at must be after reward.starts_at and in the future";
        return Err(errors::MARKETING_TEMPLATE_INVALID.error(rule));
    }
    if view::rules(&template).distribution == Distribution::Purchase {
        let refusal = errors::MARKETING_NOT_CLAIMABLE.error("the template must not be for purchase");
        return Err(refusal.with("template_id", draft.template_id));
    }
    let count = rewards::count_open(store, cx.now).await?;
    if count >= REWARDS_MAX {
        let detail = format!("at most {REWARDS_MAX} current and future rewards are allowed, and there are {count}");
        return Err(errors::MARKETING_ACTIVITY_LIMIT.error(detail).with("rewards", count));
    }
    let row = RewardRow { id: store.next_id(cx.now), template: template.id, draft };
    let commit = Commit::new().insert(rewards::insert(&row));
    let reward = shown(row);
    store.commit(cx, commit.answer(cx, &reward)).await?;
    Ok(reward)
}

pub(crate) async fn list_post_order_rewards(
    app: &App,
    _cx: &Cx,
    _request: ListPostOrderRewardsRequest,
) -> Result<ListPostOrderRewardsResponse, Error> {
    let rows = rewards::newest(&app.deps.store).await?;
    Ok(ListPostOrderRewardsResponse { rewards: rows.into_iter().map(shown).collect() })
}

fn shown(row: RewardRow) -> PostOrderReward {
    PostOrderReward { reward_id: row.id, reward: Some(row.draft) }
}

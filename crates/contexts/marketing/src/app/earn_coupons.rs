//! Gives the coupons that an order which was completed has earned: one per reward and order (DL-30).

use pulse_bus::Delivery;
use pulse_contract::marketing::v1::errors;
use pulse_contract::order::v1::OrderCompleted;
use pulse_kernel::id::{AccountId, CouponId, ShopId};
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Commit;

use super::issue_coupon::{Issuance, obtain};
use super::{App, quota, templates};
use crate::domain::coupon::Origin;
use crate::domain::template::Way;
use crate::store::coupons::{self, CouponRow, Source};
use crate::store::rewards::{self, RewardRow};

pub(crate) async fn earn_coupons(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCompleted) -> Result<(), Error> {
    let order = &event;
    let store = &app.deps.store;
    let running = rewards::running(store, ShopId::new(order.shop_id), delivery.event.occurred_at).await?;
    let mut earned: Vec<CouponRow> = Vec::new();
    for reward in running {
        match earn(app, cx, order, &reward, &earned).await {
            Ok(row) => earned.extend(row),
            // Who has as many as they may, or comes after the last one, gets none.
            Err(error) if is_none_left(&error) => {}
            Err(error) => {
                release(app, cx, &earned).await;
                return Err(error);
            }
        }
    }
    if earned.is_empty() {
        return Ok(());
    }
    let commit = earned.iter().fold(coupons::insert(Commit::new(), &earned), obtain);
    let committed = delivery.commit(store, cx, commit).await.map_err(Error::from);
    if committed.as_ref().is_err_and(|error| !matches!(error.kind(), Kind::Unavailable | Kind::Internal)) {
        release(app, cx, &earned).await;
    }
    committed
}

/// The coupon that a reward gives for the order, with its unit reserved; `None` when it gives none, or gave it before.
async fn earn(
    app: &App,
    cx: &Cx,
    order: &OrderCompleted,
    reward: &RewardRow,
    earned: &[CouponRow],
) -> Result<Option<CouponRow>, Error> {
    let template = templates::load(app, reward.template).await?;
    let threshold = reward.draft.threshold_minor;
    if threshold > 0 && (order.total_minor < threshold || order.currency != template.draft.currency) {
        return Ok(None);
    }
    let source = Source { origin: Origin::PostOrderReward, id: order.order_id, part: reward.id };
    if coupons::from_source(&app.deps.store, source).await?.is_some() {
        return Ok(None);
    }
    let giving = Issuance::of(template, Way::Grant, cx.now)?;
    let account = AccountId::new(order.customer_account_id);
    let id = CouponId::new(app.deps.store.next_id(cx.now));
    let own: Vec<i64> = earned.iter().filter(|row| row.template == reward.template).map(|row| row.slot).collect();
    let slot = giving.slot(app, account, id, &own).await?;
    quota::reserve(app, cx, reward.template, id).await?;
    Ok(Some(giving.coupon(id, (account, slot), source, cx.now)))
}

fn is_none_left(error: &Error) -> bool {
    let none_left = [
        errors::MARKETING_QUOTA_EXHAUSTED.code,
        errors::MARKETING_CUSTOMER_LIMIT.code,
        errors::MARKETING_ENDED.code,
        errors::MARKETING_NOT_STARTED.code,
    ];
    none_left.contains(&error.code())
}

async fn release(app: &App, cx: &Cx, rows: &[CouponRow]) {
    for row in rows {
        quota::release(app, cx, row.id).await;
    }
}

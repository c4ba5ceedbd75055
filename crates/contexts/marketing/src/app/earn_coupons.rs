//! Issues the coupons of rewards for a completed order: one per reward and order (DL-30).

use pulse_bus::Delivery;
use pulse_contract::marketing::v1::errors;
use pulse_contract::order::v1::OrderCompleted;
use pulse_kernel::id::{AccountId, CouponId, OrderId, ShopId};
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Commit;

use super::issue_coupon::{Issuance, emit_obtained};
use super::{App, quota, templates};
use crate::domain::coupon::Origin;
use crate::domain::revocation::still_qualifies;
use crate::domain::template::IssueChannel;
use crate::metrics;
use crate::store::coupons::{self, CouponRow, Source};
use crate::store::order_refunds;
use crate::store::rewards::{self, RewardRow};

pub(crate) async fn earn_coupons(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCompleted) -> Result<(), Error> {
    let order = &event;
    let store = &app.deps.store;
    let running = rewards::running(store, ShopId::new(order.shop_id), delivery.event.occurred_at).await?;
    let refund = order_refunds::of_order(store, OrderId::new(order.order_id)).await?;
    let mut earned: Vec<CouponRow> = Vec::new();
    for reward in running {
        // The refund of a completed order can be processed first, when this event was a dead letter.
        if !still_qualifies(reward.draft.threshold_minor, refund.paid_minor, refund.refunded_minor) {
            continue;
        }
        match earn(app, cx, order, &reward, &earned).await {
            Ok(row) => earned.extend(row),
            // The limit of the customer or the quota is reached, or the template is not open: no coupon.
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
    let commit = earned.iter().fold(coupons::insert(Commit::new(), &earned), emit_obtained);
    let committed = delivery.commit(store, cx, commit).await.map_err(Error::from);
    if committed.as_ref().is_err_and(|error| !matches!(error.kind(), Kind::Unavailable | Kind::Internal)) {
        release(app, cx, &earned).await;
    }
    committed?;
    if !delivery.is_duplicate() {
        metrics::issued(Origin::PostOrderReward, earned.len());
    }
    Ok(())
}

/// The coupon of a reward for the order, with a reserved quota unit; `None` when the order does not qualify or has it.
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
    let issuance = Issuance::of(template, IssueChannel::Grant, cx.now)?;
    let account = AccountId::new(order.customer_account_id);
    let id = CouponId::new(app.deps.store.next_id(cx.now));
    let own: Vec<i64> = earned.iter().filter(|row| row.template == reward.template).map(|row| row.slot).collect();
    let slot = issuance.slot(app, account, id, &own).await?;
    quota::reserve(app, cx, reward.template, id).await?;
    Ok(Some(issuance.coupon(id, (account, slot), source, cx.now)))
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

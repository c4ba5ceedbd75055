//! Settles the coupons that a refunded order has bought or earned.

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderRefunded;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::App;
use super::revoke_bought_coupons::{REVOCATION_EXPIRED, apply};
use crate::domain::coupon::{Origin, State};
use crate::domain::revocation::still_qualifies;
use crate::store::coupons::{self, CouponRow};
use crate::store::order_refunds::{self, OrderRefundRow};
use crate::store::rewards;

pub(crate) async fn settle_refund(app: &App, cx: &Cx, delivery: &Delivery, event: OrderRefunded) -> Result<(), Error> {
    let (store, order) = (&app.deps.store, OrderId::new(event.order_id));
    store
        .attempt(cx, || async {
            let known = order_refunds::of_order(store, order).await?;
            if known.order_version >= event.version {
                return Ok(delivery.commit(store, cx, pulse_store::Commit::new()).await?);
            }
            let refunded_quantity = i64::from(event.refunded_voucher_quantity);
            let is_confirmed = known.pending_quantity <= refunded_quantity;
            let refund = OrderRefundRow {
                paid_minor: event.paid_minor,
                refunded_minor: event.refunded_minor,
                refunded_quantity,
                pending_quantity: if is_confirmed { 0 } else { known.pending_quantity },
                order_version: event.version,
                ..known
            };
            let bought = coupons::from(store, Origin::Purchase, order.get()).await?;
            let earned = coupons::from(store, Origin::PostOrderReward, order.get()).await?;
            let mut commit = apply(order_refunds::put(pulse_store::Commit::new(), &refund), &bought, refund.quantity());
            if is_confirmed {
                commit = commit.cancel_timer(REVOCATION_EXPIRED, order.get());
            }
            for coupon in &earned {
                let quantity = i64::from(!qualifies(app, coupon, &refund).await?);
                commit = apply(commit, std::slice::from_ref(coupon), quantity);
            }
            warn_used(order, &bought, refund.quantity());
            Ok(delivery.commit(store, cx, commit).await?)
        })
        .await
}

/// Whether the order still qualifies for the reward that issued the coupon.
pub(crate) async fn qualifies(app: &App, coupon: &CouponRow, refund: &OrderRefundRow) -> Result<bool, Error> {
    let reward = rewards::by_id(&app.deps.store, coupon.source.part).await?;
    let threshold_minor = reward.map_or(0, |reward| reward.draft.threshold_minor);
    Ok(still_qualifies(threshold_minor, refund.paid_minor, refund.refunded_minor))
}

/// Logs that more vouchers are refunded than were unused. Refunds through the order context never do this; a refund at the
/// payment provider can.
fn warn_used(order: OrderId, bought: &[CouponRow], quantity: i64) {
    let unused = bought.iter().filter(|row| matches!(row.state, State::Active | State::Revoked)).count();
    if usize::try_from(quantity).is_ok_and(|quantity| quantity > unused && !bought.is_empty()) {
        tracing::warn!(order = order.get(), unused, refunded = quantity, "more vouchers are refunded than were unused");
    }
}

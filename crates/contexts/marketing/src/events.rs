//! Consumers of events of orders and of issued coupons.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::{OrderCancelled, OrderKind, OrderPaid};
use pulse_kernel::id::{CouponId, OrderId};
use pulse_kernel::{Cx, Error};

use crate::app::{self, App, PaidOrder, RedemptionPlan};
use crate::domain::coupon::Origin;
use crate::metrics;
use crate::store::reservations;

pub(crate) fn consumers(app: &App) -> [Consumer; 3] {
    [
        Consumer::named("marketing.coupons_of_orders").handles(app, settle_paid).handles(app, settle_cancelled),
        // One consumer: a refund is settled after the rewards of the completed order were issued.
        Consumer::named("marketing.coupons_after_orders")
            .handles(app, app::earn_coupons)
            .handles(app, app::settle_refund),
        Consumer::named("marketing.quota_of_coupons").handles(app, app::confirm_quota),
    ]
}

/// Redeems the coupons of a paid order, when no call did, and creates bought coupons.
async fn settle_paid(app: &App, cx: &Cx, delivery: &Delivery, event: OrderPaid) -> Result<(), Error> {
    let order = &event;
    let is_voucher = order.kind() == OrderKind::VirtualVoucher;
    let coupons = coupons_of(order);
    if coupons.is_empty() && !is_voucher {
        return Ok(());
    }
    let store = &app.deps.store;
    let id = OrderId::new(order.order_id);
    let reservation = reservations::by_order(store, id).await?;
    if reservation.as_ref().is_some_and(|row| row.reservation.order_version > order.version) {
        tracing::info!(order = id.get(), "payment event of an order that was cancelled later ignored");
        return Ok(());
    }
    // A voucher order without coupons is recorded too, so that later events with an older version are ignored.
    let paid = PaidOrder { order: id, coupons: &coupons, order_version: order.version };
    let plan = app::plan_redemption(app, cx, paid, reservation).await?;
    let RedemptionPlan { mut commit, redeemed_count, lost } = plan;
    if !lost.is_empty() {
        tracing::error!(order = id.get(), ?lost, "paid order uses coupons that other orders have; check its discount");
    }
    let mut minted_count = 0;
    if is_voucher {
        (commit, minted_count) = app::mint_coupons(app, cx, order, commit).await?;
    }
    delivery.commit(store, cx, commit).await?;
    if !delivery.is_duplicate() {
        metrics::redeemed(redeemed_count);
        metrics::issued(Origin::Purchase, minted_count);
    }
    Ok(())
}

/// Returns the coupons of a cancelled order, and expires the coupons that it bought.
async fn settle_cancelled(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    let store = &app.deps.store;
    let id = OrderId::new(event.order_id);
    let reservation = reservations::by_order(store, id).await?;
    if reservation.as_ref().is_some_and(|row| row.reservation.order_version > event.version) {
        tracing::info!(order = id.get(), "cancellation event of an order that was paid later ignored");
        return Ok(());
    }
    let (commit, _returned) = app::plan_return(app, cx, id, reservation, event.version).await?;
    let commit = app::expire_bought(app, cx, id, commit).await?;
    Ok(delivery.commit(store, cx, commit).await?)
}

/// The coupons of an order, ordered by ID.
fn coupons_of(order: &OrderPaid) -> Vec<CouponId> {
    let mut ids: Vec<CouponId> = order.coupon_ids.iter().copied().map(CouponId::new).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

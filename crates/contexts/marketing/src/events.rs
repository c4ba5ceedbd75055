//! Handlers of the events of orders, and of coupons that were issued.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::{OrderCancelled, OrderKind, OrderPaid};
use pulse_kernel::id::{CouponId, OrderId};
use pulse_kernel::{Cx, Error};

use crate::app::{self, App, Paid};
use crate::store::reservations;

pub(crate) fn consumers(app: &App) -> [Consumer; 3] {
    [
        Consumer::named("marketing.coupons_of_orders").handles(app, settle_paid).handles(app, settle_cancelled),
        Consumer::named("marketing.coupons_after_orders").handles(app, app::earn_coupons),
        Consumer::named("marketing.quota_of_coupons").handles(app, app::confirm_quota),
    ]
}

/// Mints what was bought. Uses up what the order holds, in case that nobody has asked for it.
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
        tracing::info!(order = id.get(), "the order was paid before it was cancelled; this tells of its past");
        return Ok(());
    }
    // A voucher order is noted although it uses nothing, so that late news of its past are known to be late.
    let paid = Paid { order: id, coupons: &coupons, order_version: order.version };
    let (mut commit, lost) = app::plan_redemption(app, cx, paid, reservation).await?;
    if !lost.is_empty() {
        tracing::error!(order = id.get(), ?lost, "an order was paid with coupons that others have by now");
    }
    if is_voucher {
        commit = app::mint_coupons(app, cx, order, commit).await?;
    }
    Ok(delivery.commit(store, cx, commit).await?)
}

/// Gives back what the order had, and ends what was bought with it.
async fn settle_cancelled(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    let store = &app.deps.store;
    let id = OrderId::new(event.order_id);
    let reservation = reservations::by_order(store, id).await?;
    if reservation.as_ref().is_some_and(|row| row.reservation.order_version > event.version) {
        tracing::info!(order = id.get(), "the order was cancelled before it was paid; this tells of its past");
        return Ok(());
    }
    let (commit, _given) = app::plan_return(app, cx, id, reservation, event.version).await?;
    let commit = app::end_bought(app, cx, id, commit).await?;
    Ok(delivery.commit(store, cx, commit).await?)
}

/// The coupons that make an order cheaper, in the order of their ids.
fn coupons_of(order: &OrderPaid) -> Vec<CouponId> {
    let mut ids: Vec<CouponId> = order.coupon_ids.iter().copied().map(CouponId::new).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

//! Takes for good what an order holds that nobody has to pay for first; and lets go of a second reservation.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{CancelReason, OrderCancelled, OrderPaid, OrderState};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::change::Change;
use super::move_order::cancel;
use super::{App, hold, view};
use crate::domain::machine::{Move, Role};
use crate::store::orders::{self, OrderRow};

/// An order in cash, or one that costs nothing, was placed: its units leave the stock and its coupons are used. When that
/// is not possible any more, it is cancelled.
pub(crate) async fn secure_order(app: &App, cx: &Cx, delivery: &Delivery, event: OrderPaid) -> Result<(), Error> {
    let is_paid_online = !event.is_cash_on_delivery && event.total_minor > 0;
    if is_paid_online {
        // Its payment has taken everything before it was told.
        return Ok(());
    }
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(event.order_id)).await? else {
        return Ok(());
    };
    let is_secured = row.state != OrderState::Cancelled && hold::take(app, cx, &row, row.id.get()).await?;
    let Some(row) = orders::by_id(store, row.id).await? else {
        return Ok(());
    };
    if row.state == OrderState::Cancelled {
        // It was cancelled meanwhile, and its units may have been given back before they were taken.
        return hold::let_go(app, cx, row.id, hold::has_coupons(&row)).await;
    }
    if is_secured { Ok(()) } else { cannot_supply(app, cx, delivery, row).await }
}

async fn cannot_supply(app: &App, cx: &Cx, delivery: &Delivery, row: OrderRow) -> Result<(), Error> {
    let refund_id = delivery.event.id;
    let mut change = Change::of(row, cx);
    let reason = "it could not be had any more";
    if change.make(cx, Move::Cancel, &[Role::System], reason).is_err() {
        // Made already: what is missing in the stock is found by those who count it.
        tracing::error!(order = change.row.id.get(), "an order is made although its units could not be taken");
        return Ok(());
    }
    cancel(&mut change, CancelReason::OutOfStock, refund_id, reason);
    let (_, commit) = change.end();
    Ok(delivery.commit(&app.deps.store, cx, commit).await?)
}

/// An order was cancelled: what it reserved a second time is free again. Stock hears of the first reservation itself.
pub(crate) async fn release_second(
    app: &App,
    cx: &Cx,
    _delivery: &Delivery,
    event: OrderCancelled,
) -> Result<(), Error> {
    let row = orders::by_id(&app.deps.store, OrderId::new(event.order_id)).await?;
    match row.filter(|row| row.state == OrderState::Cancelled && row.stored.second_reservation_id != 0) {
        Some(row) => hold::release(app, cx, row.stored.second_reservation_id).await,
        None => Ok(()),
    }
}

/// Whether money that came too late may make the order after all: coupons may be another order's by now, and what was
/// cancelled by people stays so.
pub(super) fn can_revive(row: &OrderRow) -> bool {
    let order = row.order();
    order.cancel_reason() == CancelReason::PaymentTimedOut
        && row.stored.coupon_ids.is_empty()
        && view::way(&order) != crate::domain::machine::Way::Voucher
}

//! Confirms the reservations of orders that need no online payment, and releases a duplicate reservation.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{CancelReason, OrderCancelled, OrderPaid, OrderState};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::move_order::{Cancellation, cancel};
use super::transition::Transition;
use super::{App, OUT_OF_STOCK, reservations, view};
use crate::domain::ids::{RefundId, ReservationId};
use crate::domain::machine::{FulfilmentPath, Move, Role};
use crate::store::orders::{self, OrderRow};

/// Confirms the reservations of an order that is paid in cash or costs nothing. If that fails, the order is cancelled.
pub(crate) async fn confirm_cash_order(app: &App, cx: &Cx, delivery: &Delivery, event: OrderPaid) -> Result<(), Error> {
    let is_paid_online = !event.is_cash_on_delivery && event.total_minor > 0;
    if is_paid_online {
        // Its reservations were confirmed before the event was written.
        return Ok(());
    }
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(event.order_id)).await? else {
        return Ok(());
    };
    let is_confirmed =
        row.state != OrderState::Cancelled && reservations::confirm_all(app, cx, &row, row.id.into()).await?;
    let Some(row) = orders::by_id(store, row.id).await? else {
        return Ok(());
    };
    if row.state == OrderState::Cancelled {
        // It was cancelled meanwhile, perhaps before its reservations were confirmed.
        return reservations::release_all(app, cx, &row).await;
    }
    if is_confirmed { Ok(()) } else { cancel_out_of_stock(app, cx, delivery, row).await }
}

async fn cancel_out_of_stock(app: &App, cx: &Cx, delivery: &Delivery, row: OrderRow) -> Result<(), Error> {
    let mut order = Transition::of(row, cx);
    if order.apply(cx, Move::Cancel, &[Role::System], OUT_OF_STOCK).is_err() {
        tracing::error!(
            order.id = order.row.id.get(),
            "order is in preparation without confirmed stock; count the stock of its items"
        );
        return Ok(());
    }
    let refund = RefundId::new(delivery.event.id);
    cancel(&mut order, &Cancellation { reason: CancelReason::OutOfStock, refund, text: OUT_OF_STOCK });
    let (_, commit) = order.finish();
    Ok(delivery.commit(&app.deps.store, cx, commit).await?)
}

/// Releases the second reservation of a cancelled order. The stock context releases the first one when it receives the
/// same event.
pub(crate) async fn release_second_reservation(
    app: &App,
    cx: &Cx,
    _delivery: &Delivery,
    event: OrderCancelled,
) -> Result<(), Error> {
    let row = orders::by_id(&app.deps.store, OrderId::new(event.order_id)).await?;
    match row.filter(|row| row.state == OrderState::Cancelled && row.stored.second_reservation_id != 0) {
        Some(row) => {
            let second = ReservationId::new(row.stored.second_reservation_id);
            reservations::release_stock(app, cx, second).await
        }
        None => Ok(()),
    }
}

/// Whether a late payment may revive the order. Another order may have used the coupons since, and an order that a person
/// cancelled stays cancelled.
pub(super) fn can_revive(row: &OrderRow) -> bool {
    let order = row.order();
    order.cancel_reason() == CancelReason::PaymentTimedOut
        && row.stored.coupon_ids.is_empty()
        && view::fulfilment_path(&order) != FulfilmentPath::Voucher
}

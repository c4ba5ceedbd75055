//! Accepts or rejects money that arrives for an order.
//!
//! Stock and coupons are confirmed between reading the order and the commit. The version that was read guards the commit:
//! if the order changed meanwhile, the event is handled again. What was confirmed for an order that is cancelled by then is
//! released before its money is refunded.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{CancelReason, OrderRefundRequested, PaymentState, RefundCause, StoredPayment};
use pulse_contract::payment::v1::PaymentSucceeded;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::activate::complete_voucher;
use super::confirm_cash_order::can_revive;
use super::move_order::{Cancellation, cancel};
use super::transition::Transition;
use super::{App, OUT_OF_STOCK, reservations, view};
use crate::config;
use crate::domain::ids::{AttemptId, PaymentId};
use crate::domain::machine::{Move, Role, State};
use crate::domain::payment::{self, Decision, IncomingPayment, LatePayment, PayableOrder, RejectReason};
use crate::store::orders::{self, OrderRow};

pub(crate) async fn on_payment_succeeded(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentSucceeded,
) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(event.order_id)).await? else {
        tracing::error!(
            order.id = event.order_id,
            payment.id = event.payment_id,
            "payment received for unknown order; it is refunded"
        );
        let request = refund_request(&event, RefundCause::OrderUnknown, "the order does not exist");
        return Ok(delivery.commit(store, cx, Commit::new().event(event.order_id, &request)).await?);
    };
    let decision = payment::decide(&payable(&row), &incoming(&event), late_payment(app));
    let late_reservation = PaymentId::new(event.payment_id).into();
    let commit = match decision {
        Decision::Ignore => return Ok(()),
        Decision::RecordCash => record_cash(cx, row, &event),
        Decision::Reject(reason) => {
            if reason == RejectReason::TooLate {
                reservations::release_all(app, cx, &row).await?;
            }
            let may_be_reserved_again = late_payment(app) == LatePayment::ReserveAgain;
            if may_be_reserved_again && row.stored.second_reservation_id != event.payment_id {
                reservations::release_stock(app, cx, late_reservation).await?;
            }
            reject(cx, row, &event, reason)
        }
        Decision::Confirm if reservations::confirm_all(app, cx, &row, row.id.into()).await? => {
            accept(cx, row, &event, Move::Pay)?
        }
        Decision::Confirm => cancel_out_of_stock(cx, row, &event)?,
        Decision::Revive if reservations::confirm_all(app, cx, &row, late_reservation).await? => {
            let mut row = row;
            row.stored.second_reservation_id = event.payment_id;
            accept(cx, row, &event, Move::Revive)?
        }
        Decision::Revive => reject(cx, row, &event, RejectReason::TooLate),
    };
    Ok(delivery.commit(store, cx, commit).await?)
}

fn payable(row: &OrderRow) -> PayableOrder {
    let order = row.order();
    let is_cash = view::is_cash(&order);
    let price = order.price.unwrap_or_default();
    let known = row.stored.payment.iter().chain(&row.stored.returned);
    PayableOrder {
        // An order in an unknown state must not be prepared.
        state: view::state(row.state).unwrap_or(State::Cancelled),
        total_minor: price.total_minor,
        currency: price.currency,
        is_paid: row.payment_state != PaymentState::Unpaid,
        is_cash,
        can_revive: can_revive(row),
        attempts: known.map(|payment| payment.attempt_id).filter(|id| *id != 0).map(AttemptId::new).collect(),
    }
}

fn incoming(event: &PaymentSucceeded) -> IncomingPayment {
    let amount = event.amount.clone().unwrap_or_default();
    IncomingPayment {
        attempt: AttemptId::new(event.attempt_id),
        amount_minor: amount.minor,
        currency: amount.currency,
        is_surplus: event.is_surplus,
    }
}

fn stored(event: &PaymentSucceeded, reason: &str) -> StoredPayment {
    let amount = event.amount.clone().unwrap_or_default();
    StoredPayment {
        payment_id: event.payment_id,
        attempt_id: event.attempt_id,
        amount_minor: amount.minor,
        currency: amount.currency,
        reason: reason.to_owned(),
    }
}

fn record_payment(order: &mut Transition, event: &PaymentSucceeded) {
    order.row.stored.payment = Some(stored(event, ""));
    order.update_payment_state();
}

/// Records that the shop received the cash.
fn record_cash(cx: &Cx, row: OrderRow, event: &PaymentSucceeded) -> Commit {
    let mut order = Transition::of(row, cx);
    record_payment(&mut order, event);
    order.finish().1
}

/// The order is paid, and its reservations are confirmed.
fn accept(cx: &Cx, row: OrderRow, event: &PaymentSucceeded, mv: Move) -> Result<Commit, Error> {
    let mut order = Transition::of(row, cx);
    record_payment(&mut order, event);
    order.apply(cx, mv, &[Role::System], "")?;
    if let Some(details) = &mut order.row.stored.order {
        details.cancel_reason = CancelReason::Unspecified.into();
    }
    order.emit_paid();
    complete_voucher(cx, &mut order)?;
    Ok(order.finish().1)
}

/// The order is paid, but its reservations could not be confirmed: it is cancelled and refunded.
fn cancel_out_of_stock(cx: &Cx, row: OrderRow, event: &PaymentSucceeded) -> Result<Commit, Error> {
    let mut order = Transition::of(row, cx);
    record_payment(&mut order, event);
    order.apply(cx, Move::Cancel, &[Role::System], OUT_OF_STOCK)?;
    let refund = AttemptId::new(event.attempt_id).into();
    cancel(&mut order, &Cancellation { reason: CancelReason::OutOfStock, refund, text: OUT_OF_STOCK });
    Ok(order.finish().1)
}

/// The payment is refunded, and recorded with the order.
fn reject(cx: &Cx, row: OrderRow, event: &PaymentSucceeded, reason: RejectReason) -> Commit {
    if reason == RejectReason::AmountMismatch {
        tracing::error!(
            order.id = row.id.get(),
            payment.id = event.payment_id,
            "paid amount differs from the total of the order; the payment is refunded"
        );
    }
    let mut order = Transition::of(row, cx);
    order.row.stored.returned.push(stored(event, reason.text()));
    let request = refund_request(event, cause(reason), reason.text());
    order.with(|commit, row| commit.event(row.id.get(), &request));
    order.finish().1
}

/// Refund of a rejected payment. Its ID is that of the attempt, so that it is requested once.
fn refund_request(event: &PaymentSucceeded, cause: RefundCause, reason: &str) -> OrderRefundRequested {
    let amount = event.amount.clone().unwrap_or_default();
    OrderRefundRequested {
        order_id: event.order_id,
        refund_id: event.attempt_id,
        amount_minor: amount.minor,
        currency: amount.currency,
        reason: reason.to_owned(),
        payment_id: event.payment_id,
        cause: cause.into(),
    }
}

fn cause(reason: RejectReason) -> RefundCause {
    match reason {
        RejectReason::Surplus => RefundCause::Surplus,
        RejectReason::AmountMismatch => RefundCause::AmountMismatch,
        RejectReason::TooLate => RefundCause::TooLate,
        RejectReason::TooEarly => RefundCause::TooEarly,
    }
}

fn late_payment(app: &App) -> LatePayment {
    match app.deps.config.late_payment {
        config::LatePayment::Refund => LatePayment::Refund,
        config::LatePayment::ReserveAgain => LatePayment::ReserveAgain,
    }
}

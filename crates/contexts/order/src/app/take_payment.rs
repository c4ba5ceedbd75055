//! Takes in money that has come for an order.
//!
//! Stock and coupons are asked between the look at the order and the commit, because what to ask for is in the order. The
//! version that was looked at guards the commit: when the order has moved meanwhile, everything is decided again, and what
//! was taken for an order that is cancelled by then is let go of before its money goes back.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{CancelReason, OrderRefundRequested, PaymentState, RefundCause, StoredPayment};
use pulse_contract::payment::v1::PaymentSucceeded;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::begin::complete_voucher;
use super::change::Change;
use super::move_order::cancel;
use super::secure_order::can_revive;
use super::{App, hold, view};
use crate::config;
use crate::domain::machine::{Move, Role, State};
use crate::domain::payment::{self, LatePayment, Money, Owed, Plan, Why};
use crate::store::orders::{self, OrderRow};

pub(crate) async fn take_payment(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentSucceeded,
) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(event.order_id)).await? else {
        tracing::error!(
            order = event.order_id,
            payment = event.payment_id,
            "money came for an order that is not there"
        );
        let commit = Commit::new()
            .event(event.order_id, &request_refund(&event, RefundCause::OrderUnknown, "there is no such order"));
        return Ok(delivery.commit(store, cx, commit).await?);
    };
    let plan = payment::plan(&owed(&row), &money(&event), late_payment(app));
    let has_coupons = hold::has_coupons(&row);
    let commit = match plan {
        Plan::Ignore => return Ok(()),
        Plan::Note => note(cx, row, &event),
        Plan::Return(why) => {
            if why == Why::Late {
                hold::let_go(app, cx, row.id, has_coupons).await?;
            }
            let second = late_payment(app) == LatePayment::ReserveAgain;
            if second && row.stored.second_reservation_id != event.payment_id {
                hold::release(app, cx, event.payment_id).await?;
            }
            send_back(cx, row, &event, why)
        }
        Plan::Secure if hold::take(app, cx, &row, row.id.get()).await? => accept(cx, row, &event, Move::Pay)?,
        Plan::Secure => cannot_supply(cx, row, &event)?,
        Plan::Revive if hold::take(app, cx, &row, event.payment_id).await? => {
            let mut row = row;
            row.stored.second_reservation_id = event.payment_id;
            accept(cx, row, &event, Move::Revive)?
        }
        Plan::Revive => send_back(cx, row, &event, Why::Late),
    };
    Ok(delivery.commit(store, cx, commit).await?)
}

fn owed(row: &OrderRow) -> Owed {
    let order = row.order();
    let is_cash = view::is_cash(&order);
    let price = order.price.unwrap_or_default();
    let known = row.stored.payment.iter().chain(&row.stored.returned);
    Owed {
        // What nobody understands is not made.
        state: view::state(row.state).unwrap_or(State::Cancelled),
        total_minor: price.total_minor,
        currency: price.currency,
        is_paid: row.payment_state != PaymentState::Unpaid,
        is_cash,
        can_revive: can_revive(row),
        attempts: known.map(|payment| payment.attempt_id).filter(|attempt| *attempt != 0).collect(),
    }
}

fn money(event: &PaymentSucceeded) -> Money {
    let amount = event.amount.clone().unwrap_or_default();
    Money {
        attempt_id: event.attempt_id,
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

fn take_in(change: &mut Change, event: &PaymentSucceeded) {
    change.row.stored.payment = Some(stored(event, ""));
    change.settle_payment();
}

/// Cash has arrived.
fn note(cx: &Cx, row: OrderRow, event: &PaymentSucceeded) -> Commit {
    let mut change = Change::of(row, cx);
    take_in(&mut change, event);
    change.end().1
}

/// The order is paid, and has everything.
fn accept(cx: &Cx, row: OrderRow, event: &PaymentSucceeded, mv: Move) -> Result<Commit, Error> {
    let mut change = Change::of(row, cx);
    take_in(&mut change, event);
    change.make(cx, mv, &[Role::System], "")?;
    if let Some(order) = &mut change.row.stored.order {
        order.cancel_reason = CancelReason::Unspecified.into();
    }
    change.tell_paid();
    complete_voucher(cx, &mut change)?;
    Ok(change.end().1)
}

/// The order is paid, and cannot be made: it is cancelled, and its money goes back.
fn cannot_supply(cx: &Cx, row: OrderRow, event: &PaymentSucceeded) -> Result<Commit, Error> {
    let reason = "it could not be had any more";
    let mut change = Change::of(row, cx);
    take_in(&mut change, event);
    change.make(cx, Move::Cancel, &[Role::System], reason)?;
    cancel(&mut change, CancelReason::OutOfStock, event.attempt_id, reason);
    Ok(change.end().1)
}

/// The money is not the order's: it goes back, and the order remembers that.
fn send_back(cx: &Cx, row: OrderRow, event: &PaymentSucceeded, why: Why) -> Commit {
    if why == Why::Mismatch {
        tracing::error!(
            order = row.id.get(),
            payment = event.payment_id,
            "another amount was paid than the order costs"
        );
    }
    let mut change = Change::of(row, cx);
    change.row.stored.returned.push(stored(event, why.word()));
    let request = request_refund(event, cause(why), why.word());
    change.with(|commit, row| commit.event(row.id.get(), &request));
    change.end().1
}

/// The refund of money that was not accepted; its number is that of the attempt, so that it is asked for once.
fn request_refund(event: &PaymentSucceeded, cause: RefundCause, reason: &str) -> OrderRefundRequested {
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

fn cause(why: Why) -> RefundCause {
    match why {
        Why::Surplus => RefundCause::Surplus,
        Why::Mismatch => RefundCause::AmountMismatch,
        Why::Late => RefundCause::TooLate,
        Why::Early => RefundCause::TooEarly,
    }
}

fn late_payment(app: &App) -> LatePayment {
    match app.deps.config.late_payment {
        config::LatePayment::Refund => LatePayment::Refund,
        config::LatePayment::ReserveAgain => LatePayment::ReserveAgain,
    }
}

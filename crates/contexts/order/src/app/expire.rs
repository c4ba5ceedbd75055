//! Cancels orders whose payment time ended (PL-35, R11), or that were not placed in time (TR-32).

use pulse_contract::order::v1::{CancelReason, OrderPaymentTimedOut, OrderState, errors};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::transition::Transition;
use crate::domain::machine::{Move, Role};
use crate::store::orders::{self, OrderRow};

pub(crate) async fn expire(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system("order.expire", store.clock().now());
    store
        .attempt(&cx, || async {
            let row = orders::by_id(store, OrderId::new(due.key)).await?;
            let commit = match row {
                Some(row) if row.state == OrderState::AwaitingPayment => payment_timed_out(&cx, row, due)?,
                Some(row) if row.state == OrderState::Placing => placed_too_late(&cx, row)?,
                // Paid or cancelled in time.
                Some(_) | None => Commit::new(),
            };
            match store.commit(&cx, commit.fired(due)).await {
                Err(pulse_store::StoreError::AlreadyDone) => Ok(()),
                outcome => Ok(outcome?),
            }
        })
        .await
}

/// Cancels an unpaid order. No money was accepted, so nothing is refunded.
fn payment_timed_out(cx: &Cx, row: OrderRow, due: &DueTimer) -> Result<Commit, Error> {
    let mut order = Transition::of(row, cx);
    order.apply(cx, Move::Expire, &[Role::System], "")?;
    let event = OrderPaymentTimedOut { order_id: due.key, expired_at: Some(due.due_at.into()) };
    order.with(|commit, row| commit.event(row.id.get(), &event));
    order.emit_cancelled(CancelReason::PaymentTimedOut);
    Ok(order.finish().1)
}

/// Cancels a queued order whose placement deadline passed. Other contexts release its reservations when they receive the
/// event.
pub(crate) fn placed_too_late(cx: &Cx, row: OrderRow) -> Result<Commit, Error> {
    let mut order = Transition::of(row, cx);
    order.apply(cx, Move::Expire, &[Role::System], "")?;
    order.emit_placement_failed(errors::ORDER_PLACING_TIMED_OUT.code);
    Ok(order.finish().1)
}

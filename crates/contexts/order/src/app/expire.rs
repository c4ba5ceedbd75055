//! Ends the time to pay (PL-35, R11), and the time to be placed (TR-32).

use pulse_contract::order::v1::{CancelReason, OrderPaymentTimedOut, OrderState, errors};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::change::Change;
use super::move_order::cancel;
use crate::domain::machine::{Move, Role};
use crate::store::orders::{self, OrderRow};

pub(crate) async fn expire(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system("order.expire", store.clock().now());
    store
        .attempt(&cx, || async {
            let row = orders::by_id(store, OrderId::new(due.key)).await?;
            let commit = match row {
                Some(row) if row.state == OrderState::AwaitingPayment => {
                    let mut change = Change::of(row, &cx);
                    let event = OrderPaymentTimedOut { order_id: due.key, expired_at: Some(due.due_at.into()) };
                    change.make(&cx, Move::Expire, &[Role::System], "")?;
                    change.with(|commit, row| commit.event(row.id.get(), &event));
                    cancel(&mut change, CancelReason::PaymentTimedOut, 0, "");
                    change.end().1
                }
                Some(row) if row.state == OrderState::Placing => placed_too_late(&cx, row)?,
                // Paid or cancelled in time.
                Some(_) | None => Commit::new(),
            };
            match store.commit(&cx, commit.fired(&due)).await {
                Err(pulse_store::StoreError::AlreadyDone) => Ok(()),
                outcome => Ok(outcome?),
            }
        })
        .await
}

/// Ends an order that was not placed in the time that it had; what it may hold is given back when others hear of it.
pub(crate) fn placed_too_late(cx: &Cx, row: OrderRow) -> Result<Commit, Error> {
    let mut change = Change::of(row, cx);
    change.make(cx, Move::Expire, &[Role::System], "")?;
    change.tell_not_placed(errors::ORDER_PLACING_TIMED_OUT.code);
    Ok(change.end().1)
}

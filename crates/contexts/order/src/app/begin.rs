//! How the life of an order begins: with the wait for its money, or without one.

use pulse_contract::order::v1::{Order, OrderKind, PaymentState, StoredPayment};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Timer;

use super::change::Change;
use super::{EXPIRE, view};
use crate::domain::machine::{Move, Role};

/// The first state: waiting for money until then, unless it comes in cash or there is nothing to pay.
pub(super) fn begin(change: &mut Change, cx: &Cx, expires_at: Timestamp) -> Result<(), Error> {
    let order = change.row.stored.order.as_mut();
    let is_cash = order.as_deref().is_some_and(view::is_cash);
    if order.as_deref().is_some_and(is_paid_first) {
        if let Some(order) = order {
            order.expires_at = Some(expires_at.into());
        }
        change.tell_placed();
        change.with(|commit, row| {
            commit.timer(Timer { kind: EXPIRE, key: row.id.get(), due_at: expires_at, payload: Default::default() })
        });
        return Ok(());
    }
    if !is_cash {
        let price = change.row.stored.order.as_ref().and_then(|order| order.price.as_ref());
        let currency = price.map(|price| price.currency.clone()).unwrap_or_default();
        change.row.stored.payment = Some(StoredPayment { currency, ..StoredPayment::default() });
        change.row.payment_state = PaymentState::Paid;
    }
    let reason = if is_cash { "cash on delivery" } else { "nothing to pay" };
    change.make(cx, Move::Pay, &[Role::System], reason)?;
    change.tell_placed();
    change.tell_paid();
    complete_voucher(cx, change)
}

/// Whether money has to come before the order is made.
pub(super) fn is_paid_first(order: &Order) -> bool {
    !view::is_cash(order) && order.price.as_ref().is_some_and(|price| price.total_minor > 0)
}

/// A voucher that is paid is complete: its coupons are the buyer's.
pub(super) fn complete_voucher(cx: &Cx, change: &mut Change) -> Result<(), Error> {
    if change.row.stored.order.as_ref().is_none_or(|order| order.kind() != OrderKind::VirtualVoucher) {
        return Ok(());
    }
    change.make(cx, Move::Complete, &[Role::System], "")?;
    change.tell_moved();
    Ok(())
}

//! Activates a new order: it waits for its payment, or is confirmed at once if it needs none.

use pulse_contract::order::v1::{Order, OrderKind, PaymentState, StoredPayment};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Timer;

use super::transition::Transition;
use super::{EXPIRE, view};
use crate::domain::machine::{Move, Role};

/// Puts the order into its first state, with the payment deadline `expires_at` if it needs an online payment.
pub(super) fn activate(order: &mut Transition, cx: &Cx, expires_at: Timestamp) -> Result<(), Error> {
    let details = order.row.stored.order.as_mut();
    let is_cash = details.as_deref().is_some_and(view::is_cash);
    if details.as_deref().is_some_and(needs_online_payment) {
        if let Some(details) = details {
            details.expires_at = Some(expires_at.into());
        }
        order.emit_placed();
        order.with(|commit, row| {
            commit.timer(Timer { kind: EXPIRE, key: row.id.get(), due_at: expires_at, payload: Default::default() })
        });
        return Ok(());
    }
    if !is_cash {
        let price = order.row.stored.order.as_ref().and_then(|order| order.price.as_ref());
        let currency = price.map(|price| price.currency.clone()).unwrap_or_default();
        order.row.stored.payment = Some(StoredPayment { currency, ..StoredPayment::default() });
        order.row.payment_state = PaymentState::Paid;
    }
    let reason = if is_cash { "cash on delivery" } else { "nothing to pay" };
    order.apply(cx, Move::Pay, &[Role::System], reason)?;
    order.emit_placed();
    order.emit_paid();
    complete_voucher(cx, order)
}

/// Whether the order must be paid online before it is prepared.
pub(super) fn needs_online_payment(order: &Order) -> bool {
    !view::is_cash(order) && order.price.as_ref().is_some_and(|price| price.total_minor > 0)
}

/// Completes a paid voucher order, because its coupons can be used from now on. Other orders stay as they are.
pub(super) fn complete_voucher(cx: &Cx, order: &mut Transition) -> Result<(), Error> {
    if order.row.stored.order.as_ref().is_none_or(|order| order.kind() != OrderKind::VirtualVoucher) {
        return Ok(());
    }
    order.apply(cx, Move::Complete, &[Role::System], "")?;
    order.emit_moved();
    Ok(())
}

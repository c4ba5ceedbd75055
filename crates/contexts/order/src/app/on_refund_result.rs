//! Records the result of a refund in its order.

use pulse_bus::Delivery;
use pulse_contract::order::v1::StoredRefund;
use pulse_contract::payment::v1::{PaymentRefundFailed, PaymentRefunded};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::refund_order::conclude;
use super::transition::Transition;
use super::{App, view};
use crate::domain::ids::RefundId;
use crate::domain::machine::Role;
use crate::domain::refund::{self, RefundState};
use crate::store::orders;

/// The money was returned to the customer.
pub(crate) async fn on_refund_succeeded(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentRefunded,
) -> Result<(), Error> {
    let amount_minor = event.amount.map(|amount| amount.minor).unwrap_or_default();
    let (order, refund) = (OrderId::new(event.order_id), RefundId::new(event.refund_id));
    record(app, cx, delivery, RefundResult { order, refund, amount_minor, state: RefundState::Done }).await
}

/// The provider refused the refund, or the bank returned it. The amount becomes refundable again.
pub(crate) async fn on_refund_failed(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentRefundFailed,
) -> Result<(), Error> {
    let (order, refund) = (OrderId::new(event.order_id), RefundId::new(event.refund_id));
    record(app, cx, delivery, RefundResult { order, refund, amount_minor: 0, state: RefundState::Failed }).await
}

/// Result of a refund.
struct RefundResult {
    order: OrderId,
    refund: RefundId,
    /// Refunded amount in minor units; 0 for a failed refund.
    amount_minor: i64,
    state: RefundState,
}

async fn record(app: &App, cx: &Cx, delivery: &Delivery, result: RefundResult) -> Result<(), Error> {
    let (store, refund_id) = (&app.deps.store, result.refund.get());
    let Some(row) = orders::by_id(store, result.order).await? else {
        return Ok(());
    };
    // The refund of a rejected payment does not concern the accepted one.
    if row.stored.returned.iter().any(|payment| payment.attempt_id == refund_id) {
        return Ok(());
    }
    let refunded_before = refund::refunded_minor(&view::refunds(&row));
    let mut order = Transition::of(row, cx);
    let refunds = &mut order.row.stored.refunds;
    match refunds.iter_mut().find(|refund| refund.refund_id == refund_id) {
        Some(refund) => {
            let known = view::refund_state(refund.state());
            let state = refund::merge(known, result.state);
            if state == known {
                return Ok(());
            }
            refund.state = view::stored_refund_state(state).into();
        }
        None if result.state == RefundState::Done => refunds.push(StoredRefund {
            refund_id,
            amount_minor: result.amount_minor,
            reason: String::new(),
            state: view::stored_refund_state(result.state).into(),
        }),
        None => return Ok(()),
    }
    order.update_payment_state();
    if refund::refunded_minor(&view::refunds(&order.row)) != refunded_before {
        conclude(app, cx, &mut order, &[Role::System])?;
    }
    let (_, commit) = order.finish();
    Ok(delivery.commit(store, cx, commit).await?)
}

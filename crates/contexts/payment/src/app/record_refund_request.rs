//! Records the refund that an order requests, once; a timer requests it from the provider.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{OrderRefundRequested, RefundCause as RequestedCause};
use pulse_contract::payment::v1::PaymentRefundFailed;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Currency, Cx, Error, Money};
use pulse_store::Commit;

use super::App;
use super::apply_provider_facts::commit_change;
use crate::domain::payment::{RefundCause, RefundId, RefundRequest, failure_text};
use crate::store::payments;

pub(crate) async fn record_refund_request(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: OrderRefundRequested,
) -> Result<(), Error> {
    let before = payments::of_order(app.store(), OrderId::new(event.order_id)).await?;
    let (Some(before), Some(currency)) = (before, Currency::from_code(&event.currency)) else {
        return refuse(app, cx, delivery, event).await;
    };
    let mut after = before.clone();
    let request = RefundRequest {
        id: RefundId::new(event.refund_id),
        amount: Money::new(event.amount_minor, currency),
        cause: cause(event.cause()),
        reason: failure_text(&event.reason),
        is_rejected_payment: event.payment_id != 0,
    };
    after.request_refund(request, cx.now);
    let (commit, _after) = commit_change(app, cx, Commit::new(), &before, after);
    Ok(delivery.commit(app.store(), cx, commit).await?)
}

fn cause(requested: RequestedCause) -> RefundCause {
    match requested {
        RequestedCause::Unspecified => RefundCause::Unspecified,
        RequestedCause::Cancelled => RefundCause::Cancelled,
        RequestedCause::ByStaff => RefundCause::ByStaff,
        RequestedCause::Surplus => RefundCause::Surplus,
        RequestedCause::AmountMismatch => RefundCause::AmountMismatch,
        RequestedCause::TooLate => RefundCause::TooLate,
        RequestedCause::TooEarly => RefundCause::TooEarly,
        RequestedCause::OrderUnknown => RefundCause::OrderUnknown,
    }
}

/// The order has no payment, so there is no money to refund.
async fn refuse(app: &App, cx: &Cx, delivery: &Delivery, event: OrderRefundRequested) -> Result<(), Error> {
    let OrderRefundRequested { order_id, refund_id, .. } = event;
    tracing::error!(order.id = order_id, refund.id = refund_id, "refund requested for an order without a payment");
    let failure = "the order has no payment".to_owned();
    let failed = PaymentRefundFailed { payment_id: 0, order_id, refund_id, failure, is_undone: false };
    let commit = Commit::new().event(order_id, &failed).count(crate::metrics::refund_failed(false));
    Ok(delivery.commit(app.store(), cx, commit).await?)
}

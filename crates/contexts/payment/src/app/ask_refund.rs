//! An order wants money to go back: it is written down once, and a timer asks the provider.

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderRefundRequested;
use pulse_contract::payment::v1::PaymentRefundFailed;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Currency, Cx, Error, Money};
use pulse_store::Commit;

use super::App;
use super::conclude::conclude;
use crate::domain::payment::{RefundId, failure_text};
use crate::store::payments;

pub(crate) async fn ask_refund(
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
    let asked = (Money::new(event.amount_minor, currency), &*failure_text(&event.reason));
    after.ask_refund(RefundId::new(event.refund_id), asked, event.payment_id, cx.now);
    let (commit, _after) = conclude(app, cx, Commit::new(), (&before, after));
    Ok(delivery.commit(app.store(), cx, commit).await?)
}

/// Nothing was ever paid to us for this order: there is nothing to pay back, and nobody to ask.
async fn refuse(app: &App, cx: &Cx, delivery: &Delivery, event: OrderRefundRequested) -> Result<(), Error> {
    let OrderRefundRequested { order_id, refund_id, .. } = event;
    tracing::error!(order.id = order_id, refund.id = refund_id, "a refund of an order without a payment");
    let failure = "nothing was paid for the order".to_owned();
    let failed = PaymentRefundFailed { payment_id: 0, order_id, refund_id, failure, is_undone: false };
    Ok(delivery.commit(app.store(), cx, Commit::new().event(order_id, &failed)).await?)
}

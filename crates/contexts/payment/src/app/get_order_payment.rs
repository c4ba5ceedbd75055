//! Returns the payment of an order to its customer and to operators.

use pulse_contract::payment::v1::{GetOrderPaymentRequest, Payment as View, errors};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Role};

use super::{App, view};
use crate::store::payments;

pub(crate) async fn get_order_payment(app: &App, cx: &Cx, request: GetOrderPaymentRequest) -> Result<View, Error> {
    let payment = payments::of_order(app.store(), OrderId::new(request.order_id)).await?;
    // A payment of amount 0 marks an order that was cancelled before the first attempt.
    let payment = payment.filter(|payment| payment.intent.amount.minor > 0);
    let payment = payment
        .filter(|payment| cx.actor.account() == Some(payment.intent.customer) || cx.actor.has_role(Role::Operator));
    let payment = payment.ok_or_else(|| {
        errors::PAYMENT_NOT_FOUND
            .error("the order has no payment, or the caller may not see it")
            .with("order_id", request.order_id)
    })?;
    Ok(view::payment(&payment, &app.page_base))
}

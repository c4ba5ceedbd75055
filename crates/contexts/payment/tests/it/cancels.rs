//! Orders that are cancelled: nobody is to pay them any more, and who pays all the same gets it back.

use pulse_contract::order::v1::{CancelOrderRequest, OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;

use crate::street::*;
use crate::{MINUTE, code};

async fn cancel(street: &Street, node: &TestNode, order_id: i64) {
    let request = CancelOrderRequest { order_id, reason: "changed my mind".to_owned() };
    node.orders().cancel_order(&street.customer.cx(), request).await.unwrap();
    node.settle().await;
}

pub(crate) async fn a_cancelled_order_cannot_be_paid_any_more(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    cancel(&street, node, order_id).await;
    let payment = street.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Cancelled, vec![AttemptState::Cancelled]));
    let http = node.http();
    assert!(http.get(&page).send().await.text().contains("given up"));
    let form = http.ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let again = node.payments().start_payment(&street.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&again), "PAYMENT_NOT_POSSIBLE");
    check(node).await;
    assert_eq!(street.payment(node, order_id).await.state(), IntentState::Cancelled);
    assert_eq!(balances(node).await, []);
}

pub(crate) async fn an_order_that_was_never_tried_is_closed_too(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    cancel(&street, node, order_id).await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_intents WHERE is_closed = 1").await, 1);
    let request = GetOrderPaymentRequest { order_id };
    assert_eq!(code(&node.payments().get_order_payment(&street.customer.cx(), request).await), "PAYMENT_NOT_FOUND");
    let start = node.payments().start_payment(&street.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&start), "PAYMENT_NOT_POSSIBLE");
    check(node).await;
}

/// R12: the success crosses the cancellation on the way. The order stays cancelled, the money goes back once.
pub(crate) async fn a_success_after_the_cancellation_goes_back_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    // The customer has paid, and the webhook is still on its way.
    let form = node.http().ask("POST", &payment.attempts[0].pay_url).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let request = CancelOrderRequest { order_id, reason: String::new() };
    node.orders().cancel_order(&street.customer.cx(), request).await.unwrap();
    check(node).await;
    // And comes again, as another event.
    tell(node, "evt_late", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    check(node).await;

    let payment = street.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Succeeded, vec![AttemptState::Succeeded]));
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    let order = street.see(node, order_id).await;
    assert_eq!(order.state(), OrderState::Cancelled);
    assert_ne!(order.payment_state(), PaymentState::Paid);
    assert_eq!(balances(node).await, []);
}

/// R11: fifteen minutes later the order is cancelled, and its attempt with it, at the provider too.
pub(crate) async fn an_order_that_nobody_pays_is_given_up_at_the_provider(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    node.advance(MINUTE * 16);
    check(node).await;
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Cancelled);
    assert_eq!(attempts(&street.payment(node, order_id).await), [AttemptState::Cancelled]);
    assert!(node.http().get(&page).send().await.text().contains("given up"));
}

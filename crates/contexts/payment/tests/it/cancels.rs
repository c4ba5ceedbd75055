//! Cancelled orders: they cannot be paid, and a payment that succeeds anyway is refunded.

use pulse_contract::order::v1::{CancelOrderRequest, OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;
use serde_json::json;

use crate::fake_stripe::FakeStripe;
use crate::shop_fixtures::*;
use crate::stripe::{deliver_from_stripe, made, refused, reply, run_everywhere, with_stripe_default};
use crate::{HOUR, MINUTE, SECOND, code};

async fn cancel(fixture: &ShopFixture, node: &TestNode, order_id: i64) {
    let request = CancelOrderRequest { order_id, reason: "changed my mind".to_owned() };
    node.orders().cancel_order(&fixture.customer.cx(), request).await.unwrap();
    node.settle().await;
}

pub(crate) async fn a_cancelled_order_cannot_be_paid(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    cancel(&fixture, node, order_id).await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Cancelled, vec![AttemptState::Cancelled]));
    let http = node.http();
    assert!(http.get(&page).send().await.text().contains("given up"));
    let form = http.ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let again = node.payments().start_payment(&fixture.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&again), "PAYMENT_NOT_POSSIBLE");
    check(node).await;
    assert_eq!(fixture.payment(node, order_id).await.state(), IntentState::Cancelled);
    assert_eq!(balances(node).await, []);
}

pub(crate) async fn an_order_without_attempts_is_closed_too(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    cancel(&fixture, node, order_id).await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_intents WHERE is_closed = 1").await, 1);
    let request = GetOrderPaymentRequest { order_id };
    assert_eq!(code(&node.payments().get_order_payment(&fixture.customer.cx(), request).await), "PAYMENT_NOT_FOUND");
    let start = node.payments().start_payment(&fixture.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&start), "PAYMENT_NOT_POSSIBLE");
    check(node).await;
}

/// R12: a success arrives after the cancellation. The order stays cancelled, and the payment is refunded once.
pub(crate) async fn a_success_after_the_cancellation_is_refunded_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    // The customer has paid, and the webhook has not arrived.
    let form = node.http().ask("POST", &payment.attempts[0].pay_url).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let request = CancelOrderRequest { order_id, reason: String::new() };
    node.orders().cancel_order(&fixture.customer.cx(), request).await.unwrap();
    check(node).await;
    // The success arrives again, as another event.
    deliver(node, "evt_late", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    check(node).await;

    let payment = fixture.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Succeeded, vec![AttemptState::Succeeded]));
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    let order = fixture.see(node, order_id).await;
    assert_eq!(order.state(), OrderState::Cancelled);
    assert_ne!(order.payment_state(), PaymentState::Paid);
    assert_eq!(balances(node).await, []);
}

/// R11: after fifteen minutes the order is cancelled, and its attempt at the provider.
pub(crate) async fn the_attempt_of_an_unpaid_order_is_cancelled_at_the_provider(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    node.advance(MINUTE * 16);
    check(node).await;
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Cancelled);
    assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Cancelled]);
    assert!(node.http().get(&page).send().await.text().contains("given up"));
}

/// A cancelled order with an attempt that Stripe is processing.
async fn cancelled_while_processing(node: &TestNode, stripe: &FakeStripe) -> (ShopFixture, i64) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    stripe.will_reply([reply(&made("processing"))]);
    node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
    stripe.requests();
    stripe.will_reply([refused(400, "status of processing"), reply(&made("processing"))]);
    cancel(&fixture, node, order_id).await;
    (fixture, order_id)
}

/// M4: a refused request is repeated after a pause, at once when the state changes, and never with the key of a refusal.
#[test]
fn an_attempt_is_cancelled_as_soon_as_its_state_permits() {
    run_everywhere(async |node, stripe| {
        let (fixture, order_id) = cancelled_while_processing(node, stripe).await;
        let first = stripe.requests();
        assert_eq!(first.len(), 2);
        for _ in 0..5 {
            node.settle().await;
        }
        assert_eq!(stripe.requests().len(), 0, "not before the pause");
        stripe.will_reply([refused(400, "status of processing"), reply(&made("processing"))]);
        node.advance(SECOND);
        node.settle().await;
        let second = stripe.requests();
        assert_eq!(second.len(), 2);

        let mut failed = made("requires_payment_method");
        failed["last_payment_error"] = json!({ "code": "card_declined", "message": "Your card was declined." });
        stripe.will_reply([refused(400, "status of processing"), reply(&failed)]);
        deliver_from_stripe(node, "evt_failed", "payment_intent.payment_failed", &failed).await;
        let third = stripe.requests();
        assert_eq!(third.len(), 2, "one request after the change, although the failure is reported again");
        stripe.will_reply([reply(&made("canceled"))]);
        node.advance(SECOND);
        node.settle().await;
        let fourth = stripe.requests();
        let keys: Vec<&str> =
            [&first, &second, &third, &fourth].map(|requests| requests[0].header("idempotency-key").unwrap()).to_vec();
        let distinct: std::collections::BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), 4, "{keys:?}");
        assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Cancelled]);
        node.advance(HOUR);
        check(node).await;
        assert_eq!(stripe.requests().len(), 0);
    });
}

/// M4: the requests end after about a day; the attempt, its flag and verification show it.
#[test]
fn requests_to_cancel_end_with_an_alarm() {
    run_everywhere(async |node, stripe| {
        let (fixture, order_id) = cancelled_while_processing(node, stripe).await;
        stripe.requests();
        let mut count = 1;
        // The provider answers every request with status 500 from here on.
        for _ in 0..60 {
            node.advance(HOUR);
            node.settle().await;
            count += stripe.requests().len();
        }
        assert_eq!(count, 36);
        let payment = fixture.payment(node, order_id).await;
        assert!(payment.attempts[0].is_cancel_abandoned);
        let verified = pulse_payment::verify(node.store("payment"), false).await.unwrap();
        let invariants: Vec<&str> = verified.findings.iter().map(|finding| finding.invariant).collect();
        assert_eq!(invariants, ["payment.obsolete_attempts_are_cancelled"]);

        // The operator cancels it on the pages of the provider.
        deliver_from_stripe(node, "evt_end", "payment_intent.canceled", &made("canceled")).await;
        assert!(!fixture.payment(node, order_id).await.attempts[0].is_cancel_abandoned);
        check(node).await;
    });
}

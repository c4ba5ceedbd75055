//! The Stripe client: its requests, and the meaning of all answers.

use std::time::Duration;

use pulse_contract::order::v1::OrderState;
use pulse_contract::payment::v1::*;
use pulse_payment::domain::signature;
use pulse_testkit::config::{Config, SecretText};
use pulse_testkit::{Engine, TestNode, run_with};
use serde_json::{Value, json};

use crate::fake_stripe::{Answer, FakeStripe};
use crate::shop_fixtures::*;
use crate::{DAY, HOUR, MINUTE, SECOND, code};

pub(crate) const SECRET: &str = "whsec_of_the_tests_0123456789";

/// Runs a behaviour on a node with Stripe at this address.
pub(crate) fn with_stripe(url: &str, behaviour: impl AsyncFnOnce(&mut TestNode)) {
    // Without reconciliation, so that only the requests of the test are recorded.
    with_stripe_on(Engine::Sqlite, url, Duration::ZERO, behaviour);
}

fn with_stripe_on(engine: Engine, url: &str, every: Duration, behaviour: impl AsyncFnOnce(&mut TestNode)) {
    let url = url.to_owned();
    let change = move |config: &mut Config| {
        config.payment.stripe_secret_key = SecretText::new("sk_test_of_the_tests");
        config.payment.stripe_webhook_secret = SecretText::new(SECRET);
        config.payment.stripe_api_url = url;
        config.payment.reconcile_every = every;
    };
    run_with(engine, change, behaviour);
}

/// Runs a behaviour on all engines, each with an own fake provider.
pub(crate) fn run_everywhere(behaviour: impl AsyncFn(&mut TestNode, &FakeStripe)) {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MariaDb] {
        let (_runtime, stripe) = fake_stripe();
        with_stripe_on(engine, &stripe.url, Duration::ZERO, async |node| behaviour(node, &stripe).await);
    }
}

/// The node needs the address at its start, and the fake provider needs a runtime that outlives the node.
fn fake_stripe() -> (tokio::runtime::Runtime, FakeStripe) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stripe = runtime.block_on(FakeStripe::start());
    (runtime, stripe)
}

fn run(behaviour: impl AsyncFnOnce(&mut TestNode, &FakeStripe)) {
    run_compared(Duration::ZERO, behaviour);
}

fn run_compared(every: Duration, behaviour: impl AsyncFnOnce(&mut TestNode, &FakeStripe)) {
    let (_runtime, stripe) = fake_stripe();
    with_stripe_on(Engine::Sqlite, &stripe.url, every, async |node| behaviour(node, &stripe).await);
}

pub(crate) fn with_stripe_default(order_id: i64) -> StartPaymentRequest {
    StartPaymentRequest { order_id, ..StartPaymentRequest::default() }
}

pub(crate) fn made(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": PRICE, "amount_received": PRICE, "currency": "cny",
        "status": status, "client_secret": "pi_1_secret_x", "created": 1_777_867_200,
    })
}

pub(crate) fn reply(value: &Value) -> Answer {
    Answer::Reply(200, value.to_string())
}

pub(crate) fn refused(status: u16, message: &str) -> Answer {
    Answer::Reply(status, json!({ "error": { "type": "x", "code": "y", "message": message } }).to_string())
}

pub(crate) async fn deliver_from_stripe(node: &TestNode, id: &str, kind: &str, object: &Value) {
    let body = event(id, kind, object);
    let request = ReceiveWebhookRequest {
        provider: "stripe".to_owned(),
        headers: signed(signature::sign(SECRET.as_bytes(), body.as_bytes(), node.now())),
        payload: body.into(),
    };
    node.payments().receive_webhook(&node.cx(), request).await.unwrap();
    node.settle().await;
}

/// PL-11: the request as Stripe documents it; only the customer's client gets the secret.
#[test]
fn a_payment_is_requested_in_the_format_of_stripe() {
    run(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        stripe.will_reply([reply(&made("requires_payment_method"))]);
        let payment =
            node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        let attempt = &payment.attempts[0];
        assert_eq!((attempt.provider.as_str(), attempt.provider_reference.as_str()), ("stripe", "pi_1"));
        assert_eq!((attempt.client_secret.as_str(), attempt.pay_url.as_str()), ("pi_1_secret_x", ""));
        assert_eq!(
            fixture.payment(node, order_id).await.attempts[0].client_secret,
            "",
            "only in the answer of the start"
        );

        let requests = stripe.requests();
        assert_eq!(requests[0].line, "POST /v1/payment_intents HTTP/1.1");
        assert_eq!(requests[0].header("authorization"), Some("Bearer sk_test_of_the_tests"));
        assert_eq!(requests[0].header("content-type"), Some("application/x-www-form-urlencoded"));
        let key = format!("pulse-attempt-{}", attempt.attempt_id);
        assert_eq!(requests[0].header("idempotency-key"), Some(key.as_str()));
        let body = format!(
            "amount={PRICE}&currency=cny&metadata%5Bpulse_attempt_id%5D={}&metadata%5Bpulse_order_id%5D={order_id}\
             &payment_method_types%5B%5D=card",
            attempt.attempt_id
        );
        assert_eq!(requests[0].body, body);

        // The second start reads the intent, because it may have been paid meanwhile.
        stripe.will_reply([reply(&made("succeeded"))]);
        let again = node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        assert_eq!(again.state(), IntentState::Succeeded);
        assert_eq!(stripe.requests()[0].line, "GET /v1/payment_intents/pi_1 HTTP/1.1");
        node.settle().await;
        assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
        check(node).await;
    });
}

/// R17: a request with an unknown outcome is repeated with the same key, and the attempt stays open.
#[test]
fn a_request_without_answer_is_repeated_with_the_same_key() {
    run(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        let down = [
            Answer::Nothing,
            refused(500, "sorry"),
            refused(429, "slow down"),
            refused(409, "another request with this key"),
            refused(401, "bad key"),
            Answer::Reply(200, "<html>".to_owned()),
        ];
        let count = down.len();
        stripe.will_reply(down);
        for _ in 0..count {
            let outcome = node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await;
            assert_eq!(code(&outcome), "PAYMENT_PROVIDER_UNAVAILABLE");
            assert!(!format!("{}", outcome.unwrap_err()).contains("sk_test"));
        }
        assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Created]);
        stripe.will_reply([reply(&made("requires_payment_method"))]);
        let payment =
            node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        assert_eq!(attempts(&payment), [AttemptState::Open]);
        let keys: Vec<_> =
            stripe.requests().iter().map(|requests| requests.header("idempotency-key").unwrap().to_owned()).collect();
        assert_eq!(keys.len(), count + 1);
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        check(node).await;
    });
}

#[test]
fn a_refusal_of_stripe_is_final() {
    run(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        stripe.will_reply([refused(400, "Amount must be at least 50 cents")]);
        let outcome = node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await;
        assert_eq!(code(&outcome), "PAYMENT_PROVIDER_REFUSED");
        let payment = fixture.payment(node, order_id).await;
        assert_eq!(attempts(&payment), [AttemptState::Failed]);
        assert_eq!(payment.attempts[0].failure, "Amount must be at least 50 cents");
        check(node).await;
    });
}

/// Refunds are requested with their ID, repeated after a failure, and searched first if Stripe may have forgotten the key.
/// Refusals are published, and returned refunds are corrected in the ledger.
#[test]
fn refunds_are_requested_until_they_are_answered() {
    run(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        stripe.will_reply([reply(&made("requires_payment_method"))]);
        node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        deliver_from_stripe(node, "evt_1", "payment_intent.succeeded", &made("succeeded")).await;
        stripe.requests();

        fixture.refund(node, order_id, 500).await.unwrap();
        stripe.will_reply([Answer::Nothing]);
        node.settle().await;
        let refund_id = fixture.payment(node, order_id).await.refunds[0].refund_id;
        let back = json!({
            "id": "re_1", "object": "refund", "amount": 500, "currency": "cny", "status": "pending",
            "payment_intent": "pi_1", "created": 1_777_867_201, "metadata": { "pulse_refund_id": refund_id.to_string() },
        });
        stripe.will_reply([reply(&back)]);
        node.advance(HOUR);
        node.settle().await;
        let requests = stripe.requests();
        let key = format!("pulse-refund-{refund_id}");
        assert_eq!(requests.len(), 2);
        for requests in &requests {
            assert_eq!(
                (requests.line.as_str(), requests.header("idempotency-key")),
                ("POST /v1/refunds HTTP/1.1", Some(&*key))
            );
            let metadata = format!("metadata%5Bpulse_refund_id%5D={refund_id}");
            assert_eq!(requests.body, format!("payment_intent=pi_1&amount=500&{metadata}"));
        }
        assert_eq!(refunds(&fixture.payment(node, order_id).await), [(RefundState::Pending, 500)]);
        assert_eq!(kinds(node, order_id).await, ["capture"]);
        let mut done = back.clone();
        done["status"] = json!("succeeded");
        deliver_from_stripe(node, "evt_2", "refund.updated", &done).await;
        assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);

        // The second refund: the node was down for a day after its request. Stripe has it, so it is not requested again.
        fixture.refund(node, order_id, 300).await.unwrap();
        stripe.will_reply([Answer::Nothing]);
        node.settle().await;
        stripe.requests();
        let second = fixture.payment(node, order_id).await.refunds[1].refund_id;
        let mut known = done.clone();
        known["id"] = json!("re_2");
        known["amount"] = json!(300);
        known["metadata"] = json!({ "pulse_refund_id": second.to_string() });
        stripe.will_reply([reply(&json!({ "object": "list", "data": [done, known], "has_more": false }))]);
        node.advance(DAY * 2);
        node.settle().await;
        assert_eq!(stripe.requests()[0].line, "GET /v1/refunds?payment_intent=pi_1&limit=100 HTTP/1.1");
        assert_eq!(kinds(node, order_id).await, ["capture", "refund", "refund"]);

        // The third refund is refused, and the bank returns the first one.
        fixture.refund(node, order_id, 100).await.unwrap();
        stripe.will_reply([refused(400, "Your balance is too low.")]);
        node.settle().await;
        let mut failed = back;
        failed["status"] = json!("failed");
        failed["failure_reason"] = json!("lost_or_stolen_card");
        deliver_from_stripe(node, "evt_3", "refund.failed", &failed).await;
        let payment = fixture.payment(node, order_id).await;
        let (ok, no) = (RefundState::Succeeded, RefundState::Failed);
        assert_eq!(refunds(&payment), [(no, 500), (ok, 300), (no, 100)]);
        assert_eq!(kinds(node, order_id).await, ["capture", "refund", "refund", "correction"]);
        stripe.requests();
        check(node).await;
        assert_eq!(balances(node).await[0].1, PRICE - 300);
    });
}

/// The attempt of a cancelled order is cancelled at Stripe; a payment in the meantime is discovered.
#[test]
fn attempts_are_cancelled_at_stripe() {
    run(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        stripe.will_reply([reply(&made("requires_payment_method"))]);
        node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        stripe.requests();
        let cancel = pulse_contract::order::v1::CancelOrderRequest { order_id, reason: String::new() };
        node.orders().cancel_order(&fixture.customer.cx(), cancel).await.unwrap();
        let back = json!({
            "id": "re_1", "amount": PRICE, "currency": "cny", "status": "succeeded", "payment_intent": "pi_1",
        });
        let late = refused(400, "You cannot cancel this PaymentIntent because it has a status of succeeded.");
        stripe.will_reply([late, reply(&made("succeeded")), reply(&back)]);
        check(node).await;
        let lines: Vec<String> = stripe.requests().into_iter().map(|requests| requests.line).collect();
        assert_eq!(
            lines,
            [
                "POST /v1/payment_intents/pi_1/cancel HTTP/1.1",
                "GET /v1/payment_intents/pi_1 HTTP/1.1",
                "POST /v1/refunds HTTP/1.1",
            ]
        );
        assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Cancelled);
        assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
        assert_eq!(balances(node).await, []);
    });
}

/// T5: scheduled reconciliation. A provider that does not answer is retried in the next round; then lost webhooks of
/// payments and refunds are made up for.
#[test]
fn payments_are_reconciled_with_stripe_automatically() {
    run_compared(10 * MINUTE, async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        stripe.will_reply([reply(&made("requires_payment_method"))]);
        let payment =
            node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
        stripe.requests();
        let lines = async |node: &TestNode| {
            node.settle().await;
            stripe.requests().into_iter().map(|requests| requests.line).collect::<Vec<_>>()
        };
        // After the sandbox, Stripe is compared, which is down.
        node.advance(MINUTE);
        assert_eq!(lines(node).await, Vec::<String>::new());
        stripe.will_reply([refused(503, "Down for a moment.")]);
        node.advance(SECOND);
        assert_eq!(lines(node).await, ["GET /v1/payment_intents?limit=100 HTTP/1.1"]);
        node.advance(9 * MINUTE);
        assert_eq!(lines(node).await, Vec::<String>::new(), "not before the next round");

        let mut paid = made("succeeded");
        paid["metadata"] = json!({ "pulse_attempt_id": payment.attempts[0].attempt_id.to_string() });
        let list = |data: Value| reply(&json!({ "object": "list", "data": data, "has_more": false }));
        node.advance(MINUTE);
        assert_eq!(lines(node).await, Vec::<String>::new(), "the sandbox is compared first");
        stripe.will_reply([list(json!([paid])), list(json!([]))]);
        node.advance(SECOND);
        assert_eq!(lines(node).await[1], "GET /v1/refunds?limit=100 HTTP/1.1");
        assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
        check(node).await;
    });
}

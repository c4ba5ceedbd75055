//! M3: Stripe captures another amount than requested. The money is in the ledger, is refunded, and does not pay the order.

use pulse_contract::order::v1::{OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;
use serde_json::{Value, json};

use crate::fake_stripe::FakeStripe;
use crate::shop_fixtures::*;
use crate::stripe::{deliver_from_stripe, made, refused, reply, run_everywhere, with_stripe_default};

/// The success of a payment intent with this ID, amount and currency.
fn received(id: &str, minor: i64, currency: &str) -> Value {
    let mut intent = made("succeeded");
    (intent["id"], intent["amount_received"], intent["currency"]) = (json!(id), json!(minor), json!(currency));
    intent
}

async fn start(fixture: &ShopFixture, node: &TestNode, stripe: &FakeStripe, order_id: i64, id: &str) {
    let mut intent = made("requires_payment_method");
    intent["id"] = json!(id);
    stripe.will_reply([reply(&intent)]);
    node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
}

fn refund_of(id: &str, minor: i64, currency: &str) -> Value {
    json!({
        "id": format!("re_{id}"), "object": "refund", "amount": minor, "currency": currency, "status": "succeeded",
        "payment_intent": id, "created": 1_777_867_201,
    })
}

/// Less, more, another currency. Afterwards the order can still be paid.
#[test]
fn another_amount_is_booked_and_refunded() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        for (n, (minor, currency)) in [(PRICE - 1, "cny"), (PRICE + 1, "cny"), (PRICE, "usd")].into_iter().enumerate() {
            let (order_id, first, second) = (fixture.order(node).await, format!("pi_{n}a"), format!("pi_{n}b"));
            start(&fixture, node, stripe, order_id, &first).await;
            stripe.will_reply([reply(&refund_of(&first, minor, currency))]);
            let success = received(&first, minor, currency);
            for again in 0..2 {
                let event = format!("evt_{n}_{again}");
                deliver_from_stripe(node, &event, "payment_intent.succeeded", &success).await;
            }
            let requests = stripe.requests();
            assert_eq!(requests.len(), 2, "the start and one refund");
            assert!(requests[1].body.starts_with(&format!("payment_intent={first}&amount={minor}&")), "{requests:?}");
            check(node).await;
            assert_eq!(kinds(node, order_id).await, ["suspense", "suspense_refund"]);
            let payment = fixture.payment(node, order_id).await;
            assert_eq!((payment.state(), attempts(&payment)), (IntentState::Open, vec![AttemptState::Succeeded]));
            assert_eq!(refunds(&payment), [(RefundState::Succeeded, minor)]);
            let captured = payment.attempts[0].received.clone().unwrap();
            assert_eq!((captured.minor, captured.currency.to_lowercase()), (minor, currency.to_owned()));
            let order = fixture.see(node, order_id).await;
            assert_eq!((order.state(), order.payment_state()), (OrderState::AwaitingPayment, PaymentState::Unpaid));

            start(&fixture, node, stripe, order_id, &second).await;
            let success = received(&second, PRICE, "cny");
            deliver_from_stripe(node, &format!("evt_{n}"), "payment_intent.succeeded", &success).await;
            assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
            assert_eq!(kinds(node, order_id).await, ["suspense", "suspense_refund", "capture"]);
            stripe.requests();
        }
        check(node).await;
        let mismatches = published::<PaymentAmountMismatched>(node).await;
        let amounts: Vec<i64> = mismatches.iter().map(|event| event.captured.as_ref().unwrap().minor).collect();
        assert_eq!(amounts, [PRICE - 1, PRICE + 1, PRICE]);
        assert_eq!(published::<PaymentRefunded>(node).await, [], "the order received none of this money");
        assert_eq!(balances(node).await.iter().map(|(_, minor)| *minor).sum::<i64>(), 0);
    });
}

/// Money whose refund fails stays in suspense, where verification finds it. A later report of another amount is a
/// difference of the reconciliation.
#[test]
fn money_in_suspense_and_other_amounts_are_reported() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = fixture.order(node).await;
        start(&fixture, node, stripe, order_id, "pi_1").await;
        stripe.will_reply([refused(400, "Your balance is too low.")]);
        deliver_from_stripe(node, "evt_1", "payment_intent.succeeded", &received("pi_1", 7, "cny")).await;
        stripe.requests();
        assert_eq!(balances(node).await, [("provider:stripe".to_owned(), 7), ("suspense".to_owned(), -7)]);
        let invariants = async || -> Vec<&'static str> {
            let verified = pulse_payment::verify(node.store("payment"), false).await.unwrap();
            verified.findings.iter().map(|finding| finding.invariant).collect()
        };
        assert_eq!(invariants().await, ["payment.suspense_is_refunded"]);

        let mut other = received("pi_1", 9, "cny");
        other["created"] = json!(node.now().as_millis().div_euclid(1_000));
        let list = |data: Value| reply(&json!({ "object": "list", "data": data, "has_more": false }));
        stripe.will_reply([list(json!([other])), list(json!([]))]);
        let request = ReconcilePaymentsRequest { provider: "stripe".to_owned(), is_repair: true, ..Default::default() };
        let found = node.payments().reconcile_payments(&node.cx(), request).await.unwrap().differences;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].ours.as_str(), found[0].is_repaired), ("succeeded", false));
        assert_eq!(found[0].theirs, "succeeded: amount 0.09 CNY, expected 0.07 CNY");

        // An operator refunds it on the pages of the provider.
        deliver_from_stripe(node, "evt_2", "refund.updated", &refund_of("pi_1", 7, "cny")).await;
        stripe.requests();
        check(node).await;
        assert_eq!(balances(node).await, []);
    });
}

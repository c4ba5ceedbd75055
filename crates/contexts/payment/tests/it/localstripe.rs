//! Stripe's wire format against localstripe, a server that implements it, and a customer who uses the library of Stripe.

use std::time::Duration;

use pulse_contract::order::v1::{CancelOrderRequest, OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_kernel::Clock;
use pulse_testkit::TestNode;
use pulse_testkit::servers::{LocalStripe, python_with_stripe};
use tokio::process::Command;

use crate::shop_fixtures::*;
use crate::stripe::{SECRET, with_stripe};

const GOOD_CARD: &str = "4242424242424242";
const BAD_CARD: &str = "4000000000000341";

/// Output of the customer's script.
async fn customer(stripe: &LocalStripe, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stripe_customer.py");
    let run = Command::new(python_with_stripe()).arg(script).arg(stripe.url()).args(arguments).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

/// localstripe signs with the time of the machine, so the node must use it too.
fn set_clock(node: &TestNode) {
    node.set_time(&pulse_contract::Timestamp::from(Clock::system().now()).to_string());
}

/// Polls until the condition holds, because webhooks arrive at any time.
async fn eventually(node: &TestNode, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        set_clock(node);
        node.settle().await;
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the condition did not hold within ten seconds");
}

async fn start(fixture: &ShopFixture, node: &TestNode) -> (i64, PaymentAttempt) {
    set_clock(node);
    let order_id = fixture.order(node).await;
    let request = StartPaymentRequest { order_id, provider: "stripe".to_owned(), return_url: String::new() };
    let payment = node.payments().start_payment(&fixture.customer.cx(), request).await.unwrap();
    (order_id, payment.attempts.last().unwrap().clone())
}

/// PL-11, PL-15: declined, paid, refunded, cancelled and reconciled, as Stripe does it.
#[test]
fn localstripe_and_the_library_of_stripe_agree_with_the_client() {
    let stripe = LocalStripe::start().unwrap();
    with_stripe(&stripe.url(), async |node| {
        set_clock(node);
        let fixture = ShopFixture::of(node).await;
        let target = format!("http://{}/webhooks/stripe", node.http().address());
        customer(&stripe, &["webhook", &target, SECRET]).await;

        // Declined, then paid with another card.
        let (order_id, attempt) = start(&fixture, node).await;
        assert!(attempt.provider_reference.starts_with("pi_"), "{attempt:?}");
        assert_eq!(customer(&stripe, &["pay", &attempt.client_secret, BAD_CARD]).await, "card_declined");
        eventually(node, async || attempts(&fixture.payment(node, order_id).await) == [AttemptState::Failed]).await;
        assert_eq!(fixture.payment(node, order_id).await.attempts[0].failure, "Your card was declined.");
        let request = StartPaymentRequest { order_id, provider: "stripe".to_owned(), return_url: String::new() };
        let payment = node.payments().start_payment(&fixture.customer.cx(), request).await.unwrap();
        let attempt = payment.attempts[1].clone();
        assert_eq!(customer(&stripe, &["pay", &attempt.client_secret, GOOD_CARD]).await, "succeeded");
        eventually(node, async || fixture.see(node, order_id).await.state() == OrderState::Confirmed).await;
        assert_eq!(kinds(node, order_id).await, ["capture"]);
        let declined = payment.attempts[0].provider_reference.clone();
        assert_eq!(customer(&stripe, &["status", &declined]).await, "canceled 0", "it cannot be paid any more");

        // A partial refund.
        fixture.refund(node, order_id, 500).await.unwrap();
        node.settle().await;
        assert_eq!(refunds(&fixture.payment(node, order_id).await), [(RefundState::Succeeded, 500)]);
        assert_eq!(customer(&stripe, &["status", &attempt.provider_reference]).await, "succeeded 500");
        assert_eq!(fixture.see(node, order_id).await.payment_state(), PaymentState::PartlyRefunded);

        // Cancelled: the attempt cannot be paid.
        let (order_id, attempt) = start(&fixture, node).await;
        let cancel = CancelOrderRequest { order_id, reason: String::new() };
        node.orders().cancel_order(&fixture.customer.cx(), cancel).await.unwrap();
        node.settle().await;
        assert_eq!(customer(&stripe, &["status", &attempt.provider_reference]).await, "canceled 0");
        assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Cancelled]);

        // Lost webhooks, which reconciliation makes up for.
        customer(&stripe, &["webhook", "http://127.0.0.1:9/nobody", SECRET]).await;
        let (order_id, attempt) = start(&fixture, node).await;
        assert_eq!(customer(&stripe, &["pay", &attempt.client_secret, GOOD_CARD]).await, "succeeded");
        let request = ReconcilePaymentsRequest { provider: "stripe".to_owned(), since: None, is_repair: true };
        let result = node.payments().reconcile_payments(&node.cx(), request).await.unwrap();
        let differences: Vec<(i64, &str, &str, bool)> = result
            .differences
            .iter()
            .map(|d| (d.attempt_id, d.ours.as_str(), d.theirs.as_str(), d.is_repaired))
            .collect();
        assert_eq!(differences, [(attempt.attempt_id, "open", "succeeded", true)]);
        assert_eq!(result.attempt_count, 4);
        node.settle().await;
        assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
        check(node).await;
        assert_eq!(balances(node).await[0], ("provider:stripe".to_owned(), 2 * PRICE - 500));
    });
}

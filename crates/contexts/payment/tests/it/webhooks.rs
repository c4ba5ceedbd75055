//! Webhooks: each event counts once, by its meaning and not by its order, and is answered after its commit.

use futures::future::join_all;
use pulse_contract::order::v1::{OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_payment::domain::signature;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::shop_fixtures::*;
use crate::{DAY, MINUTE, code};

/// PL-11, R15: the same event in several deliveries, each with a signature of its own.
pub(crate) async fn a_repeated_event_counts_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    let mut known = Vec::new();
    for _ in 0..3 {
        known.push(deliver(node, "evt_1", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap());
        node.settle().await;
        node.advance(MINUTE);
    }
    assert_eq!(known, [false, true, true]);
    // The same report as another event, and the same event with another body.
    assert!(!deliver(node, "evt_2", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap());
    assert!(deliver(node, "evt_2", "payment_intent.canceled", &intent(&payment, 0)).await.unwrap());
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
    check(node).await;
}

/// R15: parallel deliveries.
pub(crate) async fn parallel_deliveries_count_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    let published = (0..20).map(|_| deliver(node, "evt_1", "payment_intent.succeeded", &intent(&payment, 0)));
    let known: Vec<bool> = join_all(published).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(known.iter().filter(|known| !**known).count(), 1);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

/// R10: processing has no effect on the order and the ledger.
pub(crate) async fn processing_creates_nothing(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    deliver(node, "evt_1", "payment_intent.processing", &intent(&payment, 0)).await.unwrap();
    node.settle().await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Processing, vec![AttemptState::Processing]));
    assert_eq!(kinds(node, order_id).await, Vec::<String>::new());
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_outbox").await, 0);
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::AwaitingPayment);
    assert_eq!(fixture.start(node, order_id).await.attempts.len(), 1, "no second attempt is created");
    check(node).await;
}

/// R13: cancelled, processing and created after a success.
pub(crate) async fn reports_after_a_success_are_ignored(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.paid(node).await;
    let payment = fixture.payment(node, order_id).await;
    let version = payment.version;
    for kind in ["payment_intent.canceled", "payment_intent.processing", "payment_intent.created"] {
        deliver(node, kind, kind, &intent(&payment, 0)).await.unwrap();
        node.settle().await;
        let payment = fixture.payment(node, order_id).await;
        assert_eq!((attempts(&payment), payment.version), (vec![AttemptState::Succeeded], version), "{kind}");
    }
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

/// R14: a refund that is reported before the success of its payment is booked after it.
pub(crate) async fn a_refund_before_its_success_waits_for_it(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    deliver(node, "evt_refund", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    node.settle().await;
    let before = fixture.payment(node, order_id).await;
    assert_eq!((before.state(), refunds(&before)), (IntentState::Open, vec![(RefundState::Succeeded, 500)]));
    assert_eq!(kinds(node, order_id).await, Vec::<String>::new());
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::AwaitingPayment);

    deliver(node, "evt_paid", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    deliver(node, "evt_refund_again", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    check(node).await;
    let after = fixture.payment(node, order_id).await;
    assert_eq!((after.state(), refunds(&after)), (IntentState::Succeeded, vec![(RefundState::Succeeded, 500)]));
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    let order = fixture.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::PartlyRefunded));
}

/// M3: what came first is booked and refunded; another amount for the same attempt is a contradiction.
pub(crate) async fn a_wrong_amount_is_no_payment(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    // The sandbox can refund the payment only if it has it.
    let paid = Statement::new("UPDATE payment_sandbox SET status = 'succeeded'", values![]);
    node.store("payment").commit(&node.cx(), Commit::new().write(paid)).await.unwrap();
    for (n, key, value) in [(1, "amount_received", 1.into()), (2, "currency", serde_json::json!("usd"))] {
        let mut other = intent(&payment, 0);
        other[key] = value;
        deliver(node, &format!("evt_{n}"), "payment_intent.succeeded", &other).await.unwrap();
    }
    let noted = "SELECT COUNT(*) FROM payment_webhooks WHERE outcome <> ''";
    assert_eq!(number(node, noted).await, 1, "contradictions are stored for a person");
    check(node).await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Open, vec![AttemptState::Succeeded]));
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, 1)]);
    assert_eq!(kinds(node, order_id).await, ["suspense", "suspense_refund"]);
    assert_eq!(balances(node).await, []);
    let order = fixture.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::AwaitingPayment, PaymentState::Unpaid));
}

/// PL-11: forged, altered, old and malformed.
pub(crate) async fn invalid_signatures_are_refused(node: &mut TestNode) {
    let body = event("evt_1", "payment_intent.succeeded", &serde_json::json!({ "id": "pi_1" }));
    let good = webhook(node, &body);
    let receive = async |request| code(&node.payments().receive_webhook(&node.cx(), request).await);
    let forged = signature::sign(b"another secret", body.as_bytes(), node.now());
    let mut altered = good.clone();
    altered.payload = body.replace("evt_1", "evt_2").into();
    for request in [
        ReceiveWebhookRequest { headers: signed(forged), ..good.clone() },
        ReceiveWebhookRequest { headers: signed(String::new()), ..good.clone() },
        ReceiveWebhookRequest { headers: Vec::new(), ..good.clone() },
        altered,
    ] {
        assert_eq!(receive(request).await, "PAYMENT_SIGNATURE_INVALID");
    }
    let unknown = ReceiveWebhookRequest { provider: "paypal".to_owned(), ..good.clone() };
    assert_eq!(receive(unknown).await, "PAYMENT_PROVIDER_UNKNOWN");
    // The signature is valid, but the object does not match the type.
    assert_eq!(receive(good.clone()).await, "VALIDATION_FAILED");
    node.advance(MINUTE * 6);
    assert_eq!(receive(good).await, "PAYMENT_SIGNATURE_INVALID");
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 0);
}

pub(crate) async fn foreign_events_are_stored_and_change_nothing(node: &mut TestNode) {
    let foreign = serde_json::json!({ "id": "pi_of_others", "amount": 5, "currency": "cny", "status": "succeeded" });
    assert!(!deliver(node, "evt_1", "payment_intent.succeeded", &foreign).await.unwrap());
    assert!(!deliver(node, "evt_2", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap());
    assert!(deliver(node, "evt_2", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap());
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_intents").await, 0);
    check(node).await;
}

/// T5: if the commit fails, the webhook is not accepted and nothing is stored; its repetition stores everything.
pub(crate) async fn a_webhook_that_cannot_be_stored_is_not_accepted(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    // The URLs of payment pages contain the address of the node, so it listens before the payment is read.
    let http = node.http();
    let payment = fixture.start(node, order_id).await;
    let body = event("evt_1", "payment_intent.succeeded", &intent(&payment, 0));
    let signature = webhook(node, &body).headers.remove(0).value;
    let post = || http.ask("POST", "/webhooks/sandbox").header(signature::HEADER, &signature).body(body.clone()).send();
    let rename = async |text| {
        let commit = Commit::new().write(Statement::new(text, values![]));
        node.store("payment").commit(&node.cx(), commit).await.unwrap();
    };
    rename("ALTER TABLE payment_entries RENAME TO payment_entries_away").await;
    let reply = post().await;
    assert_eq!((reply.status, reply.code().as_str()), (500, "INTERNAL"));
    assert!(!reply.text().contains("entries"), "{}", reply.text());
    rename("ALTER TABLE payment_entries_away RENAME TO payment_entries").await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 0);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_outbox").await, 0);
    assert_eq!(fixture.payment(node, order_id).await, payment);

    assert_eq!(post().await.status, 204);
    check(node).await;
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// T5: an accepted webhook survives a restart; an invalid signature and an unknown provider are 400 without internal details.
pub(crate) async fn a_webhook_over_http_is_accepted_after_its_commit(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    let body = event("evt_1", "payment_intent.succeeded", &intent(&payment, 0));
    let http = node.http();
    let post = |signature: &str, body: &str, path: &str| {
        http.ask("POST", path).header(signature::HEADER, signature).body(body.to_owned()).send()
    };
    let good = webhook(node, &body).headers.remove(0).value;
    let forged = signature::sign(b"another secret", body.as_bytes(), node.now());
    for (signature, body, path, status, expected) in [
        (forged.as_str(), body.as_str(), "/webhooks/sandbox", 400, "PAYMENT_SIGNATURE_INVALID"),
        ("", body.as_str(), "/webhooks/sandbox", 400, "PAYMENT_SIGNATURE_INVALID"),
        (good.as_str(), "", "/webhooks/sandbox", 400, "PAYMENT_SIGNATURE_INVALID"),
        (good.as_str(), body.as_str(), "/webhooks/paypal", 400, "PAYMENT_PROVIDER_UNKNOWN"),
        (good.as_str(), &"x".repeat(300_000), "/webhooks/sandbox", 413, "PAYLOAD_TOO_LARGE"),
    ] {
        let reply = post(signature, body, path).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, expected), "{path}");
    }
    assert_eq!(http.get("/webhooks/sandbox").send().await.status, 405);

    let accepted = join_all((0..4).map(|_| post(&good, &body, "/webhooks/sandbox"))).await;
    let statuses: Vec<u16> = accepted.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [204; 4]);
    node.restart().await;
    node.settle().await;
    assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Succeeded]);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

pub(crate) async fn old_events_are_deleted(node: &mut TestNode) {
    deliver(node, "evt_old", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap();
    node.advance(DAY * 29);
    deliver(node, "evt_new", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap();
    node.settle().await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    node.advance(DAY * 2);
    node.settle().await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 1);
}

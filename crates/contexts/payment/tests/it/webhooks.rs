//! What providers tell: once per event, by meaning and not by order, and answered when it is written down.

use futures::future::join_all;
use pulse_contract::order::v1::{OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_payment::domain::signature;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::street::*;
use crate::{DAY, MINUTE, code};

/// PL-11, R15: the same event in several deliveries, each with a signature of its own.
pub(crate) async fn one_event_counts_once_however_often_it_comes(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    let mut known = Vec::new();
    for _ in 0..3 {
        known.push(tell(node, "evt_1", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap());
        node.settle().await;
        node.advance(MINUTE);
    }
    assert_eq!(known, [false, true, true]);
    // The same news as another event, and as the same event with another body.
    assert!(!tell(node, "evt_2", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap());
    assert!(tell(node, "evt_2", "payment_intent.canceled", &intent(&payment, 0)).await.unwrap());
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
    check(node).await;
}

/// R15: at the same time, on several connections.
pub(crate) async fn one_event_in_parallel_counts_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    let told = (0..20).map(|_| tell(node, "evt_1", "payment_intent.succeeded", &intent(&payment, 0)));
    let known: Vec<bool> = join_all(told).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(known.iter().filter(|known| !**known).count(), 1);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

/// R10: nothing follows from it, and the next number is the next one.
pub(crate) async fn processing_creates_nothing(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    tell(node, "evt_1", "payment_intent.processing", &intent(&payment, 0)).await.unwrap();
    node.settle().await;
    let payment = street.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Processing, vec![AttemptState::Processing]));
    assert_eq!(kinds(node, order_id).await, Vec::<String>::new());
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_outbox").await, 0);
    assert_eq!(street.see(node, order_id).await.state(), OrderState::AwaitingPayment);
    assert_eq!(street.start(node, order_id).await.attempts.len(), 1, "nobody pays beside it");
    check(node).await;
}

/// R13: expired, declined and processing after paid.
pub(crate) async fn an_end_that_is_told_after_success_is_ignored(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.paid(node).await;
    let payment = street.payment(node, order_id).await;
    let version = payment.version;
    for kind in ["payment_intent.canceled", "payment_intent.processing", "payment_intent.created"] {
        tell(node, kind, kind, &intent(&payment, 0)).await.unwrap();
        node.settle().await;
        let payment = street.payment(node, order_id).await;
        assert_eq!((attempts(&payment), payment.version), (vec![AttemptState::Succeeded], version), "{kind}");
    }
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

/// R14: the refund overtakes the success; both are in the books in the end, in this order.
pub(crate) async fn a_refund_that_is_told_before_its_success_waits_for_it(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    tell(node, "evt_refund", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    node.settle().await;
    let before = street.payment(node, order_id).await;
    assert_eq!((before.state(), refunds(&before)), (IntentState::Open, vec![(RefundState::Succeeded, 500)]));
    assert_eq!(kinds(node, order_id).await, Vec::<String>::new());
    assert_eq!(street.see(node, order_id).await.state(), OrderState::AwaitingPayment);

    tell(node, "evt_paid", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    tell(node, "evt_refund_again", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    check(node).await;
    let after = street.payment(node, order_id).await;
    assert_eq!((after.state(), refunds(&after)), (IntentState::Succeeded, vec![(RefundState::Succeeded, 500)]));
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    let order = street.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::PartlyRefunded));
}

pub(crate) async fn another_amount_is_not_a_payment(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    for (n, key, value) in [(1, "amount_received", 1.into()), (2, "currency", serde_json::json!("usd"))] {
        let mut other = intent(&payment, 0);
        other[key] = value;
        tell(node, &format!("evt_{n}"), "payment_intent.succeeded", &other).await.unwrap();
    }
    assert_eq!(attempts(&street.payment(node, order_id).await), [AttemptState::Open]);
    let noted = "SELECT COUNT(*) FROM payment_webhooks WHERE outcome <> ''";
    assert_eq!(number(node, noted).await, 2, "what does not fit is kept for a person to look at");
    check(node).await;
}

/// PL-11: forged, altered, old and malformed.
pub(crate) async fn what_is_not_signed_by_us_is_refused(node: &mut TestNode) {
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
    // Signed, and its object is not what its type says.
    assert_eq!(receive(good.clone()).await, "VALIDATION_FAILED");
    node.advance(MINUTE * 6);
    assert_eq!(receive(good).await, "PAYMENT_SIGNATURE_INVALID");
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 0);
}

pub(crate) async fn what_is_about_nothing_of_ours_is_taken_in_and_changes_nothing(node: &mut TestNode) {
    let foreign = serde_json::json!({ "id": "pi_of_others", "amount": 5, "currency": "cny", "status": "succeeded" });
    assert!(!tell(node, "evt_1", "payment_intent.succeeded", &foreign).await.unwrap());
    assert!(!tell(node, "evt_2", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap());
    assert!(tell(node, "evt_2", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap());
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_intents").await, 0);
    check(node).await;
}

/// T5: the commit of what follows from a webhook fails: it is not accepted, nothing of it is there, and when the provider
/// tells it again, all of it is.
pub(crate) async fn what_cannot_be_written_down_is_not_accepted(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    // The URLs of payment pages contain the address of the node, so it listens before the payment is read.
    let http = node.http();
    let payment = street.start(node, order_id).await;
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
    assert_eq!(street.payment(node, order_id).await, payment);

    assert_eq!(post().await.status, 204);
    check(node).await;
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// T5: what was accepted is there after the next start; a bad signature is 400, an unknown provider 400, and nothing of
/// the inside is told.
pub(crate) async fn over_http_it_is_accepted_after_its_commit(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
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
    assert_eq!(attempts(&street.payment(node, order_id).await), [AttemptState::Succeeded]);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    check(node).await;
}

pub(crate) async fn old_events_are_forgotten(node: &mut TestNode) {
    tell(node, "evt_old", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap();
    node.advance(DAY * 29);
    tell(node, "evt_new", "customer.created", &serde_json::json!({ "id": "cus_1" })).await.unwrap();
    node.settle().await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    node.advance(DAY * 2);
    node.settle().await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 1);
}

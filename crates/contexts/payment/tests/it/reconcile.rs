//! Comparing with the provider: what was missed is made up for, what differs is named.

use pulse_contract::order::v1::OrderState;
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::HOUR;
use crate::street::*;

async fn reconcile(node: &TestNode, is_repair: bool) -> ReconcilePaymentsResponse {
    let request = ReconcilePaymentsRequest { provider: "sandbox".to_owned(), since: None, is_repair };
    let said = node.payments().reconcile_payments(&node.cx(), request).await.unwrap();
    node.settle().await;
    said
}

fn words(said: &ReconcilePaymentsResponse) -> Vec<(&str, &str, bool)> {
    said.differences.iter().map(|d| (d.ours.as_str(), d.theirs.as_str(), d.is_repaired)).collect()
}

/// T5: a webhook that never came, of a payment and of a refund.
pub(crate) async fn a_webhook_that_was_lost_is_made_up_for(node: &mut TestNode) {
    let street = Street::of(node).await;
    let (quiet, lost) = (street.order(node).await, street.order(node).await);
    street.start(node, quiet).await;
    let page = street.start(node, lost).await.attempts[0].pay_url.clone();
    let form = node.http().ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let lose = Statement::new("DELETE FROM payment_timers WHERE kind = 'payment.sandbox_deliver'", values![]);
    node.store("payment").commit(&node.cx(), Commit::new().write(lose).expect_rows(1)).await.unwrap();

    let said = reconcile(node, false).await;
    assert_eq!((said.attempt_count, words(&said)), (2, vec![("open", "succeeded", false)]));
    assert_eq!(said.differences[0].attempt_id, street.payment(node, lost).await.attempts[0].attempt_id);
    assert_eq!(street.see(node, lost).await.state(), OrderState::AwaitingPayment);

    let said = reconcile(node, true).await;
    assert_eq!(words(&said), [("open", "succeeded", true)]);
    assert_eq!(street.see(node, lost).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, lost).await, ["capture"]);
    assert_eq!(words(&reconcile(node, true).await), []);
    // The webhook comes after all.
    let payment = street.payment(node, lost).await;
    tell(node, "evt_late", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    check(node).await;
    assert_eq!(kinds(node, lost).await, ["capture"]);

    // Paid back, and neither the answer nor the webhook of it arrived.
    street.refund(node, lost, 500).await.unwrap();
    node.bus().drain().await;
    assert_eq!(node.bus().settle().await, Vec::<String>::new());
    node.settle().await;
    let forget = Commit::new()
        .write(Statement::new("UPDATE payment_refunds SET state = 1, is_booked = 0", values![]))
        .write(Statement::new(
            "DELETE FROM payment_lines WHERE entry_id IN (SELECT id FROM payment_entries WHERE kind = 'refund')",
            values![],
        ))
        .write(Statement::new("DELETE FROM payment_entries WHERE kind = 'refund'", values![]));
    node.store("payment").commit(&node.cx(), forget).await.unwrap();
    pulse_payment::verify(node.store("payment"), true).await.unwrap();
    let said = reconcile(node, true).await;
    assert_eq!(words(&said), [("refund pending", "refund succeeded of 5.00 CNY", true)]);
    assert_eq!(kinds(node, lost).await, ["capture", "refund"]);
    check(node).await;
}

pub(crate) async fn what_only_one_side_knows_is_named(node: &mut TestNode) {
    let street = Street::of(node).await;
    let (ours, theirs) = (street.order(node).await, street.order(node).await);
    let ours = street.start(node, ours).await.attempts[0].clone();
    node.advance(HOUR);
    let theirs = street.start(node, theirs).await.attempts[0].clone();
    let store = node.store("payment");
    let write = async |text, id: i64| {
        let statement = Statement::new(text, values![id]);
        store.commit(&node.cx(), Commit::new().write(statement).expect_rows(1)).await.unwrap();
    };
    write("DELETE FROM payment_sandbox WHERE id = ?", ours.attempt_id).await;
    write("DELETE FROM payment_attempts WHERE id = ?", theirs.attempt_id).await;
    node.advance(HOUR);
    let said = reconcile(node, true).await;
    let found: Vec<(&str, i64)> =
        said.differences.iter().map(|d| (d.provider_reference.as_str(), d.attempt_id)).collect();
    assert_eq!(found, [(theirs.provider_reference.as_str(), 0), (ours.provider_reference.as_str(), ours.attempt_id)]);
    assert_eq!(words(&said), [("unknown", "open", false), ("open", "unknown", false)]);
    assert_eq!(said.attempt_count, 0);
}

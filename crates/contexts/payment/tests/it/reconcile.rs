//! Reconciliation: lost webhooks are made up for, and differences are reported.

use pulse_contract::order::v1::OrderState;
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Insert, Statement, values};
use pulse_testkit::TestNode;

use crate::shop_fixtures::*;
use crate::{HOUR, MINUTE, SECOND};

async fn reconcile(node: &TestNode, is_repair: bool) -> ReconcilePaymentsResponse {
    let request = ReconcilePaymentsRequest { provider: "sandbox".to_owned(), since: None, is_repair };
    let result = node.payments().reconcile_payments(&node.cx(), request).await.unwrap();
    node.settle().await;
    result
}

fn words(result: &ReconcilePaymentsResponse) -> Vec<(&str, &str, bool)> {
    result.differences.iter().map(|d| (d.ours.as_str(), d.theirs.as_str(), d.is_repaired)).collect()
}

/// An order that was paid and whose webhook is lost.
async fn paid_without_webhook(fixture: &ShopFixture, node: &mut TestNode) -> i64 {
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    let form = node.http().ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let lose = Statement::new("DELETE FROM payment_timers WHERE kind = 'payment.sandbox_deliver'", values![]);
    node.store("payment").commit(&node.cx(), Commit::new().write(lose).expect_rows(1)).await.unwrap();
    order_id
}

/// T5: lost webhooks of a payment and of a refund.
pub(crate) async fn a_lost_webhook_is_made_up_for(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let quiet = fixture.order(node).await;
    fixture.start(node, quiet).await;
    let lost = paid_without_webhook(&fixture, node).await;

    let result = reconcile(node, false).await;
    assert_eq!((result.attempt_count, words(&result)), (2, vec![("open", "succeeded", false)]));
    assert_eq!(result.differences[0].attempt_id, fixture.payment(node, lost).await.attempts[0].attempt_id);
    assert_eq!(fixture.see(node, lost).await.state(), OrderState::AwaitingPayment);

    let result = reconcile(node, true).await;
    assert_eq!(words(&result), [("open", "succeeded", true)]);
    assert_eq!(fixture.see(node, lost).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, lost).await, ["capture"]);
    assert_eq!(words(&reconcile(node, true).await), []);
    // The webhook arrives late.
    let payment = fixture.payment(node, lost).await;
    deliver(node, "evt_late", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    check(node).await;
    assert_eq!(kinds(node, lost).await, ["capture"]);

    // A refund whose answer and webhook are lost.
    fixture.refund(node, lost, 500).await.unwrap();
    node.bus().catch_up().await;
    assert_eq!(node.bus().drain().await, Vec::<String>::new());
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
    let result = reconcile(node, true).await;
    assert_eq!(words(&result), [("refund pending", "refund succeeded of 5.00 CNY", true)]);
    assert_eq!(kinds(node, lost).await, ["capture", "refund"]);
    check(node).await;
}

pub(crate) async fn payments_of_one_side_are_reported(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let (ours, theirs) = (fixture.order(node).await, fixture.order(node).await);
    let ours = fixture.start(node, ours).await.attempts[0].clone();
    node.advance(HOUR);
    let theirs = fixture.start(node, theirs).await.attempts[0].clone();
    let store = node.store("payment");
    let write = async |text, id: i64| {
        let statement = Statement::new(text, values![id]);
        store.commit(&node.cx(), Commit::new().write(statement).expect_rows(1)).await.unwrap();
    };
    write("DELETE FROM payment_sandbox WHERE id = ?", ours.attempt_id).await;
    write("DELETE FROM payment_attempts WHERE id = ?", theirs.attempt_id).await;
    node.advance(HOUR);
    let result = reconcile(node, true).await;
    let found: Vec<(&str, i64)> =
        result.differences.iter().map(|d| (d.provider_reference.as_str(), d.attempt_id)).collect();
    assert_eq!(found, [(theirs.provider_reference.as_str(), 0), (ours.provider_reference.as_str(), ours.attempt_id)]);
    assert_eq!(words(&result), [("unknown", "open", false), ("open", "unknown", false)]);
    assert_eq!(result.attempt_count, 0);
}

/// T5: scheduled reconciliation runs one minute after the start and every hour.
pub(crate) async fn a_lost_webhook_is_made_up_for_automatically(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let state = async |node: &TestNode, order_id| {
        node.settle().await;
        fixture.see(node, order_id).await.state()
    };
    let first = paid_without_webhook(&fixture, node).await;
    assert_eq!(state(node, first).await, OrderState::AwaitingPayment);
    node.advance(MINUTE);
    assert_eq!(state(node, first).await, OrderState::Confirmed);
    assert_eq!(kinds(node, first).await, ["capture"]);
    node.advance(50 * MINUTE);
    let second = paid_without_webhook(&fixture, node).await;
    node.advance(9 * MINUTE);
    assert_eq!(state(node, second).await, OrderState::AwaitingPayment);
    node.advance(MINUTE);
    assert_eq!(state(node, second).await, OrderState::Confirmed);
    assert_eq!(kinds(node, second).await, ["capture"]);
    check(node).await;
}

/// One step compares ten pages of a hundred attempts; the next step continues.
pub(crate) async fn a_long_list_is_compared_in_steps(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let lost = paid_without_webhook(&fixture, node).await;
    let columns = &[
        "id",
        "token",
        "order_id",
        "currency",
        "amount_minor",
        "refunded_minor",
        "status",
        "failure",
        "return_url",
        "created_at",
        "version",
    ];
    let now = node.now();
    let others = (1..=1_000_i64).fold(Insert::into("payment_sandbox", columns), |insert, id| {
        let token = format!("of another node, {id}");
        insert.row(values![id, token, id, "CNY", 1_i64, 0_i64, "succeeded", "", "", now, 1_i64])
    });
    node.store("payment").commit(&node.cx(), Commit::new().insert(others)).await.unwrap();
    node.advance(MINUTE);
    node.settle().await;
    assert_eq!(fixture.see(node, lost).await.state(), OrderState::AwaitingPayment, "it is on the eleventh page");
    node.advance(SECOND);
    node.settle().await;
    assert_eq!(fixture.see(node, lost).await.state(), OrderState::Confirmed);
}

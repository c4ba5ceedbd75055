//! Refunds: each one once, and never more than the payment.

use pulse_contract::order::v1::{CancelOrderRequest, OrderRefundRequested, OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, Timer, values};
use pulse_testkit::TestNode;

use crate::code;
use crate::shop_fixtures::*;

/// An order that was paid on the page, so that the sandbox can refund it.
async fn paid_on_the_page(fixture: &ShopFixture, node: &mut TestNode) -> i64 {
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    let form = node.http().ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    node.settle().await;
    order_id
}

/// The answer of the provider and its webhook report the same refund: it counts once.
pub(crate) async fn a_refund_happens_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = paid_on_the_page(&fixture, node).await;
    fixture.refund(node, order_id, 0).await.unwrap();
    node.settle().await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(payment.refunds[0].reason, "it was cold");
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    assert_eq!(balances(node).await, []);
    assert_eq!(fixture.see(node, order_id).await.payment_state(), PaymentState::Refunded);

    // The order repeats the request as another event with the same refund ID.
    let again = OrderRefundRequested {
        order_id,
        refund_id: payment.refunds[0].refund_id,
        amount_minor: PRICE,
        currency: "CNY".to_owned(),
        ..OrderRefundRequested::default()
    };
    node.store("order").commit(&node.cx(), Commit::new().event(order_id, &again)).await.unwrap();
    check(node).await;
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_sandbox_refunds").await, 1);
}

pub(crate) async fn partial_refunds_never_exceed_the_payment(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = paid_on_the_page(&fixture, node).await;
    for minor in [500, 500, 990] {
        fixture.refund(node, order_id, minor).await.unwrap();
        node.settle().await;
    }
    assert_eq!(code(&fixture.refund(node, order_id, 1).await), "ORDER_REFUND_TOO_MUCH");
    let payment = fixture.payment(node, order_id).await;
    assert_eq!(refunds(&payment), [500, 500, 990].map(|minor| (RefundState::Succeeded, minor)));
    // A request for more fails.
    let more = OrderRefundRequested {
        order_id,
        refund_id: 77,
        amount_minor: 1,
        currency: "CNY".to_owned(),
        ..OrderRefundRequested::default()
    };
    node.store("order").commit(&node.cx(), Commit::new().event(order_id, &more)).await.unwrap();
    check(node).await;
    let failed = (RefundState::Failed, 1);
    assert!(refunds(&fixture.payment(node, order_id).await).contains(&failed));
    assert_eq!(balances(node).await, []);
}

/// The process ends after the provider executed a refund and before its answer was stored: the timer repeats the request
/// with the same ID, and the refund happens once.
pub(crate) async fn a_crash_after_the_refund_request_refunds_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = paid_on_the_page(&fixture, node).await;
    fixture.refund(node, order_id, 0).await.unwrap();
    node.settle().await;
    let refund_id = fixture.payment(node, order_id).await.refunds[0].refund_id;
    // State after such a crash: the requested refund and its timer.
    let store = node.store("payment");
    let forget = |text| Statement::new(text, values![refund_id]);
    let entry = "SELECT id FROM payment_entries WHERE kind = 'refund' AND subject_id = ?";
    let (entry,): (i64,) = store.one(forget(entry)).await.unwrap();
    let commit = Commit::new()
        .write(forget("UPDATE payment_refunds SET state = 1, provider_reference = NULL, is_booked = 0 WHERE id = ?"))
        .write(forget("DELETE FROM payment_entries WHERE subject_id = ? AND kind = 'refund'"))
        .write(Statement::new("DELETE FROM payment_lines WHERE entry_id = ?", values![entry]))
        .write(Statement::new("DELETE FROM payment_webhooks WHERE kind = 'refund.updated'", values![]))
        .timer(Timer {
            kind: "payment.execute_refund",
            key: refund_id,
            due_at: node.now(),
            payload: Vec::new().into(),
        });
    store.commit(&node.cx(), commit).await.unwrap();
    pulse_payment::verify(store, true).await.unwrap();
    assert_eq!(balances(node).await.len(), 2, "the ledger has no refund");

    check(node).await;
    assert_eq!(refunds(&fixture.payment(node, order_id).await), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_sandbox_refunds").await, 1);
    assert_eq!(balances(node).await, []);
}

pub(crate) async fn a_refund_without_a_payment_fails(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let refund = OrderRefundRequested {
        order_id,
        refund_id: 77,
        amount_minor: 1,
        currency: "CNY".to_owned(),
        ..OrderRefundRequested::default()
    };
    node.store("order").commit(&node.cx(), Commit::new().event(order_id, &refund)).await.unwrap();
    node.settle().await;
    let published = "SELECT COUNT(*) FROM payment_outbox WHERE topic = 'pulse.payment.v1.PaymentRefundFailed'";
    assert_eq!(number(node, published).await, 1);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_refunds").await, 0);
}

/// R14: the bank returns a refund after its success, which Stripe reports with `refund.failed`. The ledger gets a correction,
/// and the order can be refunded once more, in any order and number of events.
pub(crate) async fn a_returned_refund_is_corrected_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = paid_on_the_page(&fixture, node).await;
    let cancel = CancelOrderRequest { order_id, reason: "changed my mind".to_owned() };
    node.orders().cancel_order(&fixture.customer.cx(), cancel).await.unwrap();
    node.settle().await;
    let refunded = fixture.payment(node, order_id).await;
    assert_eq!(fixture.see(node, order_id).await.payment_state(), PaymentState::Refunded);
    assert_eq!(balances(node).await, []);

    let mut object = foreign_refund(&refunded, &refunded.refunds[0].provider_reference, PRICE);
    object["metadata"] = serde_json::json!({ "pulse_refund_id": refunded.refunds[0].refund_id.to_string() });
    let mut failed = object.clone();
    failed["status"] = "failed".into();
    failed["failure_reason"] = "lost_or_stolen_card".into();
    deliver(node, "evt_failed", "refund.failed", &failed).await.unwrap();
    deliver(node, "evt_failed_again", "refund.updated", &failed).await.unwrap();
    deliver(node, "evt_late", "refund.updated", &object).await.unwrap();
    check(node).await;
    assert_eq!(refunds(&fixture.payment(node, order_id).await), [(RefundState::Failed, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund", "correction"]);
    assert_eq!(balances(node).await.len(), 2, "the money is at the provider and belongs to the shop");
    let published: Vec<PaymentRefundFailed> = published(node).await;
    assert_eq!(
        published.iter().map(|published| (published.order_id, published.is_undone)).collect::<Vec<_>>(),
        [(order_id, true)]
    );
    assert_eq!(published[0].failure, "lost_or_stolen_card");
    let order = fixture.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Cancelled, PaymentState::Paid));
    assert_eq!(order.refunded_minor, 0);

    // The sandbox has the money again, so it can refund it once more.
    let returned = Statement::new("UPDATE payment_sandbox SET refunded_minor = 0", values![]);
    node.store("payment").commit(&node.cx(), Commit::new().write(returned).expect_rows(1)).await.unwrap();
    fixture.refund(node, order_id, 0).await.unwrap();
    check(node).await;
    let again = [(RefundState::Failed, PRICE), (RefundState::Succeeded, PRICE)];
    assert_eq!(refunds(&fixture.payment(node, order_id).await), again);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund", "correction", "refund"]);
    assert_eq!(fixture.see(node, order_id).await.payment_state(), PaymentState::Refunded);
    assert_eq!(balances(node).await, []);
}

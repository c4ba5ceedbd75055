//! Money that goes back: once per refund, never more than came in.

use pulse_contract::order::v1::{CancelOrderRequest, OrderRefundRequested, OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, Timer, values};
use pulse_testkit::TestNode;

use crate::code;
use crate::street::*;

/// An order that was paid on the page, so that the sandbox has its money.
async fn paid_on_the_page(street: &Street, node: &mut TestNode) -> i64 {
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    let form = node.http().ask("POST", &page).body("choice=pay");
    form.header("content-type", "application/x-www-form-urlencoded").send().await;
    node.settle().await;
    order_id
}

/// The answer of the provider and its webhook both say it: it counts once.
pub(crate) async fn a_refund_goes_back_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = paid_on_the_page(&street, node).await;
    street.refund(node, order_id, 0).await.unwrap();
    node.settle().await;
    let payment = street.payment(node, order_id).await;
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(payment.refunds[0].reason, "it was cold");
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    assert_eq!(balances(node).await, []);
    assert_eq!(street.see(node, order_id).await.payment_state(), PaymentState::Refunded);

    // The order says it again, as another event: the number of the refund is the same.
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

pub(crate) async fn parts_go_back_until_nothing_is_left(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = paid_on_the_page(&street, node).await;
    for minor in [500, 500, 990] {
        street.refund(node, order_id, minor).await.unwrap();
        node.settle().await;
    }
    assert_eq!(code(&street.refund(node, order_id, 1).await), "ORDER_REFUND_TOO_MUCH");
    let payment = street.payment(node, order_id).await;
    assert_eq!(refunds(&payment), [500, 500, 990].map(|minor| (RefundState::Succeeded, minor)));
    // Even if an order asked for more, there is nothing to take it from.
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
    assert!(refunds(&street.payment(node, order_id).await).contains(&failed));
    assert_eq!(balances(node).await, []);
}

/// The process dies when the provider has paid back and we have not written it down: the timer asks again, with the same
/// number, and the money goes back once.
pub(crate) async fn a_crash_after_the_refund_was_asked_for_pays_back_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = paid_on_the_page(&street, node).await;
    street.refund(node, order_id, 0).await.unwrap();
    node.settle().await;
    let refund_id = street.payment(node, order_id).await.refunds[0].refund_id;
    // What is there after such a crash: the refund as it was asked for, and its timer.
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
    assert_eq!(balances(node).await.len(), 2, "the money is there, as far as we know");

    check(node).await;
    assert_eq!(refunds(&street.payment(node, order_id).await), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund"]);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_sandbox_refunds").await, 1);
    assert_eq!(balances(node).await, []);
}

pub(crate) async fn a_refund_without_a_payment_fails(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let refund = OrderRefundRequested {
        order_id,
        refund_id: 77,
        amount_minor: 1,
        currency: "CNY".to_owned(),
        ..OrderRefundRequested::default()
    };
    node.store("order").commit(&node.cx(), Commit::new().event(order_id, &refund)).await.unwrap();
    node.settle().await;
    let told = "SELECT COUNT(*) FROM payment_outbox WHERE topic = 'pulse.payment.v1.PaymentRefundFailed'";
    assert_eq!(number(node, told).await, 1);
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_refunds").await, 0);
}

/// R14: the bank returns a refund after it had succeeded, as Stripe tells with `refund.failed`. The books are corrected by
/// an entry of their own, the order has its money again, and the customer can be paid back once more; in whatever order
/// and however often it is told.
pub(crate) async fn a_refund_that_comes_back_is_undone_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = paid_on_the_page(&street, node).await;
    let cancel = CancelOrderRequest { order_id, reason: "changed my mind".to_owned() };
    node.orders().cancel_order(&street.customer.cx(), cancel).await.unwrap();
    node.settle().await;
    let refunded = street.payment(node, order_id).await;
    assert_eq!(street.see(node, order_id).await.payment_state(), PaymentState::Refunded);
    assert_eq!(balances(node).await, []);

    let mut object = foreign_refund(&refunded, &refunded.refunds[0].provider_reference, PRICE);
    object["metadata"] = serde_json::json!({ "pulse_refund_id": refunded.refunds[0].refund_id.to_string() });
    let mut failed = object.clone();
    failed["status"] = "failed".into();
    failed["failure_reason"] = "lost_or_stolen_card".into();
    tell(node, "evt_failed", "refund.failed", &failed).await.unwrap();
    tell(node, "evt_failed_again", "refund.updated", &failed).await.unwrap();
    tell(node, "evt_late", "refund.updated", &object).await.unwrap();
    check(node).await;
    assert_eq!(refunds(&street.payment(node, order_id).await), [(RefundState::Failed, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund", "correction"]);
    assert_eq!(balances(node).await.len(), 2, "the money is with the provider and owed to the shop");
    let told: Vec<PaymentRefundFailed> = told(node).await;
    assert_eq!(told.iter().map(|told| (told.order_id, told.is_undone)).collect::<Vec<_>>(), [(order_id, true)]);
    assert_eq!(told[0].failure, "lost_or_stolen_card");
    let order = street.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Cancelled, PaymentState::Paid));
    assert_eq!(order.refunded_minor, 0);

    // The bank gave the money back to the sandbox, too; so it can go out once more.
    let returned = Statement::new("UPDATE payment_sandbox SET refunded_minor = 0", values![]);
    node.store("payment").commit(&node.cx(), Commit::new().write(returned).expect_rows(1)).await.unwrap();
    street.refund(node, order_id, 0).await.unwrap();
    check(node).await;
    let again = [(RefundState::Failed, PRICE), (RefundState::Succeeded, PRICE)];
    assert_eq!(refunds(&street.payment(node, order_id).await), again);
    assert_eq!(kinds(node, order_id).await, ["capture", "refund", "correction", "refund"]);
    assert_eq!(street.see(node, order_id).await.payment_state(), PaymentState::Refunded);
    assert_eq!(balances(node).await, []);
}

//! Audit of the invariants.

use pulse_contract::kitchen::v1::*;
use pulse_kernel::Finding;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::{KitchenFixture, assert_consistent, cancel, list_all, moved, pay, published};

async fn break_by(node: &TestNode, text: &'static str, id: i64) {
    let commit = Commit::new().write(Statement::new(text, values![id])).expect_rows(1);
    node.store("kitchen").commit(&node.cx(), commit).await.unwrap();
}

async fn findings(node: &TestNode, repair: bool) -> Vec<(&'static str, bool)> {
    let verified = pulse_kitchen::verify(node.store("kitchen"), repair).await.unwrap();
    assert_eq!(verified.checked.len(), 4);
    verified.findings.iter().map(|Finding { invariant, is_repaired, .. }| (*invariant, *is_repaired)).collect()
}

/// Wrong counters, unpublished milestones and open tickets of cancelled orders are found, and repaired on request.
pub(crate) async fn what_is_wrong_is_found_and_repaired(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let made = place.tickets(node).await.remove(0);
    moved(node, &made, &[TicketMove::Accept, TicketMove::Start, TicketMove::Ready]).await;
    let order = place.order(node);
    pay(node, &order).await;
    node.settle().await;
    cancel(node, &order).await;
    node.settle().await;
    assert_consistent(node).await;
    break_by(
        node,
        "UPDATE kitchen_orders SET ready_count = 0, is_ready_published = 0 WHERE order_id = ?",
        made.order_id,
    )
    .await;
    break_by(node, "UPDATE kitchen_tickets SET state = 3 WHERE order_id = ?", order.order_id).await;
    let progress = "kitchen.order_progress";
    let cancelled = "kitchen.cancelled_orders";
    assert_eq!(findings(node, false).await, [(progress, false), (cancelled, false)]);
    assert_eq!(findings(node, true).await, [(progress, true), (cancelled, true)]);
    assert_eq!(findings(node, true).await, []);
    let words: Vec<String> = published(node).await.into_iter().map(|(word, _)| word).collect();
    assert_eq!(words, ["OrderStarted", "OrderReady", "OrderReady"]);
    let states: Vec<TicketState> = list_all(node, place.id()).await.iter().map(Ticket::state).collect();
    assert_eq!(states, [TicketState::Ready, TicketState::Cancelled]);
}

/// A ticket without its order is found and cannot be repaired.
pub(crate) async fn tickets_of_nobody_are_found(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let tickets = [place.tickets(node).await, place.tickets(node).await].concat();
    break_by(node, "DELETE FROM kitchen_orders WHERE order_id = ?", tickets[0].order_id).await;
    let owners = ("kitchen.ticket_orders", false);
    assert_eq!(findings(node, false).await, [owners]);
    assert_eq!(findings(node, true).await, [owners]);
}

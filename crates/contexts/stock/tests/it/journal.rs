//! Journal: movements, quantities at an instant, active reservations, audit and repair.

use pulse_contract::stock::v1::*;
use pulse_kernel::{Locale, Timestamp};
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::stock_fixture::*;
use crate::{HOUR, MINUTE, code};

async fn at(node: &TestNode, id: i64, instant: Timestamp) -> StockAt {
    let request = GetStockAtRequest { shop_id: SHOP, resource: Some(sku(id)), at: Some(instant.into()) };
    node.stock().get_stock_at(&node.cx(), request).await.unwrap()
}

async fn explain(node: &TestNode, id: i64, quantity: i64, then: Option<Timestamp>) -> ExplainStockResponse {
    let at = then.map(Into::into);
    let request = ExplainStockRequest { shop_id: SHOP, resource: Some(sku(id)), quantity, at };
    node.stock().explain_stock(&node.cx(), request).await.unwrap()
}

/// Changes one row of the database directly, without the ledger.
async fn corrupt(node: &TestNode, text: &'static str) {
    let commit = Commit::new().write(Statement::new(text, values![])).expect_rows(1);
    node.store("stock").commit(&node.cx(), commit).await.unwrap();
}

/// Returns the violated invariants, and whether each was repaired.
async fn findings(node: &TestNode, repair: bool) -> Vec<(&'static str, bool)> {
    let verified = pulse_stock::verify(node.store("stock"), repair).await.unwrap();
    verified.findings.iter().map(|finding| (finding.invariant, finding.is_repaired)).collect()
}

/// TR-16: every movement is in the journal with its cause, and each quantity follows from the previous one.
pub(crate) async fn every_movement_is_in_the_journal(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    reserve(node, reserve_request(1, &[(1, 3)])).await;
    confirmed(node, 1, &[]).await;
    replenish(node, 1, 5).await.unwrap();
    adjust(node, 1, -2).await.unwrap();
    reserve(node, reserve_request(2, &[(1, 4)])).await;
    released(node, 2).await;
    let done = journal(node, 1).await;
    use MovementKind::{Adjust, Confirm, Open, Release, Replenish, Reserve};
    assert_eq!(kinds(&done), [Open, Reserve, Confirm, Replenish, Adjust, Reserve, Release]);
    let quantities: Vec<_> = done.iter().map(|movement| (movement.on_hand, movement.reserved)).collect();
    assert_eq!(quantities, [(10, 0), (10, 3), (7, 0), (12, 0), (10, 0), (10, 4), (10, 0)]);
    assert_eq!(done.iter().map(|movement| movement.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((done[1].key, done[3].note.as_str(), done[4].note.as_str()), (Some(order(1)), "a delivery", "counted"));
    check(node).await;
}

/// Quantities at any instant in the past, with the movement that caused them.
pub(crate) async fn past_quantities_are_returned(node: &mut TestNode) {
    let noon = node.now();
    put_stock(node, 1, 10).await;
    for id in 1..=40 {
        node.advance(MINUTE);
        replenish(node, 1, 1).await.unwrap();
        reserve(node, reserve_request(id, &[(1, 1)])).await;
    }
    let before = at(node, 1, noon.minus(MINUTE)).await;
    assert_eq!((before.on_hand, before.cause), (0, None));
    for minute in 0..=40_u32 {
        let then = at(node, 1, noon.plus(minute * MINUTE)).await;
        let minute = i64::from(minute);
        assert_eq!((then.on_hand, then.reserved, then.available), (10 + minute, minute, 10));
        assert_eq!(then.cause.unwrap().version, 1 + 2 * minute, "the last of that instant");
    }
    let later = at(node, 1, noon.plus(HOUR)).await;
    assert_eq!((later.on_hand, later.reserved), (50, 40));
    // A clock that goes back does not make the journal go back.
    node.set_time("2026-05-04T04:10:00Z");
    replenish(node, 1, 1).await.unwrap();
    assert_eq!(at(node, 1, noon.plus(10 * MINUTE)).await.on_hand, 20);
    check(node).await;
}

/// The explanation of a refusal, in the language of the caller, with the active reservations, now or in the past.
pub(crate) async fn an_explanation_lists_active_reservations(node: &mut TestNode) {
    let noon = node.now();
    put_stock(node, 1, 10).await;
    reserve(node, reserve_request(1, &[(1, 2)])).await;
    reserve(node, reserve_request(2, &[(1, 5)])).await;
    reserve(node, reserve_request(3, &[(1, 3)])).await;
    node.advance(MINUTE);
    released(node, 2).await;
    confirmed(node, 3, &[]).await;

    let then = explain(node, 1, 1, Some(noon)).await;
    assert_eq!(then.status(), LineStatus::Insufficient);
    assert_eq!(then.reason, "On hand: 10, reserved: 10, available: 0, requested: 1. The stock is insufficient.");
    let held = then.held_by.iter().map(|held| (held.key.unwrap().id, held.quantity)).collect::<Vec<_>>();
    assert_eq!(held, [(2, 5), (3, 3), (1, 2)]);
    assert_eq!(then.held_by[0].since, Some(noon.into()));

    let now = explain(node, 1, 5, None).await;
    assert_eq!((now.status(), now.held_by.len()), (LineStatus::Ok, 1));
    let cx = pulse_kernel::Cx { locale: Locale::Zh, ..node.cx() };
    let request = ExplainStockRequest { shop_id: SHOP, resource: Some(sku(1)), quantity: 6, at: None };
    let zh = node.stock().explain_stock(&cx, request).await.unwrap();
    assert_eq!(zh.reason, "在库 7 件，其中 2 件已预留；剩余 5 件，需要 6 件。");
    assert_eq!(explain(node, 99, 6, None).await.status(), LineStatus::Untracked);
    check(node).await;
}

/// TR-17, TR-18: lost quantities are rebuilt from the journal.
pub(crate) async fn a_wrong_quantity_is_found_and_repaired(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    put_stock(node, 2, 10).await;
    reserve(node, reserve_request(1, &[(1, 3), (2, 1)])).await;
    corrupt(node, "UPDATE stock_resources SET on_hand = 0, reserved = 0, version = 1, revision = 9 WHERE ref_id = 1")
        .await;
    let sums = "stock.journal_sums_to_quantities";
    let held = "stock.reserved_is_held";
    assert_eq!(findings(node, false).await, [(sums, false), (held, false)]);
    assert_eq!(findings(node, true).await, [(sums, true)]);
    check(node).await;
    assert_eq!(quantities(node, 1).await, (10, 3, 7));
    confirmed(node, 1, &[]).await;
    assert_eq!(quantities(node, 1).await, (7, 0, 7));
    check(node).await;
}

/// R03: reserved units without a reservation become available by a repair, with a movement; no quantity is negative.
pub(crate) async fn reserved_units_without_a_reservation_are_repaired(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    reserve(node, reserve_request(1, &[(1, 3)])).await;
    reserve(node, reserve_request(2, &[(1, 4)])).await;
    corrupt(node, "DELETE FROM stock_reservations WHERE owner_id = 2").await;
    assert_eq!(findings(node, false).await, [("stock.reserved_is_held", false)]);
    assert_eq!(quantities(node, 1).await, (10, 7, 3), "an audit without repair changes nothing");
    assert_eq!(findings(node, true).await, [("stock.reserved_is_held", true)]);
    assert_eq!(quantities(node, 1).await, (10, 3, 7));
    let done = journal(node, 1).await;
    assert_eq!((done[3].kind(), done[3].reserved_delta), (MovementKind::Adjust, -4));
    check(node).await;

    // Reverse case: the reserved quantity is less than the reservations. A release would make it negative, so it is refused
    // until the repair.
    corrupt(node, "UPDATE stock_movements SET reserved = 1, reserved_delta = -6 WHERE ref_id = 1 AND version = 4")
        .await;
    corrupt(node, "UPDATE stock_resources SET reserved = 1, revision = 99 WHERE ref_id = 1").await;
    let outcome = node.stock().release_reservation(&node.cx(), release(1)).await;
    assert_eq!(code(&outcome), "INTERNAL");
    assert_eq!(findings(node, true).await, [("stock.reserved_is_held", true)]);
    assert_eq!(released(node, 1).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 1).await, (10, 0, 10));
    check(node).await;
}

/// A finding without a repair is reported, and the rows stay unchanged.
pub(crate) async fn a_gap_in_the_journal_is_found(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    replenish(node, 1, 5).await.unwrap();
    replenish(node, 1, 5).await.unwrap();
    corrupt(node, "DELETE FROM stock_movements WHERE ref_id = 1 AND version = 2").await;
    assert_eq!(findings(node, true).await, [("stock.journal_is_whole", false)]);
    assert_eq!(quantities(node, 1).await, (20, 0, 20));
}

/// A missing expiry timer is found and set again.
pub(crate) async fn a_reservation_without_its_timer_is_found(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    let until = node.now().plus(MINUTE);
    reserve(node, reserve_request_until(1, &[(1, 3)], until)).await;
    corrupt(node, "DELETE FROM stock_timers WHERE timer_key = 1").await;
    node.advance(2 * HOUR);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (10, 3, 7));
    assert_eq!(findings(node, false).await, [("stock.what_expires_has_a_timer", false)]);
    assert_eq!(findings(node, true).await, [("stock.what_expires_has_a_timer", true)]);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (10, 0, 10));
    check(node).await;
}

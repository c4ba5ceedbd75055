//! Reserve, confirm, release: all lines or none, once, in any order of requests.

use futures::future::join_all;
use pulse_contract::stock::v1::*;
use pulse_testkit::TestNode;

use crate::stock_fixture::*;
use crate::{code, tally};

/// TR-14: three variants, one of them short: nothing is reserved, and the response marks the short line.
pub(crate) async fn a_short_line_reserves_nothing_and_is_marked(node: &mut TestNode) {
    for (id, on_hand) in [(1, 10), (2, 1), (3, 10)] {
        put_stock(node, id, on_hand).await;
    }
    let refused = reserve(node, reserve_request(1, &[(1, 2), (2, 2), (3, 2)])).await;
    assert_eq!(refused.state(), ReservationState::Refused);
    assert_eq!(statuses(&refused), [LineStatus::Ok, LineStatus::Insufficient, LineStatus::Ok]);
    assert_eq!(refused.lines[1].available, 1);
    for id in 1..=3 {
        assert_eq!(journal(node, id).await.len(), 1, "only the initial quantity");
    }
    let again = reserve(node, reserve_request(1, &[(1, 2), (2, 1), (3, 2)])).await;
    assert_eq!(again.state(), ReservationState::Active, "a refusal leaves no trace");
    check(node).await;
}

/// R02: two lines of one resource are decided by their sum.
pub(crate) async fn lines_of_one_resource_count_together(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let refused = reserve(node, reserve_request(1, &[(1, 3), (1, 3)])).await;
    assert_eq!(statuses(&refused), [LineStatus::Insufficient, LineStatus::Insufficient]);
    let held = reserve(node, reserve_request(2, &[(1, 3), (1, 2)])).await;
    assert_eq!((held.state(), quantities(node, 1).await), (ReservationState::Active, (5, 5, 0)));
    assert_eq!(journal(node, 1).await.len(), 2, "one movement for both lines");
    check(node).await;
}

/// TR-15: the same key and lines return the first response; other lines are refused.
pub(crate) async fn a_repeated_key_returns_the_first_response(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    put_stock(node, 2, 5).await;
    let first = reserve(node, reserve_request(1, &[(1, 2), (2, 1)])).await;
    assert_eq!(reserve(node, reserve_request(1, &[(1, 2), (2, 1)])).await, first);
    let other = node.stock().reserve(&node.cx(), reserve_request(1, &[(1, 3), (2, 1)])).await;
    assert_eq!(code(&other), "STOCK_RESERVATION_KEY_REUSED");
    let request = GetReservationRequest { key: Some(order(1)) };
    assert_eq!(node.stock().get_reservation(&node.cx(), request).await.unwrap(), first);
    assert_eq!(quantities(node, 1).await, (5, 2, 3));
    let of_a_coupon = ReservationKey { owner: ReservationOwner::Coupon.into(), id: 1 };
    let coupon = ReserveRequest { key: Some(of_a_coupon), ..reserve_request(1, &[(1, 3)]) };
    assert_eq!(reserve(node, coupon).await.state(), ReservationState::Active, "another owner, another key");
    check(node).await;
}

/// R01: two concurrent requests for the last unit: one is reserved, the other is refused.
pub(crate) async fn the_last_unit_is_reserved_once(node: &mut TestNode) {
    for id in 1..=10 {
        put_stock(node, id, 1).await;
        let cx = node.cx();
        let both = join_all((0..2).map(|n| node.stock().reserve(&cx, reserve_request(id * 10 + n, &[(id, 1)])))).await;
        let states = both.into_iter().map(|outcome| outcome.unwrap().state().as_str_name());
        assert_eq!(tally(states), [("RESERVATION_STATE_ACTIVE", 1), ("RESERVATION_STATE_REFUSED", 1)]);
        assert_eq!(quantities(node, id).await, (1, 1, 0));
    }
    check(node).await;
}

/// R05, TR-12, TR-23: repetitions confirm once and release once.
pub(crate) async fn confirmed_units_leave_and_return_once(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    reserve(node, reserve_request(1, &[(1, 2)])).await;
    for _ in 0..3 {
        assert_eq!(confirmed(node, 1, &[(1, 2)]).await.state(), ReservationState::Confirmed);
    }
    assert_eq!(quantities(node, 1).await, (3, 0, 3));
    assert_eq!(
        reserve(node, reserve_request(1, &[(1, 2)])).await.state(),
        ReservationState::Confirmed,
        "it was reserved before"
    );
    for _ in 0..3 {
        assert_eq!(released(node, 1).await.state(), ReservationState::Released);
    }
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    let done = journal(node, 1).await;
    assert_eq!(kinds(&done), [MovementKind::Open, MovementKind::Reserve, MovementKind::Confirm, MovementKind::Return]);
    assert_eq!(confirmed(node, 1, &[(1, 2)]).await.state(), ReservationState::Released, "it stays released");

    reserve(node, reserve_request(2, &[(1, 4)])).await;
    let cx = node.cx();
    join_all((0..20).map(|_| node.stock().release_reservation(&cx, release(2)))).await;
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    check(node).await;
}

/// A release before the reservation, as by a cancellation that overtakes its order: the reservation is not made.
pub(crate) async fn released_before_it_was_reserved_is_never_reserved(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    assert_eq!(released(node, 1).await.state(), ReservationState::Released);
    assert_eq!(reserve(node, reserve_request(1, &[(1, 2)])).await.state(), ReservationState::Released);
    assert_eq!(confirmed(node, 1, &[(1, 2)]).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    check(node).await;
}

/// TR-13: with deduction at payment, an order reserves no units; the first payment deducts them, and the second
/// confirmation is refused and keeps its other lines reserved.
pub(crate) async fn deduction_at_payment_goes_to_the_first_payment(node: &mut TestNode) {
    let rules = StockRules { deduct_at: DeductAt::Payment.into(), ..StockRules::default() };
    put_stock_with(node, 1, 1, rules).await;
    put_stock(node, 2, 5).await;
    for id in 1..=2 {
        let held = reserve(node, reserve_request(id, &[(1, 1), (2, 1)])).await;
        assert_eq!(statuses(&held), [LineStatus::DeferredToPayment, LineStatus::Ok]);
    }
    assert_eq!((quantities(node, 1).await, quantities(node, 2).await), ((1, 0, 1), (5, 2, 3)));
    let winner = confirmed(node, 2, &[(1, 1), (2, 1)]).await;
    assert_eq!((winner.state(), statuses(&winner)), (ReservationState::Confirmed, vec![LineStatus::Ok; 2]));
    let loser = confirmed(node, 1, &[(1, 1), (2, 1)]).await;
    assert_eq!((loser.state(), statuses(&loser)[0]), (ReservationState::Refused, LineStatus::Insufficient));
    assert_eq!((quantities(node, 1).await, quantities(node, 2).await), ((0, 0, 0), (4, 1, 3)));
    assert_eq!(released(node, 1).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 2).await, (4, 0, 4));
    let at_once = ReserveRequest { is_payment: true, ..reserve_request(3, &[(1, 1)]) };
    assert_eq!(statuses(&reserve(node, at_once).await), [LineStatus::Insufficient]);
    assert_eq!(released(node, 2).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 1).await, (1, 0, 1), "units that were deducted at payment return too");
    check(node).await;
}

/// DL-26: overselling is allowed by variant; oversold units make the quantity on hand negative.
pub(crate) async fn overselling_is_a_rule_of_the_variant(node: &mut TestNode) {
    let rules = StockRules { is_oversell_allowed: true, ..StockRules::default() };
    put_stock_with(node, 1, 1, rules).await;
    assert_eq!(reserve(node, reserve_request(1, &[(1, 3)])).await.state(), ReservationState::Active);
    assert_eq!(quantities(node, 1).await, (1, 3, -2));
    confirmed(node, 1, &[]).await;
    assert_eq!(quantities(node, 1).await, (-2, 0, -2), "two units are oversold");
    put_stock(node, 1, 0).await;
    assert_eq!(
        reserve(node, reserve_request(2, &[(1, 1)])).await.state(),
        ReservationState::Refused,
        "it is not allowed now"
    );
    replenish(node, 1, 3).await.unwrap();
    assert_eq!(reserve(node, reserve_request(2, &[(1, 1)])).await.state(), ReservationState::Active);
    assert_eq!(quantities(node, 1).await, (1, 1, 0));
    check(node).await;
}

/// A resource without a stock record: any quantity is accepted, and only the reservation is written.
pub(crate) async fn untracked_resources_always_suffice(node: &mut TestNode) {
    put_stock(node, 1, 1).await;
    let held = reserve(node, reserve_request(1, &[(99, 1_000), (1, 1)])).await;
    assert_eq!(
        (held.state(), statuses(&held)),
        (ReservationState::Active, vec![LineStatus::Untracked, LineStatus::Ok])
    );
    confirmed(node, 1, &[]).await;
    put_stock(node, 99, 5).await;
    released(node, 1).await;
    assert_eq!(quantities(node, 99).await, (5, 0, 5), "units that were not tracked do not return");
    check(node).await;
}

/// An unknown key is an error; a confirmation with lines deducts them in one step.
pub(crate) async fn unknown_keys_are_refused(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let request = GetReservationRequest { key: Some(order(1)) };
    assert_eq!(code(&node.stock().get_reservation(&node.cx(), request).await), "STOCK_RESERVATION_NOT_FOUND");
    let nothing = node.stock().confirm_reservation(&node.cx(), confirm(1, &[])).await;
    assert_eq!(code(&nothing), "STOCK_RESERVATION_NOT_FOUND");
    assert_eq!(confirmed(node, 1, &[(1, 9)]).await.state(), ReservationState::Refused);
    assert_eq!(confirmed(node, 1, &[(1, 4)]).await.state(), ReservationState::Confirmed);
    assert_eq!(quantities(node, 1).await, (1, 0, 1));
    let nothing = ReserveRequest { lines: Vec::new(), ..reserve_request(2, &[]) };
    assert_eq!(code(&node.stock().reserve(&node.cx(), nothing).await), "VALIDATION_FAILED");
    let negative = reserve_request(2, &[(1, -1)]);
    assert_eq!(code(&node.stock().reserve(&node.cx(), negative).await), "VALIDATION_FAILED");
    check(node).await;
}

//! `ReserveMany`: several reservations with one call, independent of each other, in their order, once.

use futures::future::join_all;
use pulse_contract::stock::v1::*;
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::stock_fixture::*;
use crate::{code, tally};

fn batch(reservations: impl IntoIterator<Item = ReserveRequest>) -> ReserveManyRequest {
    ReserveManyRequest { reservations: reservations.into_iter().collect() }
}

async fn reserve_many(node: &TestNode, request: ReserveManyRequest) -> Result<Vec<Reservation>, Error> {
    node.stock().reserve_many(&node.cx(), request).await.map(|answer| answer.reservations)
}

fn states(reservations: &[Reservation]) -> Vec<(&'static str, usize)> {
    tally(reservations.iter().map(|one| one.state().as_str_name().trim_start_matches("RESERVATION_STATE_")))
}

/// TR-36, TR-37: 60 units and 100 reservations of one unit: exactly the first 60 succeed.
pub(crate) async fn sixty_units_go_to_the_first_sixty_of_a_batch(node: &mut TestNode) {
    put_stock(node, 1, 60).await;
    let reserved = reserve_many(node, batch((1..=100).map(|id| reserve_request(id, &[(1, 1)])))).await.unwrap();
    assert_eq!(states(&reserved[..60]), [("ACTIVE", 60)]);
    assert_eq!(states(&reserved[60..]), [("REFUSED", 40)]);
    assert!(reserved.iter().zip(1..).all(|(one, id)| one.key == Some(order(id))), "in the order of the request");
    assert!(
        reserved[60..].iter().all(|one| statuses(one) == [LineStatus::Insufficient] && one.lines[0].available == 0)
    );
    assert_eq!((quantities(node, 1).await, journal(node, 1).await.len()), ((60, 60, 0), 61));
    check(node).await;
}

/// A short reservation is refused as a whole; its units remain for the following ones.
pub(crate) async fn reservations_of_a_call_are_independent(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    put_stock(node, 2, 1).await;
    let wanted = [
        reserve_request(1, &[(1, 6)]),
        reserve_request(2, &[(1, 5)]),
        reserve_request(3, &[(1, 2), (2, 2)]),
        reserve_request(4, &[(1, 4), (2, 1)]),
    ];
    let reserved = reserve_many(node, batch(wanted)).await.unwrap();
    let held: Vec<bool> = reserved.iter().map(|one| one.state() == ReservationState::Active).collect();
    assert_eq!(held, [true, false, false, true]);
    assert_eq!((quantities(node, 1).await, quantities(node, 2).await), ((10, 10, 0), (1, 1, 0)));
    check(node).await;
}

/// TR-15: a repeated and a concurrent identical call return the first response and move nothing.
pub(crate) async fn a_repeated_batch_moves_once(node: &mut TestNode) {
    put_stock(node, 1, 30).await;
    let request = batch((1..=50).map(|id| reserve_request_until(id, &[(1, 1)], node.now().plus(crate::HOUR))));
    let both = join_all((0..2).map(|_| reserve_many(node, request.clone()))).await;
    let again = reserve_many(node, request).await.unwrap();
    assert!(both.iter().all(|one| one.as_ref().is_ok_and(|one| *one == again)), "{both:?}");
    assert_eq!((states(&again), quantities(node, 1).await), (vec![("ACTIVE", 30), ("REFUSED", 20)], (30, 30, 0)));
    // A reservation that is in the call twice is made once.
    put_stock(node, 2, 5).await;
    let twice =
        reserve_many(node, batch([reserve_request(60, &[(2, 2)]), reserve_request(60, &[(2, 2)])])).await.unwrap();
    assert_eq!((twice[0] == twice[1], quantities(node, 2).await), (true, (5, 2, 3)));
    node.advance(crate::HOUR);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (30, 0, 30), "each reservation expires separately");
    check(node).await;
}

/// A key that was used for other lines is an error with its ID; the other reservations are made once.
pub(crate) async fn a_reused_key_is_an_error_with_its_id(node: &mut TestNode) {
    put_stock(node, 1, 10).await;
    reserve(node, reserve_request(2, &[(1, 2)])).await;
    let refused = reserve_many(node, batch((1..=3).map(|id| reserve_request(id, &[(1, 1)])))).await.unwrap_err();
    assert_eq!(refused.code(), "STOCK_RESERVATION_KEY_REUSED");
    assert_eq!(refused.metadata(), [("reservation_id".into(), "2".to_owned())]);
    let others =
        reserve_many(node, batch([reserve_request(1, &[(1, 1)]), reserve_request(3, &[(1, 1)])])).await.unwrap();
    assert_eq!((states(&others), quantities(node, 1).await), (vec![("ACTIVE", 2)], (10, 4, 6)));
    check(node).await;
}

/// A call that does not fit into one commit is written by several, in the order of the request.
pub(crate) async fn a_batch_may_be_larger_than_a_commit(node: &mut TestNode) {
    put_stock(node, 1, 5_000).await;
    let lines = [(1, 1); 200];
    let reserved = reserve_many(node, batch((1..=30).map(|id| reserve_request(id, &lines)))).await.unwrap();
    assert_eq!((states(&reserved[..25]), states(&reserved[25..])), (vec![("ACTIVE", 25)], vec![("REFUSED", 5)]));
    assert_eq!(quantities(node, 1).await, (5_000, 5_000, 0));
    check(node).await;
}

/// The response of a call is stored with its refusals, even if the stock suffices at the repetition.
pub(crate) async fn a_batch_keeps_its_answer_under_an_idempotency_key(node: &mut TestNode) {
    put_stock(node, 1, 1).await;
    let request = batch((1..=2).map(|id| reserve_request(id, &[(1, 1)])));
    let cx = node.keyed(node.cx(), "77aa", "ReserveMany", &request);
    let first = node.stock().reserve_many(&cx, request.clone()).await.unwrap();
    replenish(node, 1, 5).await.unwrap();
    assert_eq!(node.stock().reserve_many(&cx, request.clone()).await.unwrap(), first);
    let anew = reserve_many(node, request).await.unwrap();
    assert_eq!(
        (states(&first.reservations), states(&anew)),
        (vec![("ACTIVE", 1), ("REFUSED", 1)], vec![("ACTIVE", 2)])
    );
    check(node).await;
}

/// An empty call, more than 1,000 reservations, a quantity of 0 or a missing key is refused before units move.
pub(crate) async fn an_invalid_batch_moves_nothing(node: &mut TestNode) {
    put_stock(node, 1, 5_000).await;
    let good = reserve_request(1, &[(1, 1)]);
    let bad = ReserveRequest { key: None, ..reserve_request(2, &[(1, 1)]) };
    for request in [
        batch([]),
        batch((1..=1_001).map(|id| reserve_request(id, &[(1, 1)]))),
        batch([good.clone(), reserve_request(2, &[(1, 0)])]),
        batch([good, bad]),
    ] {
        assert_eq!(code(&reserve_many(node, request).await), "VALIDATION_FAILED");
    }
    assert_eq!(journal(node, 1).await.len(), 1, "only the initial quantity");
}

//! Many reservations at once: each for itself, in their order, once.

use futures::future::join_all;
use pulse_contract::stock::v1::*;
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::shelf::*;
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

/// TR-36, TR-37: sixty units, a batch of a hundred that want one: exactly the first sixty get it.
pub(crate) async fn sixty_units_go_to_the_first_sixty_of_a_batch(node: &mut TestNode) {
    shelf(node, 1, 60).await;
    let reserved = reserve_many(node, batch((1..=100).map(|id| wants(id, &[(1, 1)])))).await.unwrap();
    assert_eq!(states(&reserved[..60]), [("ACTIVE", 60)]);
    assert_eq!(states(&reserved[60..]), [("REFUSED", 40)]);
    assert!(reserved.iter().zip(1..).all(|(one, id)| one.key == Some(order(id))), "in the order of the request");
    assert!(
        reserved[60..].iter().all(|one| statuses(one) == [LineStatus::Insufficient] && one.lines[0].available == 0)
    );
    assert_eq!((quantities(node, 1).await, journal(node, 1).await.len()), ((60, 60, 0), 61));
    check(node).await;
}

/// Whoever is short is refused whole; what is left is for those after it.
pub(crate) async fn each_of_a_batch_is_for_itself(node: &mut TestNode) {
    shelf(node, 1, 10).await;
    shelf(node, 2, 1).await;
    let wanted = [wants(1, &[(1, 6)]), wants(2, &[(1, 5)]), wants(3, &[(1, 2), (2, 2)]), wants(4, &[(1, 4), (2, 1)])];
    let reserved = reserve_many(node, batch(wanted)).await.unwrap();
    let held: Vec<bool> = reserved.iter().map(|one| one.state() == ReservationState::Active).collect();
    assert_eq!(held, [true, false, false, true]);
    assert_eq!((quantities(node, 1).await, quantities(node, 2).await), ((10, 10, 0), (1, 1, 0)));
    check(node).await;
}

/// TR-15: the same batch again, and twice at the same time: the first answer, and nothing moves.
pub(crate) async fn a_repeated_batch_moves_once(node: &mut TestNode) {
    shelf(node, 1, 30).await;
    let request = batch((1..=50).map(|id| wants_until(id, &[(1, 1)], node.now().plus(crate::HOUR))));
    let both = join_all((0..2).map(|_| reserve_many(node, request.clone()))).await;
    let again = reserve_many(node, request).await.unwrap();
    assert!(both.iter().all(|one| one.as_ref().is_ok_and(|one| *one == again)), "{both:?}");
    assert_eq!((states(&again), quantities(node, 1).await), (vec![("ACTIVE", 30), ("REFUSED", 20)], (30, 30, 0)));
    // One that is in the batch twice is reserved once.
    shelf(node, 2, 5).await;
    let twice = reserve_many(node, batch([wants(60, &[(2, 2)]), wants(60, &[(2, 2)])])).await.unwrap();
    assert_eq!((twice[0] == twice[1], quantities(node, 2).await), (true, (5, 2, 3)));
    node.advance(crate::HOUR);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (30, 0, 30), "each expires by itself");
    check(node).await;
}

/// A key that holds other lines is a mistake of the caller, who hears which; the rest is reserved once all the same.
pub(crate) async fn a_key_with_other_lines_is_told_and_named(node: &mut TestNode) {
    shelf(node, 1, 10).await;
    reserve(node, wants(2, &[(1, 2)])).await;
    let refused = reserve_many(node, batch((1..=3).map(|id| wants(id, &[(1, 1)])))).await.unwrap_err();
    assert_eq!(refused.code(), "STOCK_RESERVATION_KEY_REUSED");
    assert_eq!(refused.metadata(), [("reservation_id".into(), "2".to_owned())]);
    let others = reserve_many(node, batch([wants(1, &[(1, 1)]), wants(3, &[(1, 1)])])).await.unwrap();
    assert_eq!((states(&others), quantities(node, 1).await), (vec![("ACTIVE", 2)], (10, 4, 6)));
    check(node).await;
}

/// What does not fit into one commit is written by several, in the order of the request.
pub(crate) async fn a_batch_may_be_larger_than_a_commit(node: &mut TestNode) {
    shelf(node, 1, 5_000).await;
    let lines = [(1, 1); 200];
    let reserved = reserve_many(node, batch((1..=30).map(|id| wants(id, &lines)))).await.unwrap();
    assert_eq!((states(&reserved[..25]), states(&reserved[25..])), (vec![("ACTIVE", 25)], vec![("REFUSED", 5)]));
    assert_eq!(quantities(node, 1).await, (5_000, 5_000, 0));
    check(node).await;
}

/// The answer of the batch is kept, refusals included, although there would be enough by then.
pub(crate) async fn a_batch_keeps_its_answer_under_an_idempotency_key(node: &mut TestNode) {
    shelf(node, 1, 1).await;
    let request = batch((1..=2).map(|id| wants(id, &[(1, 1)])));
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

/// A batch of nothing, of too many, or with a line of nothing is refused before anything moves.
pub(crate) async fn a_bad_batch_moves_nothing(node: &mut TestNode) {
    shelf(node, 1, 5_000).await;
    let good = wants(1, &[(1, 1)]);
    let bad = ReserveRequest { key: None, ..wants(2, &[(1, 1)]) };
    for request in [
        batch([]),
        batch((1..=1_001).map(|id| wants(id, &[(1, 1)]))),
        batch([good.clone(), wants(2, &[(1, 0)])]),
        batch([good, bad]),
    ] {
        assert_eq!(code(&reserve_many(node, request).await), "VALIDATION_FAILED");
    }
    assert_eq!(journal(node, 1).await.len(), 1, "only its opening");
}

//! What nobody confirms in time is free again, once.

use pulse_contract::stock::v1::*;
use pulse_store::{Statement, values};
use pulse_testkit::TestNode;

use crate::shelf::*;
use crate::{HOUR, MINUTE};

/// How many events of a topic are in the outbox.
pub(crate) async fn told(node: &TestNode, topic: &str) -> i64 {
    let topic = format!("pulse.stock.v1.{topic}");
    let query = Statement::new("SELECT COUNT(*) FROM stock_outbox WHERE topic = ?", values![topic]);
    node.store("stock").one::<(i64,)>(query).await.unwrap().0
}

/// TR-23, R11: after its deadline a reservation is free once, and it is told once.
pub(crate) async fn what_nobody_confirms_expires_once(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    for id in 1..=3 {
        reserve(node, wants_until(id, &[(1, 1)], at)).await;
    }
    node.advance(14 * MINUTE);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 3, 2));
    node.advance(MINUTE);
    node.settle().await;
    node.advance(HOUR);
    node.settle().await;
    assert_eq!((quantities(node, 1).await, told(node, "ReservationExpired").await), ((5, 0, 5), 3));
    assert_eq!(reserve(node, wants(1, &[(1, 1)])).await.state(), ReservationState::Expired);
    assert_eq!(confirmed(node, 1, &[]).await.state(), ReservationState::Expired, "without lines nothing is taken");
    assert_eq!(released(node, 2).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    assert_eq!(node.store("stock").timer_count().await.unwrap(), 0);
    check(node).await;
}

/// Confirmed or released, it has no deadline any more.
pub(crate) async fn a_confirmed_reservation_does_not_expire(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    reserve(node, wants_until(1, &[(1, 1)], at)).await;
    reserve(node, wants_until(2, &[(1, 1)], at)).await;
    confirmed(node, 1, &[]).await;
    released(node, 2).await;
    assert_eq!(node.store("stock").timer_count().await.unwrap(), 0);
    node.advance(HOUR);
    node.settle().await;
    assert_eq!((quantities(node, 1).await, told(node, "ReservationExpired").await), ((4, 0, 4), 0));
    check(node).await;
}

/// Nothing about a reservation is in memory alone.
pub(crate) async fn reservations_and_their_expiry_outlive_a_restart(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    let held = reserve(node, wants_until(1, &[(1, 2)], at)).await;
    assert_eq!(held.expires_at, Some(at.into()));
    node.restart().await;
    assert_eq!(quantities(node, 1).await, (5, 2, 3));
    assert_eq!(reserve(node, wants_until(1, &[(1, 2)], at)).await, held);
    node.advance(15 * MINUTE);
    node.restart().await;
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    check(node).await;
}

/// Money that comes after the deadline: taken anew when there is enough, refused when there is not.
pub(crate) async fn an_expired_reservation_is_taken_anew_when_there_is_enough(node: &mut TestNode) {
    shelf(node, 1, 2).await;
    let at = node.now().plus(15 * MINUTE);
    reserve(node, wants_until(1, &[(1, 1)], at)).await;
    reserve(node, wants_until(2, &[(1, 1)], at)).await;
    node.advance(15 * MINUTE);
    node.settle().await;
    assert_eq!(confirmed(node, 1, &[(1, 1)]).await.state(), ReservationState::Confirmed);
    reserve(node, wants(3, &[(1, 1)])).await;
    let late = confirmed(node, 2, &[(1, 1)]).await;
    assert_eq!((late.state(), statuses(&late)), (ReservationState::Refused, vec![LineStatus::Insufficient]));
    assert_eq!(confirmed(node, 1, &[(1, 1)]).await.state(), ReservationState::Confirmed, "once");
    assert_eq!(quantities(node, 1).await, (1, 1, 0));
    released(node, 1).await;
    assert_eq!(quantities(node, 1).await, (2, 1, 1));
    check(node).await;
}

/// TR-19: undersell is a defect too: when everybody has let go, every unit can be sold.
pub(crate) async fn after_all_have_expired_every_unit_can_be_sold(node: &mut TestNode) {
    shelf(node, 1, 40).await;
    let at = node.now().plus(MINUTE);
    for id in 1..=40 {
        assert_eq!(reserve(node, wants_until(id, &[(1, 1)], at)).await.state(), ReservationState::Active);
    }
    assert_eq!(reserve(node, wants(100, &[(1, 1)])).await.state(), ReservationState::Refused);
    node.advance(MINUTE);
    node.settle().await;
    assert_eq!(reserve(node, wants(101, &[(1, 40)])).await.state(), ReservationState::Active);
    assert_eq!(told(node, "ReservationExpired").await, 40);
    check(node).await;
}

//! Expiry: units of unconfirmed reservations become available once.

use pulse_contract::stock::v1::*;
use pulse_store::{Statement, values};
use pulse_testkit::TestNode;

use crate::stock_fixture::*;
use crate::{HOUR, MINUTE};

/// Counts the events of a topic in the outbox.
pub(crate) async fn event_count(node: &TestNode, topic: &str) -> i64 {
    let topic = format!("pulse.stock.v1.{topic}");
    let query = Statement::new("SELECT COUNT(*) FROM stock_outbox WHERE topic = ?", values![topic]);
    node.store("stock").one::<(i64,)>(query).await.unwrap().0
}

/// TR-23, R11: an unconfirmed reservation expires once, with one event.
pub(crate) async fn an_unconfirmed_reservation_expires_once(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    for id in 1..=3 {
        reserve(node, reserve_request_until(id, &[(1, 1)], at)).await;
    }
    node.advance(14 * MINUTE);
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 3, 2));
    node.advance(MINUTE);
    node.settle().await;
    node.advance(HOUR);
    node.settle().await;
    assert_eq!((quantities(node, 1).await, event_count(node, "ReservationExpired").await), ((5, 0, 5), 3));
    assert_eq!(reserve(node, reserve_request(1, &[(1, 1)])).await.state(), ReservationState::Expired);
    assert_eq!(confirmed(node, 1, &[]).await.state(), ReservationState::Expired, "without lines nothing is deducted");
    assert_eq!(released(node, 2).await.state(), ReservationState::Released);
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    assert_eq!(node.store("stock").timer_count().await.unwrap(), 0);
    check(node).await;
}

/// A confirmed or released reservation does not expire.
pub(crate) async fn a_confirmed_reservation_does_not_expire(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    reserve(node, reserve_request_until(1, &[(1, 1)], at)).await;
    reserve(node, reserve_request_until(2, &[(1, 1)], at)).await;
    confirmed(node, 1, &[]).await;
    released(node, 2).await;
    assert_eq!(node.store("stock").timer_count().await.unwrap(), 0);
    node.advance(HOUR);
    node.settle().await;
    assert_eq!((quantities(node, 1).await, event_count(node, "ReservationExpired").await), ((4, 0, 4), 0));
    check(node).await;
}

/// Reservations and their timers are durable.
pub(crate) async fn reservations_and_their_expiry_survive_a_restart(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let at = node.now().plus(15 * MINUTE);
    let held = reserve(node, reserve_request_until(1, &[(1, 2)], at)).await;
    assert_eq!(held.expires_at, Some(at.into()));
    node.restart().await;
    assert_eq!(quantities(node, 1).await, (5, 2, 3));
    assert_eq!(reserve(node, reserve_request_until(1, &[(1, 2)], at)).await, held);
    node.advance(15 * MINUTE);
    node.restart().await;
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    check(node).await;
}

/// A confirmation after the expiry, as by a late payment: deducted if the stock suffices, otherwise refused.
pub(crate) async fn an_expired_reservation_is_confirmed_if_the_stock_suffices(node: &mut TestNode) {
    put_stock(node, 1, 2).await;
    let at = node.now().plus(15 * MINUTE);
    reserve(node, reserve_request_until(1, &[(1, 1)], at)).await;
    reserve(node, reserve_request_until(2, &[(1, 1)], at)).await;
    node.advance(15 * MINUTE);
    node.settle().await;
    assert_eq!(confirmed(node, 1, &[(1, 1)]).await.state(), ReservationState::Confirmed);
    reserve(node, reserve_request(3, &[(1, 1)])).await;
    let late = confirmed(node, 2, &[(1, 1)]).await;
    assert_eq!((late.state(), statuses(&late)), (ReservationState::Refused, vec![LineStatus::Insufficient]));
    assert_eq!(confirmed(node, 1, &[(1, 1)]).await.state(), ReservationState::Confirmed, "once");
    assert_eq!(quantities(node, 1).await, (1, 1, 0));
    released(node, 1).await;
    assert_eq!(quantities(node, 1).await, (2, 1, 1));
    check(node).await;
}

/// TR-19: after all reservations have expired, every unit can be sold.
pub(crate) async fn after_all_have_expired_every_unit_can_be_sold(node: &mut TestNode) {
    put_stock(node, 1, 40).await;
    let at = node.now().plus(MINUTE);
    for id in 1..=40 {
        assert_eq!(reserve(node, reserve_request_until(id, &[(1, 1)], at)).await.state(), ReservationState::Active);
    }
    assert_eq!(reserve(node, reserve_request(100, &[(1, 1)])).await.state(), ReservationState::Refused);
    node.advance(MINUTE);
    node.settle().await;
    assert_eq!(reserve(node, reserve_request(101, &[(1, 40)])).await.state(), ReservationState::Active);
    assert_eq!(event_count(node, "ReservationExpired").await, 40);
    check(node).await;
}

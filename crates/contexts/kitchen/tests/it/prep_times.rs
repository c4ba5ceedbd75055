//! Estimates when tickets are ready.

use std::time::Duration;

use pulse_contract::kitchen::v1::*;
use pulse_testkit::TestNode;

use crate::{KitchenFixture, MINUTE, moved, order, pay, put_stations, station};

/// Time until the ticket is estimated to be ready.
fn estimate(node: &TestNode, ticket: &Ticket) -> Duration {
    let at: pulse_kernel::Timestamp = ticket.ready_estimate_at.unwrap().into();
    at.since(node.now())
}

/// An order of a number of teas.
async fn teas(node: &TestNode, place: &KitchenFixture, count: i32) -> Ticket {
    let order = order(node, place.id(), &[(&place.products[0], count)]);
    pay(node, &order).await;
    node.settle().await;
    crate::list(node, place.id()).await.into_iter().find(|ticket| ticket.order_id == order.order_id).unwrap()
}

/// The estimate counts the waiting units of the station and the ticket itself, at most four hours.
pub(crate) async fn an_estimate_grows_with_what_waits(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    put_stations(node, place.id(), vec![station("bar", &["tea"], 3), station("grill", &["meat"], 10)]).await.unwrap();
    let first = teas(node, &place, 2).await;
    assert_eq!(estimate(node, &first), 6 * MINUTE);
    let second = teas(node, &place, 1).await;
    assert_eq!(estimate(node, &second), 9 * MINUTE);
    let both = place.tickets(node).await;
    assert_eq!((both[0].station.as_str(), estimate(node, &both[0])), ("bar", 12 * MINUTE));
    assert_eq!((both[1].station.as_str(), estimate(node, &both[1])), ("grill", 10 * MINUTE), "another station");
    // A started ticket waits for its own units only; a ready ticket does not count.
    let first = moved(node, &first, &[TicketMove::Accept, TicketMove::Start]).await;
    assert_eq!(estimate(node, &first), 6 * MINUTE);
    let second = moved(node, &second, &[TicketMove::Accept, TicketMove::Start]).await;
    assert_eq!(estimate(node, &second), 3 * MINUTE);
    let order = order(node, place.id(), &[(&place.products[1], 999)]);
    pay(node, &order).await;
    node.settle().await;
    let huge = crate::list(node, place.id()).await.pop().unwrap();
    assert_eq!(estimate(node, &huge), 4 * 60 * MINUTE);
}

/// The prep time adapts to the tickets of a station; a recalled ticket is not measured again.
pub(crate) async fn a_station_learns_how_long_it_takes(node: &mut TestNode) {
    use TicketMove::{Accept, Bump, Ready, Recall, Start};
    let place = KitchenFixture::with(node, &["tea"]).await;
    put_stations(node, place.id(), vec![station("bar", &["tea"], 2)]).await.unwrap();
    let ticket = teas(node, &place, 2).await;
    assert_eq!(estimate(node, &ticket), 4 * MINUTE);
    moved(node, &ticket, &[Accept, Start]).await;
    node.advance(12 * MINUTE);
    moved(node, &ticket, &[Ready]).await;
    // Two units in twelve minutes are six minutes per unit; half of the way from two minutes.
    let next = teas(node, &place, 1).await;
    assert_eq!(estimate(node, &next), 4 * MINUTE);
    moved(node, &ticket, &[Recall]).await;
    node.advance(50 * MINUTE);
    moved(node, &ticket, &[Ready, Bump]).await;
    let next = moved(node, &next, &[Accept, Start]).await;
    assert_eq!(estimate(node, &next), 4 * MINUTE);
    node.advance(MINUTE);
    moved(node, &next, &[Ready]).await;
    assert_eq!(estimate(node, &teas(node, &place, 1).await), 3 * MINUTE, "a third of the way from four to one");
    node.restart().await;
    assert_eq!(estimate(node, &teas(node, &place, 1).await), 6 * MINUTE, "the same, behind the one before");
}

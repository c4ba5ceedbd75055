//! Streams of tickets: open tickets first, then changes, also of other nodes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use pulse_context::Retention;
use pulse_contract::kitchen::v1::*;
use pulse_kernel::Error;
use pulse_kitchen::{KitchenDeps, Kitchens};
use pulse_store::{Commit, Insert, values};
use pulse_testkit::TestNode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use TicketMove::{Accept, Bump, Ready, Start};

use crate::{KitchenFixture, MINUTE, SECOND, assert_consistent, cancel, move_by, moved, pay};

/// Maximum time that a test waits for a ticket, on the clock of the machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than the poll interval.
const A_LOOK: Duration = Duration::from_secs(15);

type Screen = BoxStream<'static, Result<Ticket, Error>>;

async fn watch(node: &TestNode, client: &KitchenClient, shop_id: i64, station: &str) -> Screen {
    let request = WatchTicketsRequest { shop_id, station: station.to_owned() };
    client.watch_tickets(&node.cx(), request).await.unwrap()
}

/// The next tickets of the stream: order and state.
async fn shown(screen: &mut Screen, count: usize) -> Vec<(i64, TicketState)> {
    let mut tickets = Vec::new();
    for _ in 0..count {
        let next = tokio::time::timeout(PATIENCE, screen.next()).await.expect("a ticket appears");
        let ticket = next.expect("the stream goes on").unwrap();
        tickets.push((ticket.order_id, ticket.state()));
    }
    tickets
}

/// A second kitchen context on the same tables, as on another node.
async fn another(node: &TestNode) -> Kitchens {
    let deps = KitchenDeps {
        store: node.store("kitchen").clone(),
        catalog: node.catalog().clone(),
        retention: Retention::default(),
    };
    pulse_kitchen::start(deps).await.unwrap().0
}

/// A stream sends open tickets, oldest first, then each change: moves, new orders, cancellations.
pub(crate) async fn a_screen_shows_what_is_open_and_what_changes(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let tickets = [place.tickets(node).await, place.tickets(node).await, place.tickets(node).await].concat();
    moved(node, &tickets[0], &[Accept, Start, Ready, Bump]).await;
    moved(node, &tickets[2], &[Accept]).await;
    let mut screen = watch(node, node.kitchens(), place.id(), "").await;
    let [first, second, third] = [0, 1, 2].map(|index| tickets[index].order_id);
    assert_eq!(shown(&mut screen, 2).await, [(second, TicketState::New), (third, TicketState::Accepted)]);
    for (by, state) in [
        (Accept, TicketState::Accepted),
        (Start, TicketState::Started),
        (Ready, TicketState::Ready),
        (Bump, TicketState::Bumped),
        (TicketMove::Recall, TicketState::Ready),
    ] {
        move_by(node, &tickets[1], by).await.unwrap();
        assert_eq!(shown(&mut screen, 1).await, [(second, state)]);
    }
    let order = place.order(node);
    pay(node, &order).await;
    assert_eq!(shown(&mut screen, 1).await, [(order.order_id, TicketState::New)]);
    node.settle().await;
    cancel(node, &order).await;
    assert_eq!(shown(&mut screen, 1).await, [(order.order_id, TicketState::Cancelled)]);
    move_by(node, &tickets[0], TicketMove::Recall).await.unwrap();
    assert_eq!(shown(&mut screen, 1).await, [(first, TicketState::Ready)], "what comes back is shown again");
}

/// A stream of a station sends tickets of that station only.
pub(crate) async fn a_screen_of_a_station_shows_that_station(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    let tickets = place.tickets(node).await;
    let mut screen = watch(node, node.kitchens(), place.id(), "meat").await;
    let order = tickets[0].order_id;
    assert_eq!(shown(&mut screen, 1).await, [(order, TicketState::New)]);
    move_by(node, &tickets[0], Accept).await.unwrap();
    moved(node, &tickets[1], &[Accept, Start]).await;
    assert_eq!(shown(&mut screen, 1).await, [(order, TicketState::Started)]);
}

/// A slow client gets the current state of every changed ticket, also of closed ones.
pub(crate) async fn a_slow_screen_misses_nothing(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let before = [place.tickets(node).await, place.tickets(node).await, place.tickets(node).await].concat();
    let mut screen = watch(node, node.kitchens(), place.id(), "").await;
    assert_eq!(shown(&mut screen, 3).await.len(), 3);
    moved(node, &before[0], &[Accept, Start, Ready, Bump]).await;
    moved(node, &before[1], &[Accept, Start]).await;
    let late = place.tickets(node).await.remove(0);
    moved(node, &late, &[Accept]).await;
    let expected = [
        (before[0].order_id, TicketState::Bumped),
        (before[1].order_id, TicketState::Started),
        (late.order_id, TicketState::Accepted),
    ];
    assert_eq!(shown(&mut screen, 3).await, expected);
    move_by(node, &before[2], Accept).await.unwrap();
    assert_eq!(shown(&mut screen, 1).await, [(before[2].order_id, TicketState::Accepted)], "and nothing twice");
}

/// With more open tickets than the limit, a stream sends the newest and continues with tickets that it has sent.
pub(crate) async fn a_full_kitchen_shows_the_newest(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let ids = fill(node, place.id(), 600).await;
    let mut screen = watch(node, node.kitchens(), place.id(), "").await;
    let first: Vec<i64> = shown(&mut screen, 500).await.into_iter().map(|(order, _)| order).collect();
    assert_eq!(first, ids[100..]);
    // A new ticket displaces the oldest one; changes of the oldest one are still sent.
    let newest = place.order(node);
    pay(node, &newest).await;
    assert_eq!(shown(&mut screen, 1).await, [(newest.order_id, TicketState::New)]);
    for (id, by, state) in [
        (ids[100], Accept, TicketState::Accepted),
        (ids[599], Accept, TicketState::Accepted),
        (ids[100], Start, TicketState::Started),
        (ids[100], Ready, TicketState::Ready),
        (ids[100], Bump, TicketState::Bumped),
    ] {
        let ticket = Ticket { ticket_id: id, shop_id: place.id(), ..Ticket::default() };
        move_by(node, &ticket, by).await.unwrap();
        assert_eq!(shown(&mut screen, 1).await, [(id, state)]);
    }
}

/// Orders with one ticket each; ticket and order have the same ID.
async fn fill(node: &TestNode, shop_id: i64, count: usize) -> Vec<i64> {
    let store = node.store("kitchen");
    let ids: Vec<i64> = (0..count).map(|_| store.next_id(node.now())).collect();
    let columns = &["id", "shop_id", "order_id", "station", "state", "unit_count", "details", "version"];
    let tickets = ids.iter().fold(Insert::into("kitchen_tickets", columns), |insert, id| {
        insert.row(values![*id, shop_id, *id, "tea", 1_i64, 1_i64, Vec::<u8>::new(), 1_i64])
    });
    let columns = &[
        "order_id",
        "shop_id",
        "ticket_count",
        "started_count",
        "ready_count",
        "is_started_published",
        "is_ready_published",
        "is_cancelled",
        "order_version",
        "version",
    ];
    let orders = ids.iter().fold(Insert::into("kitchen_orders", columns), |insert, id| {
        insert.row(values![*id, shop_id, 1_i64, 0_i64, 0_i64, false, false, false, 1_i64, 1_i64])
    });
    store.commit(&node.cx(), Commit::new().insert(orders).insert(tickets)).await.unwrap();
    assert_consistent(node).await;
    ids
}

/// Changes of another node are sent after the poll interval.
pub(crate) async fn changes_of_other_nodes_are_seen(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let ticket = place.tickets(node).await.remove(0);
    let other = another(node).await;
    let mut screen = watch(node, &other.client, place.id(), "").await;
    assert_eq!(shown(&mut screen, 1).await, [(ticket.order_id, TicketState::New)]);
    for (by, state) in [(Accept, TicketState::Accepted), (Start, TicketState::Started)] {
        move_by(node, &ticket, by).await.unwrap();
        let pause = if node.store("kitchen").database().is_shared() { 2 * SECOND } else { A_LOOK };
        node.advance(pause);
        assert_eq!(shown(&mut screen, 1).await, [(ticket.order_id, state)]);
    }
}

/// A dropped stream leaves no subscription, waiting or with unsent tickets.
pub(crate) async fn nothing_is_left_of_a_screen_that_went(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    place.tickets(node).await;
    let other = another(node).await;
    let holders = Arc::strong_count(&other.subscribers);
    let mut screens = Vec::new();
    for _ in 0..20 {
        screens.push(watch(node, &other.client, place.id(), "").await);
    }
    assert_eq!(other.subscribers.subscriber_count(), 20);
    assert_eq!(shown(&mut screens[0], 1).await.len(), 1);
    assert!(futures::poll!(screens[0].next()).is_pending());
    screens.truncate(1);
    assert_eq!(other.subscribers.subscriber_count(), 1);
    screens.clear();
    assert_eq!(other.subscribers.subscriber_count(), 0);
    assert_eq!(Arc::strong_count(&other.subscribers), holders, "no other references remain");
}

/// A stream ends without an error at its deadline.
pub(crate) async fn a_screen_ends_at_its_deadline(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let other = another(node).await;
    let mut screen = watch(node, &other.client, place.id(), "").await;
    assert!(futures::poll!(screen.next()).is_pending());
    node.advance(MINUTE);
    let end = tokio::time::timeout(PATIENCE, screen.next()).await.expect("the stream ends");
    assert!(end.is_none());
    assert_eq!(other.subscribers.subscriber_count(), 0);
}

/// An open stream of server-sent events, and the received text.
struct Events {
    stream: TcpStream,
    seen: String,
}

impl Events {
    /// Reads until `text` was seen.
    async fn until(&mut self, text: &str) {
        let mut chunk = [0; 4_096];
        while !self.seen.contains(text) {
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("it goes on").unwrap();
            assert!(read > 0, "the stream ended without {text:?}: {}", self.seen);
            self.seen.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
        }
    }
}

/// Over REST the stream is sent as server-sent events, open tickets first, until the node stops.
pub(crate) async fn a_screen_watches_over_rest(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let ticket = place.tickets(node).await.remove(0);
    let http = node.http();
    let mut stream = TcpStream::connect(http.address()).await.unwrap();
    let request = format!(
        "GET /v1/shops/{}/kitchen/tickets:watch?station=tea HTTP/1.1\r\nhost: pulse\r\nauthorization: Bearer {}\r\n\r\n",
        place.id(),
        place.shop.owner.access_token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut events = Events { stream, seen: String::new() };
    events.until("\"state\":\"TICKET_STATE_NEW\"").await;
    assert!(events.seen.contains("content-type: text/event-stream"), "{}", events.seen);
    assert!(events.seen.contains(&format!("data: {{\"ticket_id\":\"{}\"", ticket.ticket_id)), "{}", events.seen);
    let path = format!("/v1/shops/{}/kitchen/tickets/{}:move", place.id(), ticket.ticket_id);
    let body = serde_json::json!({ "move": "TICKET_MOVE_ACCEPT" });
    let accepted = http.post(&path, &body).by(&place.shop.owner).send().await.ok::<Ticket>();
    assert_eq!(accepted.state(), TicketState::Accepted);
    events.until("\"state\":\"TICKET_STATE_ACCEPTED\"").await;
    node.restart().await;
    events.until("\"code\":\"DRAINING\"").await;
}

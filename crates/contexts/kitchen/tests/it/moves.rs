//! Moves of tickets: states, permissions, published milestones.

use futures::future::join_all;
use pulse_contract::kitchen::v1::*;
use pulse_testkit::{TestNode, draft};
use serde_json::json;

use TicketMove::{Accept, Bump, Ready, Recall, Start};

use crate::{KitchenFixture, SECOND, assert_consistent, code, list_all, move_by, moved, published, tally};

const MOVES: [TicketMove; 5] = [Accept, Start, Ready, Bump, Recall];

/// R24: every state with every move. A move that is not allowed changes nothing, and the error names the allowed moves.
pub(crate) async fn a_ticket_moves_one_step_at_a_time(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let mut ticket = place.tickets(node).await.remove(0);
    let steps = [
        (TicketState::New, vec![Accept], "accept"),
        (TicketState::Accepted, vec![Start, Recall], "start,recall"),
        (TicketState::Started, vec![Ready, Recall], "ready,recall"),
        (TicketState::Ready, vec![Bump, Recall], "bump,recall"),
        (TicketState::Bumped, vec![Recall], "recall"),
    ];
    for (state, allowed, words) in steps {
        assert_eq!(ticket.state(), state);
        for by in MOVES.into_iter().filter(|by| !allowed.contains(by)) {
            let error = move_by(node, &ticket, by).await.unwrap_err();
            assert_eq!(error.code(), "KITCHEN_MOVE_INVALID", "{state:?} {by:?}");
            assert!(error.metadata().iter().any(|(key, value)| key == "allowed" && value == words), "{error:?}");
            assert_eq!(list_all(node, place.id()).await, [ticket.clone()]);
        }
        if state != TicketState::New {
            let back = moved(node, &ticket, &[Recall]).await;
            assert_eq!(back.version, ticket.version + 1);
            // The step that led to this state.
            let step = MOVES[usize::try_from(i32::from(back.state())).unwrap() - 1];
            ticket = moved(node, &back, &[step]).await;
            assert_eq!(ticket.state(), state);
        }
        if allowed[0] != Recall {
            node.advance(SECOND);
            ticket = moved(node, &ticket, &allowed[..1]).await;
        }
        assert_eq!(ticket.ready_at.is_some(), matches!(ticket.state(), TicketState::Ready | TicketState::Bumped));
    }
    assert_consistent(node).await;
}

/// R24: accounts that do not work for the shop cannot move its tickets.
pub(crate) async fn the_wrong_people_move_nothing(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let other = node.open_shop("+8613900000003", draft("Other")).await;
    let consumer = node.sign_up("+8613900000004").await;
    let ticket = place.tickets(node).await.remove(0);
    let foreign = Ticket { shop_id: other.id(), ..ticket.clone() };
    assert_eq!(code(&move_by(node, &foreign, Accept).await), "KITCHEN_TICKET_NOT_FOUND");
    let unknown = Ticket { ticket_id: 4_711, ..ticket.clone() };
    assert_eq!(code(&move_by(node, &unknown, Accept).await), "KITCHEN_TICKET_NOT_FOUND");
    assert_eq!(code(&move_by(node, &ticket, TicketMove::Unspecified).await), "VALIDATION_FAILED");
    let http = node.http();
    let path = |shop: i64| format!("/v1/shops/{shop}/kitchen/tickets/{}:move", ticket.ticket_id);
    let body = json!({ "move": "TICKET_MOVE_ACCEPT" });
    let ask = |shop: i64| http.post(&path(shop), &body);
    assert_eq!(ask(place.id()).send().await.code(), "UNAUTHENTICATED");
    assert_eq!(ask(place.id()).by(&consumer).send().await.code(), "PERMISSION_DENIED");
    assert_eq!(ask(place.id()).by(&other.owner).send().await.code(), "PERMISSION_DENIED");
    assert_eq!(ask(other.id()).by(&other.owner).send().await.code(), "KITCHEN_TICKET_NOT_FOUND");
    let list = format!("/v1/shops/{}/kitchen/tickets", place.id());
    for path in [list.clone(), format!("{list}:watch")] {
        assert_eq!(http.get(&path).by(&other.owner).send().await.code(), "PERMISSION_DENIED");
    }
    assert_eq!(list_all(node, place.id()).await, std::slice::from_ref(&ticket));
    assert_eq!(ask(place.id()).by(&place.shop.owner).send().await.ok::<Ticket>().state(), TicketState::Accepted);
    let listed = http.get(&list).by(&place.shop.owner).send().await.ok::<ListTicketsResponse>();
    assert_eq!(listed.tickets.len(), 1);
}

/// The first start and the last ready of an order are published once, also after recalls.
pub(crate) async fn the_first_start_and_the_last_ready_are_told_once(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    let tickets = place.tickets(node).await;
    let order = tickets[0].order_id;
    let (started, ready) = (("OrderStarted".to_owned(), order), ("OrderReady".to_owned(), order));
    let first = moved(node, &tickets[0], &[Accept]).await;
    assert_eq!(published(node).await, []);
    let first = moved(node, &first, &[Start, Recall, Start, Ready, Recall, Ready, Bump]).await;
    assert_eq!(published(node).await, std::slice::from_ref(&started));
    let second = moved(node, &tickets[1], &[Accept, Start]).await;
    // The first ticket is recalled before the second one is ready, so it is the last.
    let first = moved(node, &first, &[Recall, Recall]).await;
    moved(node, &second, &[Ready]).await;
    assert_eq!(published(node).await, std::slice::from_ref(&started));
    moved(node, &first, &[Ready]).await;
    assert_eq!(published(node).await, [started.clone(), ready.clone()]);
    moved(node, &first, &[Recall, Ready, Bump, Recall, Recall, Recall, Start, Ready]).await;
    assert_eq!(published(node).await, [started, ready]);
    assert_consistent(node).await;
}

/// Concurrent moves of several stations publish each milestone once and lose no move.
pub(crate) async fn stations_that_are_ready_at_the_same_moment_tell_once(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat", "ice", "soup", "cake", "wok"]).await;
    for round in 1..=4 {
        let tickets = place.tickets(node).await;
        for by in [Accept, Start, Ready] {
            let outcomes = join_all(tickets.iter().map(|ticket| move_by(node, ticket, by))).await;
            assert_eq!(tally(outcomes.iter().map(code)), [("ok", 6)]);
        }
        let events = published(node).await;
        let of_order = events.iter().filter(|(_, order)| *order == tickets[0].order_id);
        let of_order: Vec<&str> = of_order.map(|(word, _)| word.as_str()).collect();
        assert_eq!(of_order, ["OrderStarted", "OrderReady"], "round {round}");
    }
    assert_consistent(node).await;
}

/// One of several concurrent equal moves succeeds.
pub(crate) async fn one_of_parallel_moves_is_made(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let ticket = place.tickets(node).await.remove(0);
    for (by, version) in [(Accept, 2), (Start, 3), (Ready, 4), (Bump, 5)] {
        let outcomes = join_all((0..5).map(|_| move_by(node, &ticket, by))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("KITCHEN_MOVE_INVALID", 4), ("ok", 1)], "{by:?}");
        assert_eq!(list_all(node, place.id()).await[0].version, version);
    }
    assert_eq!(published(node).await.len(), 2);
}

/// A repeated idempotency key has the first answer and no effect, also after a restart.
pub(crate) async fn a_repeated_key_moves_once(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let ticket = place.tickets(node).await.remove(0);
    let request = MoveTicketRequest { shop_id: place.id(), ticket_id: ticket.ticket_id, r#move: Accept.into() };
    let cx = node.keyed(node.cx(), "accept", "MoveTicket", &request);
    let first = node.kitchens().move_ticket(&cx, request).await.unwrap();
    moved(node, &ticket, &[Start]).await;
    node.restart().await;
    assert_eq!(node.kitchens().move_ticket(&cx, request).await.unwrap(), first);
    assert_eq!(list_all(node, place.id()).await[0].state(), TicketState::Started);
}

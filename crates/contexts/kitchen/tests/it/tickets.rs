//! Tickets of orders: creation, cancellation, completion, retention.

use std::collections::BTreeSet;

use pulse_bus::Mode;
use pulse_contract::kitchen::v1::*;
use pulse_contract::order::v1::{Choice, OrderKind, OrderPaid};
use pulse_contract::shop::v1::{DeleteProductRequest, ProductDraft, UpdateProductRequest};
use pulse_store::{Statement, values};
use pulse_testkit::{TestNode, product};

use crate::{
    DAY, KitchenFixture, MINUTE, assert_consistent, cancel, complete, list, list_all, move_by, moved, on_menu, order,
    pay,
};
use crate::{published, put_stations, station};

/// Station and item names of each ticket, in the order of the list.
fn work(tickets: &[Ticket]) -> Vec<(&str, Vec<(&str, i32)>)> {
    tickets
        .iter()
        .map(|ticket| {
            let items = ticket.items.iter().map(|item| (item.name.as_str(), item.quantity)).collect();
            (ticket.station.as_str(), items)
        })
        .collect()
}

/// Each line goes to the station of its section, other lines to the first station, with notes and choices.
pub(crate) async fn a_paid_order_becomes_tickets_by_station(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat", "ice"]).await;
    let other = on_menu(node, place.id(), "unnamed").await;
    let [tea, meat] = [&place.products[0], &place.products[1]];
    let mut order = order(node, place.id(), &[(meat, 2), (&other, 1), (meat, 1), (tea, 3)]);
    order.kitchen_note = "no plastic".to_owned();
    order.lines[0].choices = vec![Choice { group: "how".into(), modifier: "rare".into() }];
    order.lines[0].kitchen_note = "salt".to_owned();
    order.lines[3].variant_name = String::new();
    pay(node, &order).await;
    node.settle().await;
    let tickets = list(node, place.id()).await;
    let expected =
        vec![("tea", vec![("unnamed, one", 1), ("tea", 3)]), ("meat", vec![("meat, one", 2), ("meat, one", 1)])];
    assert_eq!(work(&tickets), expected, "nothing for the station that makes nothing of it");
    for ticket in &tickets {
        assert_eq!((ticket.shop_id, ticket.order_id, ticket.version), (place.id(), order.order_id, 1));
        assert_eq!((ticket.state(), ticket.note.as_str()), (TicketState::New, "no plastic"));
        assert_eq!((ticket.fired_at, ticket.ready_at), (Some(node.now().into()), None));
        assert!(format!("{:04}", order.order_id).ends_with(&ticket.call_number));
        assert_eq!(ticket.call_number.len(), 4);
    }
    let steak = &tickets[1].items[0];
    assert_eq!((steak.choices.as_slice(), steak.note.as_str()), (["how: rare".to_owned()].as_slice(), "salt"));
    assert_eq!(steak.variant_id, meat.variants[0].variant_id);
    assert_consistent(node).await;
}

/// A kitchen without configured stations has one.
pub(crate) async fn a_kitchen_without_stations_has_one(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    put_stations(node, place.id(), vec![]).await.unwrap();
    let tickets = place.tickets(node).await;
    assert_eq!(work(&tickets), [("kitchen", vec![("tea, one", 1), ("meat, one", 1)])]);
}

/// A product that is not on sale anymore goes to its station; a deleted product goes to the first station.
pub(crate) async fn what_is_not_sold_any_more_is_still_made(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat", "ice"]).await;
    let order = place.order(node);
    let [_, meat, ice] = place.products.as_slice() else { panic!("three products") };
    let draft = ProductDraft { section: "meat".into(), is_on_sale: false, ..product("meat", 500) };
    let off_sale = UpdateProductRequest {
        shop_id: place.id(),
        product_id: meat.product_id,
        version: meat.version,
        product: Some(draft),
    };
    node.catalog().update_product(&node.cx(), off_sale).await.unwrap();
    let gone = DeleteProductRequest { shop_id: place.id(), product_id: ice.product_id };
    node.catalog().delete_product(&node.cx(), gone).await.unwrap();
    pay(node, &order).await;
    node.settle().await;
    let expected = vec![("tea", vec![("tea, one", 1), ("ice, one", 1)]), ("meat", vec![("meat, one", 1)])];
    assert_eq!(work(&list(node, place.id()).await), expected);
}

/// PL-12: an order that is paid while the kitchen is down gets its tickets when the kitchen is back.
pub(crate) async fn what_was_paid_while_the_kitchen_was_down_is_cooked(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    node.bus().set_mode("kitchen.orders", Mode::Paused).await.unwrap();
    let orders = [place.order(node), place.order(node), place.order(node)];
    for order in &orders {
        pay(node, order).await;
    }
    cancel(node, &orders[1]).await;
    let paid_at = node.now();
    node.restart().await;
    node.advance(60 * MINUTE);
    assert_eq!(list_all(node, place.id()).await, []);
    node.bus().set_mode("kitchen.orders", Mode::Running).await.unwrap();
    node.settle().await;
    let tickets = list(node, place.id()).await;
    // Orders are processed concurrently, so either can be the first.
    let cooked: BTreeSet<i64> = tickets.iter().map(|ticket| ticket.order_id).collect();
    assert_eq!(
        cooked,
        BTreeSet::from([orders[0].order_id, orders[2].order_id]),
        "without the one that was cancelled meanwhile"
    );
    for ticket in &tickets {
        assert_eq!(ticket.fired_at, Some(paid_at.into()));
        assert!(ticket.ready_estimate_at > Some(node.now().into()), "it is not ready before it was begun");
    }
    let done = [TicketMove::Accept, TicketMove::Start, TicketMove::Ready, TicketMove::Bump];
    assert_eq!(moved(node, &tickets[0], &done).await.state(), TicketState::Bumped);
    assert_consistent(node).await;
}

/// A repeated payment event creates no second tickets, in any state of the first ones.
pub(crate) async fn news_that_come_twice_make_tickets_once(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    let order = place.order(node);
    pay(node, &order).await;
    pay(node, &order).await;
    node.settle().await;
    let tickets = list_all(node, place.id()).await;
    assert_eq!(tickets.len(), 2);
    let accepted = moved(node, &tickets[0], &[TicketMove::Accept]).await;
    pay(node, &order).await;
    node.settle().await;
    assert_eq!(list_all(node, place.id()).await, [accepted, tickets[1].clone()]);
    assert_consistent(node).await;
}

/// The open tickets of a cancelled order are cancelled in any state, bumped ones stay. They cannot be moved, and no milestone
/// is published.
pub(crate) async fn a_cancelled_order_leaves_the_screens(node: &mut TestNode) {
    use TicketMove::{Accept, Bump, Ready, Recall, Start};
    let place = KitchenFixture::with(node, &["a", "b", "c", "d", "e"]).await;
    let order = place.order(node);
    pay(node, &order).await;
    node.settle().await;
    let tickets = list(node, place.id()).await;
    for (ticket, count) in tickets.iter().zip(0..) {
        moved(node, ticket, &[Accept, Start, Ready, Bump][..count]).await;
    }
    for _ in 0..2 {
        cancel(node, &order).await;
        node.settle().await;
        assert_eq!(list(node, place.id()).await, []);
        let all = list_all(node, place.id()).await;
        let states: Vec<TicketState> = all.iter().map(Ticket::state).collect();
        assert_eq!(states[..4], [TicketState::Cancelled; 4]);
        assert_eq!(states[4], TicketState::Bumped);
        for ticket in &all {
            for by in [Accept, Start, Ready, Bump, Recall] {
                let error = move_by(node, ticket, by).await.unwrap_err();
                assert_eq!(error.code(), "KITCHEN_MOVE_INVALID");
                let state = ticket.state().as_str_name();
                assert_eq!(error.detail(), format!("a ticket in state {state} of this order cannot be moved"));
            }
        }
        assert_eq!(list_all(node, place.id()).await, all);
    }
    assert_consistent(node).await;
}

/// A cancellation that is processed before the payment (a replayed dead letter) prevents tickets.
pub(crate) async fn an_order_that_was_cancelled_before_it_came_is_not_made(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let order = place.order(node);
    cancel(node, &order).await;
    pay(node, &order).await;
    pay(node, &order).await;
    cancel(node, &order).await;
    node.settle().await;
    assert_eq!(list_all(node, place.id()).await, []);
    assert_consistent(node).await;
}

/// R12: a cancelled order that a late payment reactivates gets tickets; the repeated cancellation is ignored.
pub(crate) async fn an_order_that_was_paid_after_it_was_cancelled_is_made(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let order = OrderPaid { version: 4, ..place.order(node) };
    cancel(node, &order).await;
    node.settle().await;
    pay(node, &order).await;
    cancel(node, &order).await;
    pay(node, &order).await;
    node.settle().await;
    let tickets = list_all(node, place.id()).await;
    assert_eq!(tickets.iter().map(Ticket::state).collect::<Vec<_>>(), [TicketState::New]);
    assert_consistent(node).await;
}

/// The completion of an order bumps its tickets in any state and publishes no milestone. Late and repeated events have no
/// effect.
pub(crate) async fn a_completed_order_leaves_the_screens(node: &mut TestNode) {
    use TicketMove::{Accept, Bump, Ready, Start};
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    for moves in [vec![], vec![Accept, Start], vec![Accept, Start, Ready], vec![Accept, Start, Ready, Bump]] {
        let order = place.order(node);
        pay(node, &order).await;
        node.settle().await;
        let mine = list(node, place.id()).await;
        moved(node, &mine[0], &moves).await;
        let told_before = published(node).await;
        for _ in 0..2 {
            complete(node, &order).await;
            pay(node, &order).await;
            cancel(node, &order).await;
        }
        node.settle().await;
        assert_eq!(list(node, place.id()).await, [], "{moves:?}");
        assert_eq!(published(node).await, told_before, "{moves:?}");
        assert_consistent(node).await;
    }
    let all = list_all(node, place.id()).await;
    assert_eq!((all.len(), all.iter().all(|ticket| ticket.state() == TicketState::Bumped)), (8, true));
    // A recall is still possible and publishes nothing.
    let told_before = published(node).await;
    moved(node, &all[0], &[TicketMove::Recall, TicketMove::Recall, Ready]).await;
    assert_eq!(published(node).await, told_before);
    assert_consistent(node).await;
}

/// An order that is completed before its payment is processed (a replayed dead letter) gets no tickets.
pub(crate) async fn an_order_that_was_completed_before_it_came_is_not_made(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let order = place.order(node);
    complete(node, &order).await;
    node.settle().await;
    pay(node, &order).await;
    node.settle().await;
    assert_eq!(list_all(node, place.id()).await, []);
    assert_consistent(node).await;
}

/// A voucher order gets no tickets.
pub(crate) async fn vouchers_are_not_cooked(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    // Without lines, because the marketing context would create their coupons.
    let voucher = OrderPaid { kind: OrderKind::VirtualVoucher.into(), lines: Vec::new(), ..place.order(node) };
    let platform = OrderPaid { shop_id: 0, ..voucher.clone() };
    for order in [voucher, platform] {
        pay(node, &order).await;
        cancel(node, &order).await;
    }
    node.settle().await;
    assert_eq!(list_all(node, place.id()).await, []);
    assert_consistent(node).await;
}

/// Tickets are listed oldest first, by pages that moves do not affect, filtered by station or states.
pub(crate) async fn lists_are_paged_oldest_first(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    for _ in 0..4 {
        place.tickets(node).await;
    }
    let all = list(node, place.id()).await;
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by_key(|ticket| ticket.ticket_id));
    let mut request = ListTicketsRequest { shop_id: place.id(), page_size: 3, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = node.kitchens().list_tickets(&node.cx(), request.clone()).await.unwrap();
        seen.extend(page.tickets.iter().map(|ticket| ticket.ticket_id));
        // A listed ticket is moved; the next page is not affected.
        for ticket in &page.tickets {
            moved(node, ticket, &[TicketMove::Accept]).await;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all.iter().map(|ticket| ticket.ticket_id).collect::<Vec<_>>());
    let tea = all.iter().find(|ticket| ticket.station == "tea").unwrap();
    moved(node, tea, &[TicketMove::Start]).await;
    let count = async |station: &str, states: &[TicketState]| {
        let request = ListTicketsRequest {
            shop_id: place.id(),
            station: station.to_owned(),
            states: states.iter().map(|state| (*state).into()).collect(),
            page_size: 100,
            ..Default::default()
        };
        node.kitchens().list_tickets(&node.cx(), request).await.unwrap().tickets.len()
    };
    assert_eq!(count("tea", &[]).await, 4);
    assert_eq!(count("grill", &[]).await, 0);
    assert_eq!(count("", &[TicketState::Started]).await, 1);
    assert_eq!(count("tea", &[TicketState::Accepted, TicketState::Accepted]).await, 3);
    assert_eq!(count("meat", &[TicketState::Started, TicketState::Accepted]).await, 4);
    assert_eq!(count("", &[TicketState::Unspecified]).await, 8);
    put_stations(node, place.id(), vec![station("other", &[], 0)]).await.unwrap();
    assert_eq!(count("tea", &[]).await, 4, "tickets keep their station");
}

/// Old orders without open tickets are deleted page by page; open tickets stay.
pub(crate) async fn what_is_long_over_is_forgotten(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "meat"]).await;
    let (eaten, waiting, cancelled) = (place.order(node), place.order(node), place.order(node));
    for order in [&eaten, &waiting] {
        pay(node, order).await;
    }
    complete(node, &eaten).await;
    cancel(node, &cancelled).await;
    node.settle().await;
    node.advance(29 * DAY);
    node.settle().await;
    assert_eq!(list_all(node, place.id()).await.len(), 4);
    let young = place.order(node);
    pay(node, &young).await;
    complete(node, &young).await;
    node.settle().await;
    node.advance(2 * DAY);
    node.settle().await;
    let kept: BTreeSet<i64> = list_all(node, place.id()).await.iter().map(|ticket| ticket.order_id).collect();
    assert_eq!(kept, BTreeSet::from([waiting.order_id, young.order_id]));
    let query = Statement::new("SELECT COUNT(*) FROM kitchen_orders", values![]);
    assert_eq!(node.store("kitchen").one::<(i64,)>(query).await.unwrap(), (2,));
    assert_consistent(node).await;
}

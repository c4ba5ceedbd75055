//! Behaviour of the kitchen context on all engines: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot continue fails its test")]

mod items;
mod moves;
mod prep_times;
mod stations;
mod tickets;
mod verify;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use pulse_contract::kitchen::v1::*;
use pulse_contract::order::v1::order_paid::Line;
use pulse_contract::order::v1::{OrderCancelled, OrderCompleted, OrderKind, OrderPaid};
use pulse_contract::shop::v1::{CreateProductRequest, Product, ProductDraft};
use pulse_kernel::Error;
use pulse_store::Commit;
use pulse_testkit::{OpenShop, TestNode, product};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Error::code)
}

/// Number of occurrences of each word, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

/// A shop with one product per section, with the name of the section.
struct KitchenFixture {
    shop: OpenShop,
    products: Vec<Product>,
}

impl KitchenFixture {
    /// A shop with one station per section, of the same name.
    async fn with(node: &TestNode, sections: &[&str]) -> Self {
        let shop = node.a_shop().await;
        let mut products = Vec::new();
        for section in sections {
            products.push(on_menu(node, shop.id(), section).await);
        }
        let stations = sections.iter().map(|section| station(section, &[section], 0)).collect();
        put_stations(node, shop.id(), stations).await.unwrap();
        Self { shop, products }
    }

    fn id(&self) -> i64 {
        self.shop.id()
    }

    /// An order of one of each product.
    fn order(&self, node: &TestNode) -> OrderPaid {
        let lines: Vec<(&Product, i32)> = self.products.iter().map(|product| (product, 1)).collect();
        order(node, self.id(), &lines)
    }

    /// The tickets of a paid order of one of each product, ordered by station.
    async fn tickets(&self, node: &TestNode) -> Vec<Ticket> {
        let order = self.order(node);
        pay(node, &order).await;
        node.settle().await;
        let all = list(node, self.id()).await;
        all.into_iter().filter(|ticket| ticket.order_id == order.order_id).collect()
    }
}

async fn on_menu(node: &TestNode, shop_id: i64, section: &str) -> Product {
    let draft = ProductDraft { section: section.to_owned(), ..product(section, 500) };
    let request = CreateProductRequest { shop_id, product: Some(draft) };
    node.catalog().create_product(&node.cx(), request).await.unwrap()
}

fn station(name: &str, sections: &[&str], prep_minutes: i32) -> Station {
    let sections = sections.iter().map(|section| (*section).to_owned()).collect();
    Station { name: name.to_owned(), sections, prep_minutes }
}

async fn put_stations(node: &TestNode, shop_id: i64, stations: Vec<Station>) -> Result<Stations, Error> {
    node.kitchens().put_stations(&node.cx(), PutStationsRequest { shop_id, stations }).await
}

/// The event of a paid order.
fn order(node: &TestNode, shop_id: i64, lines: &[(&Product, i32)]) -> OrderPaid {
    let lines = lines.iter().map(|(product, quantity)| Line {
        product_id: product.product_id,
        variant_id: product.variants[0].variant_id,
        product_name: product.name.clone(),
        variant_name: product.variants[0].name.clone(),
        quantity: *quantity,
        ..Line::default()
    });
    OrderPaid {
        order_id: node.store("order").next_id(node.now()),
        shop_id,
        kind: OrderKind::Goods.into(),
        lines: lines.collect(),
        version: 2,
        ..OrderPaid::default()
    }
}

/// Publishes the payment of an order, as the order context does.
async fn pay(node: &TestNode, order: &OrderPaid) {
    let commit = Commit::new().event(order.order_id, order);
    node.store("order").commit(&node.cx(), commit).await.unwrap();
}

/// Publishes the cancellation of an order, as the order context does.
async fn cancel(node: &TestNode, order: &OrderPaid) {
    let event = OrderCancelled { order_id: order.order_id, shop_id: order.shop_id, version: 3, ..Default::default() };
    let commit = Commit::new().event(order.order_id, &event);
    node.store("order").commit(&node.cx(), commit).await.unwrap();
}

/// Publishes the completion of an order, as the order context does.
async fn complete(node: &TestNode, order: &OrderPaid) {
    let OrderPaid { order_id, shop_id, kind, .. } = *order;
    let event = OrderCompleted { order_id, shop_id, kind, version: 5, ..OrderCompleted::default() };
    let commit = Commit::new().event(order.order_id, &event);
    node.store("order").commit(&node.cx(), commit).await.unwrap();
}

/// The open tickets.
async fn list(node: &TestNode, shop_id: i64) -> Vec<Ticket> {
    let request = ListTicketsRequest { shop_id, page_size: 100, ..Default::default() };
    node.kitchens().list_tickets(&node.cx(), request).await.unwrap().tickets
}

/// All tickets.
async fn list_all(node: &TestNode, shop_id: i64) -> Vec<Ticket> {
    let states = (1..=6).collect();
    let request = ListTicketsRequest { shop_id, states, page_size: 100, ..Default::default() };
    node.kitchens().list_tickets(&node.cx(), request).await.unwrap().tickets
}

async fn move_by(node: &TestNode, ticket: &Ticket, by: TicketMove) -> Result<Ticket, Error> {
    let request = MoveTicketRequest { shop_id: ticket.shop_id, ticket_id: ticket.ticket_id, r#move: by.into() };
    node.kitchens().move_ticket(&node.cx(), request).await
}

/// Moves a ticket step by step.
async fn moved(node: &TestNode, ticket: &Ticket, moves: &[TicketMove]) -> Ticket {
    let mut ticket = ticket.clone();
    for by in moves {
        ticket = move_by(node, &ticket, *by).await.unwrap();
    }
    ticket
}

/// The published events in order: last part of the topic, and key.
async fn published(node: &TestNode) -> Vec<(String, i64)> {
    let events = node.store("kitchen").events_after(0, 1_000).await.unwrap();
    let word = |topic: &str| topic.rsplit('.').next().unwrap_or_default().to_owned();
    events.into_iter().map(|event| (word(&event.topic), event.key)).collect()
}

/// Asserts all invariants of the context.
async fn assert_consistent(node: &TestNode) {
    let verified = pulse_kitchen::verify(node.store("kitchen"), false).await.unwrap();
    assert_eq!(verified.findings, []);
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");

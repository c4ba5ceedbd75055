//! Traps into which others fell, as one who calls sees them.

use std::time::Duration;

use futures::future::join_all;
use pulse_contract::kitchen::v1::ListTicketsRequest;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::*;
use pulse_contract::shop::v1::{Product, SetTermsRequest, ShopTerms};
use pulse_kernel::Error;
use pulse_payment::domain::signature;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::{Engine, OpenShop, Person, TestNode, servers};
use serde_json::json;

use crate::SECOND;
use crate::faults::{on_shelf, stock_of};

/// Maximum number of connections to the database that fails.
const CONNECTIONS: u32 = 4;

/// Creates a shop that accepts cash, and a customer.
async fn shop_and_customer(node: &TestNode) -> (OpenShop, Person) {
    let shop = node.a_shop().await;
    let terms = ShopTerms { is_cash_accepted: true, ..ShopTerms::default() };
    let request = SetTermsRequest { shop_id: shop.id(), terms: Some(terms), ..Default::default() };
    node.catalog().set_terms(&shop.owner.cx(), request).await.unwrap();
    (shop, node.sign_up("+8613800138000").await)
}

/// One of each.
fn order_of(shop: &OpenShop, products: &[&Product], method: PaymentMethod) -> PlaceOrderRequest {
    let line = |product: &&Product| {
        let (product_id, variant_id) = (product.product_id, product.variants[0].variant_id);
        CartLine { product_id, variant_id, quantity: 1, ..CartLine::default() }
    };
    let lines: Vec<CartLine> = products.iter().map(line).collect();
    let expected_total_minor = lines.iter().map(|_| 1_500).sum();
    let draft = Some(OrderDraft { shop_id: shop.id(), lines, ..OrderDraft::default() });
    PlaceOrderRequest {
        draft,
        expected_total_minor: Some(expected_total_minor),
        payment_method: method.into(),
        ..PlaceOrderRequest::default()
    }
}

/// Lets time pass until everybody who lost a database has it again and every event is delivered.
async fn recover(node: &TestNode) {
    while !node.bus().drain().await.is_empty() {
        node.advance(SECOND);
    }
    node.settle().await;
}

/// T4: what cannot be told is not done. The outbox cannot be written: the order is refused, and nothing of it is there; the
/// same request later makes it, once, and the kitchen hears of it.
pub(crate) async fn an_order_without_its_event_is_no_order(node: &mut TestNode) {
    let (shop, customer) = shop_and_customer(node).await;
    let tea = on_shelf(node, &shop, "Tea", 5).await;
    node.settle().await;
    let request = order_of(&shop, &[&tea], PaymentMethod::CashOnDelivery);
    let place = async || -> Result<Order, Error> {
        let cx = node.keyed(customer.cx(), "once", "PlaceOrder", &request);
        node.orders().place_order(&cx, request.clone()).await
    };
    let rename = async |text| {
        let commit = Commit::new().write(Statement::new(text, values![]));
        node.store("order").commit(&node.cx(), commit).await.unwrap();
    };
    let orders = async || {
        let list = ListOrdersRequest { page_size: 10, ..ListOrdersRequest::default() };
        let query = Statement::new("SELECT COUNT(*) FROM order_orders", values![]);
        let (rows,): (i64,) = node.store("order").one(query).await.unwrap();
        (rows, node.orders().list_orders(&node.cx(), list).await.unwrap().orders.len())
    };
    rename("ALTER TABLE order_outbox RENAME TO order_outbox_away").await;
    assert_eq!(place().await.unwrap_err().code(), "INTERNAL");
    rename("ALTER TABLE order_outbox_away RENAME TO order_outbox").await;
    assert_eq!(orders().await, (0, 0));

    let order = place().await.unwrap();
    assert_eq!(place().await.unwrap(), order, "the same request again is the same order");
    recover(node).await;
    assert_eq!(orders().await, (1, 1));
    let request = ListTicketsRequest { shop_id: shop.id(), page_size: 10, ..ListTicketsRequest::default() };
    let tickets = node.kitchens().list_tickets(&node.cx(), request).await.unwrap().tickets;
    assert_eq!(tickets.iter().map(|ticket| ticket.order_id).collect::<Vec<_>>(), [order.order_id]);
    node.assert_books().await;
}

/// T6, R01, R02: of orders {A, B} and {A, C}, of which there is one A, one is made, and the others leave B and C alone;
/// whichever way their lines are sorted, none waits for another for ever.
pub(crate) async fn orders_that_share_one_thing_exclude_each_other(node: &mut TestNode) {
    let (shop, customer) = shop_and_customer(node).await;
    let a = on_shelf(node, &shop, "A", 1).await;
    let b = on_shelf(node, &shop, "B", 10).await;
    let c = on_shelf(node, &shop, "C", 10).await;
    let carts: [&[&Product]; 4] = [&[&a, &b], &[&c, &a], &[&b, &a], &[&a, &c]];
    let cx = customer.cx();
    let wishes = carts.iter().cycle().take(12).map(|cart| order_of(&shop, cart, PaymentMethod::Online));
    let outcomes = join_all(wishes.map(|request| node.orders().place_order(&cx, request))).await;
    let made: Vec<&Order> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let refused: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(Error::code).collect();
    assert_eq!((made.len(), refused), (1, vec!["ORDER_STOCK_SHORT"; 11]));
    let mut reserved = Vec::new();
    for product in [&a, &b, &c] {
        reserved.push(stock_of(node, &shop, product).await.1);
    }
    let has_b = made[0].lines.iter().any(|line| line.product_id == b.product_id);
    assert_eq!(reserved, [1, i64::from(has_b), i64::from(!has_b)]);
    node.assert_books().await;
}

/// T5: while the database is gone a webhook is answered 503, with when to come again, and nothing is lost: the provider
/// tells it again when the database is back, and the order is paid, once.
#[test]
fn a_webhook_is_not_accepted_while_the_database_is_gone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = servers::postgres().unwrap();
        let (wire, url) = servers::Wire::to(&server.fresh_database().unwrap()).await.unwrap();
        let mut node = TestNode::start_with(Engine::Sqlite, |config| {
            config.store.url = pulse_testkit::config::SecretUrl::new(url);
            config.store.busy_timeout = Duration::from_secs(1);
            config.store.connections_max = CONNECTIONS;
        })
        .await;
        let (shop, customer) = shop_and_customer(&node).await;
        let tea = on_shelf(&node, &shop, "Tea", 5).await;
        let request = order_of(&shop, &[&tea], PaymentMethod::Online);
        let order_id = node.orders().place_order(&customer.cx(), request).await.unwrap().order_id;
        let start = StartPaymentRequest { order_id, ..StartPaymentRequest::default() };
        let payment = node.payments().start_payment(&customer.cx(), start).await.unwrap();
        node.settle().await;
        let attempt = &payment.attempts[0];
        let object = json!({
            "id": attempt.provider_reference, "object": "payment_intent", "amount": 1_500, "amount_received": 1_500,
            "currency": "cny", "status": "succeeded", "metadata": { "pulse_attempt_id": attempt.attempt_id.to_string() },
        });
        let event = json!({
            "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1, "data": { "object": object },
        })
        .to_string();
        let http = node.http();
        let post = async |node: &TestNode| {
            let signature = signature::sign(&node.secret("payment.secret"), event.as_bytes(), node.now());
            let request = http.ask("POST", "/webhooks/sandbox").header("stripe-signature", &signature);
            request.body(event.clone()).send().await
        };

        wire.cut();
        for _ in 0..2 {
            let reply = post(&node).await;
            assert_eq!((reply.status, reply.code().as_str()), (503, "STORE_UNAVAILABLE"));
            assert!(reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
        }
        wire.restore();
        // A provider tells it until it is taken; each dead connection that is left may cost one refusal.
        let mut refused = 0;
        while post(&node).await.status == 503 {
            refused += 1;
            assert!(refused <= CONNECTIONS, "the database is back");
        }
        assert_eq!(post(&node).await.status, 204);
        assert_eq!(post(&node).await.status, 204);
        recover(&node).await;
        let order = node.orders().get_order(&customer.cx(), GetOrderRequest { order_id }).await.unwrap();
        assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
        let request = ListLedgerEntriesRequest { order_id, page_size: 10, page_token: String::new() };
        let entries = node.payments().list_ledger_entries(&node.cx(), request).await.unwrap().entries;
        assert_eq!(entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["capture"]);
        node.assert_books().await;
        node.finish().await;
    });
}

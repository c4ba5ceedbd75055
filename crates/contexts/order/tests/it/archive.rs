//! The archive (TR-81).

use pulse_contract::order::v1::*;
use pulse_store::Statement;
use pulse_testkit::TestNode;

use crate::shop_fixtures::{ShopFixture, assert_clean, pay, published};
use crate::{DAY, MINUTE, code};

async fn count(node: &TestNode, table: &str) -> i64 {
    let query = Statement::composed(format!("SELECT COUNT(*) FROM {table}"), []);
    node.store("order").one::<(i64,)>(query).await.unwrap().0
}

/// TR-81: an order that ended 90 days ago is in the archive, with the same calls; an active order stays.
pub(crate) async fn finished_orders_move_to_the_archive(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let (done, running) =
        (fixture.place(node, fixture.teas(1)).await.unwrap(), fixture.place_cash(node, fixture.teas(1)).await.unwrap());
    let done = fixture.cancel(node, done.order_id).await.unwrap();
    node.settle().await;
    node.advance(DAY * 90 - MINUTE);
    node.settle().await;
    assert_eq!((count(node, "order_orders").await, count(node, "order_archive").await), (2, 0));
    node.advance(MINUTE * 20);
    node.settle().await;
    assert_eq!((count(node, "order_orders").await, count(node, "order_archive").await), (1, 1));
    let seen = fixture.seen(node, done.order_id).await;
    assert_eq!(seen, Order { is_archived: true, ..done.clone() });
    assert!(!fixture.seen(node, running.order_id).await.is_archived);
    let request = ListMyOrdersRequest::default();
    let list = node.orders().list_my_orders(&fixture.customer.cx(), request).await.unwrap();
    assert_eq!(list.orders.iter().map(|order| order.order_id).collect::<Vec<_>>(), [running.order_id, done.order_id]);
    assert_eq!(code(&fixture.cancel(node, done.order_id).await), "ORDER_MOVE_INVALID");
    assert_clean(node).await;
}

/// An archived order is refunded by the same call.
pub(crate) async fn archived_orders_can_be_refunded(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &order).await;
    let (shop_id, order_id) = (order.shop_id, order.order_id);
    let owner = fixture.shop.owner.cx();
    node.orders().accept_order(&owner, AcceptOrderRequest { shop_id, order_id }).await.unwrap();
    node.orders().complete_order(&owner, CompleteOrderRequest { order_id }).await.unwrap();
    node.settle().await;
    node.advance(DAY * 91);
    node.settle().await;
    assert_eq!(count(node, "order_archive").await, 1);
    let request = RefundOrderRequest { shop_id, order_id, amount_minor: 100, reason: "late complaint".to_owned() };
    let order = node.orders().refund_order(&fixture.shop.owner.cx(), request).await.unwrap();
    assert_eq!((order.is_archived, order.refunded_minor, order.version), (true, 100, 5));
    node.settle().await;
    assert_eq!(published::<OrderRefundRequested>(node).await.len(), 1);
    assert_clean(node).await;
}

/// Old orders are archived page by page, and an active order between them does not stop the sweep.
pub(crate) async fn a_sweep_goes_page_by_page(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let request = crate::shop_fixtures::placing(fixture.teas(1), ShopFixture::tea_total(1));
    let cash = PlaceOrderRequest { payment_method: PaymentMethod::CashOnDelivery.into(), ..request.clone() };
    node.orders().place_order(&fixture.customer.cx(), cash).await.unwrap();
    for _ in 0..230 {
        node.orders().place_order(&fixture.customer.cx(), request.clone()).await.unwrap();
    }
    node.advance(MINUTE * 15);
    node.settle().await;
    node.advance(DAY * 91);
    node.settle().await;
    assert_eq!((count(node, "order_archive").await, count(node, "order_orders").await), (199, 32));
    node.advance(MINUTE);
    node.settle().await;
    assert_eq!((count(node, "order_archive").await, count(node, "order_orders").await), (230, 1));
    assert_clean(node).await;
}

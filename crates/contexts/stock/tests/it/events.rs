//! Events that stock consumes and publishes.

use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_contract::order::v1::OrderCancelled;
use pulse_contract::stock::v1::*;
use pulse_store::Commit;
use pulse_testkit::TestNode;

use crate::expiry::event_count;
use crate::stock_fixture::*;

/// Publishes the event of a kitchen that an item is out, or back.
async fn publish_item_out(node: &TestNode, id: i64, is_out: bool, version: i64) {
    let event = ItemOutChanged { shop_id: SHOP, variant_id: id, is_out, version };
    node.store("kitchen").commit(&node.cx(), Commit::new().event(id, &event)).await.unwrap();
    node.settle().await;
}

async fn status_of(node: &TestNode, order_id: i64, id: i64) -> LineStatus {
    statuses(&reserve(node, reserve_request(order_id, &[(id, 1)])).await)[0]
}

/// R24: an item that is out is not sold, with or without a stock record.
pub(crate) async fn an_item_that_is_out_is_not_sold_until_it_is_back(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    publish_item_out(node, 1, true, 1).await;
    publish_item_out(node, 2, true, 1).await;
    assert_eq!(
        (status_of(node, 1, 1).await, status_of(node, 2, 2).await),
        (LineStatus::Unavailable, LineStatus::Unavailable)
    );
    let request = GetStockRequest { shop_id: SHOP, resource: Some(sku(1)) };
    assert!(node.stock().get_stock(&node.cx(), request).await.unwrap().is_halted);
    publish_item_out(node, 1, false, 2).await;
    publish_item_out(node, 2, false, 2).await;
    assert_eq!((status_of(node, 1, 1).await, status_of(node, 2, 2).await), (LineStatus::Ok, LineStatus::Untracked));
    assert_eq!(event_count(node, "StockIsBack").await, 2);
    put_stock(node, 2, 3).await;
    assert_eq!((status_of(node, 3, 2).await, quantities(node, 2).await), (LineStatus::Ok, (3, 1, 2)));
    check(node).await;
}

/// Repeated or late events change nothing.
pub(crate) async fn old_events_change_nothing(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    publish_item_out(node, 1, false, 3).await;
    publish_item_out(node, 1, true, 2).await;
    assert_eq!(status_of(node, 1, 1).await, LineStatus::Ok);
    publish_item_out(node, 1, true, 4).await;
    publish_item_out(node, 1, false, 4).await;
    assert_eq!(status_of(node, 2, 1).await, LineStatus::Unavailable);
    check(node).await;
}

/// TR-23, R05: a repeated cancellation returns units once; the cancellation of an order without a reservation prevents a
/// later one.
pub(crate) async fn a_cancelled_order_returns_units_once(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    reserve(node, reserve_request(1, &[(1, 2)])).await;
    confirmed(node, 1, &[]).await;
    for version in 1..=3 {
        let cancelled = OrderCancelled { order_id: 1, shop_id: SHOP, version, ..OrderCancelled::default() };
        node.store("order").commit(&node.cx(), Commit::new().event(1, &cancelled)).await.unwrap();
    }
    let unknown = OrderCancelled { order_id: 2, shop_id: SHOP, ..OrderCancelled::default() };
    node.store("order").commit(&node.cx(), Commit::new().event(2, &unknown)).await.unwrap();
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    assert_eq!(reserve(node, reserve_request(2, &[(1, 1)])).await.state(), ReservationState::Released);
    check(node).await;
}

/// TR-12: one event per fall to the warning line.
pub(crate) async fn each_fall_to_the_warning_line_publishes_one_event(node: &mut TestNode) {
    let rules = StockRules { warning_line: 3, ..StockRules::default() };
    put_stock_with(node, 1, 5, rules).await;
    for (id, expected) in [(1, 0), (2, 1), (3, 1), (4, 1)] {
        reserve(node, reserve_request(id, &[(1, 1)])).await;
        assert_eq!(event_count(node, "StockRanLow").await, expected);
    }
    confirmed(node, 1, &[]).await;
    assert_eq!(event_count(node, "StockRanLow").await, 1, "a confirmation does not change the available quantity");
    replenish(node, 1, 5).await.unwrap();
    adjust(node, 1, -4).await.unwrap();
    assert_eq!(event_count(node, "StockRanLow").await, 2);
    let request = ListStockRequest { shop_id: SHOP, is_low: true, ..ListStockRequest::default() };
    assert_eq!(node.stock().list_stock(&node.cx(), request).await.unwrap().stock.len(), 1);
    check(node).await;
}

/// An event is published when units are available again; not during a halt, and not for the initial quantity.
pub(crate) async fn available_units_publish_an_event(node: &mut TestNode) {
    put_stock(node, 1, 1).await;
    reserve(node, reserve_request(1, &[(1, 1)])).await;
    assert_eq!(event_count(node, "StockIsBack").await, 0);
    released(node, 1).await;
    assert_eq!(event_count(node, "StockIsBack").await, 1);
    reserve(node, reserve_request(2, &[(1, 1)])).await;
    publish_item_out(node, 1, true, 1).await;
    replenish(node, 1, 5).await.unwrap();
    assert_eq!(event_count(node, "StockIsBack").await, 1);
    publish_item_out(node, 1, false, 2).await;
    assert_eq!(event_count(node, "StockIsBack").await, 2);
    check(node).await;
}

//! What others tell stock, and what stock tells others.

use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_contract::order::v1::OrderCancelled;
use pulse_contract::stock::v1::*;
use pulse_store::Commit;
use pulse_testkit::TestNode;

use crate::expiry::told;
use crate::shelf::*;

/// A kitchen says that an item is out, or back.
async fn kitchen_says(node: &TestNode, id: i64, is_out: bool, version: i64) {
    let news = ItemOutChanged { shop_id: SHOP, variant_id: id, is_out, version };
    node.store("kitchen").commit(&node.cx(), Commit::new().event(id, &news)).await.unwrap();
    node.settle().await;
}

async fn status_of(node: &TestNode, order_id: i64, id: i64) -> LineStatus {
    statuses(&reserve(node, wants(order_id, &[(id, 1)])).await)[0]
}

/// R24: what the kitchen is out of is not sold, whether it is counted or not.
pub(crate) async fn an_item_that_is_out_is_not_sold_until_it_is_back(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    kitchen_says(node, 1, true, 1).await;
    kitchen_says(node, 2, true, 1).await;
    assert_eq!(
        (status_of(node, 1, 1).await, status_of(node, 2, 2).await),
        (LineStatus::Unavailable, LineStatus::Unavailable)
    );
    let request = GetStockRequest { shop_id: SHOP, resource: Some(sku(1)) };
    assert!(node.stock().get_stock(&node.cx(), request).await.unwrap().is_halted);
    kitchen_says(node, 1, false, 2).await;
    kitchen_says(node, 2, false, 2).await;
    assert_eq!((status_of(node, 1, 1).await, status_of(node, 2, 2).await), (LineStatus::Ok, LineStatus::Untracked));
    assert_eq!(told(node, "StockIsBack").await, 2);
    shelf(node, 2, 3).await;
    assert_eq!((status_of(node, 3, 2).await, quantities(node, 2).await), (LineStatus::Ok, (3, 1, 2)));
    check(node).await;
}

/// News that comes twice or late changes nothing.
pub(crate) async fn old_news_change_nothing(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    kitchen_says(node, 1, false, 3).await;
    kitchen_says(node, 1, true, 2).await;
    assert_eq!(status_of(node, 1, 1).await, LineStatus::Ok);
    kitchen_says(node, 1, true, 4).await;
    kitchen_says(node, 1, false, 4).await;
    assert_eq!(status_of(node, 2, 1).await, LineStatus::Unavailable);
    check(node).await;
}

/// TR-23, R05: a cancellation that is told again and again gives back once; one of an order that never reserved keeps it
/// from reserving.
pub(crate) async fn a_cancelled_order_gives_back_once(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    reserve(node, wants(1, &[(1, 2)])).await;
    confirmed(node, 1, &[]).await;
    for version in 1..=3 {
        let cancelled = OrderCancelled { order_id: 1, shop_id: SHOP, version, ..OrderCancelled::default() };
        node.store("order").commit(&node.cx(), Commit::new().event(1, &cancelled)).await.unwrap();
    }
    let unknown = OrderCancelled { order_id: 2, shop_id: SHOP, ..OrderCancelled::default() };
    node.store("order").commit(&node.cx(), Commit::new().event(2, &unknown)).await.unwrap();
    node.settle().await;
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
    assert_eq!(reserve(node, wants(2, &[(1, 1)])).await.state(), ReservationState::Released);
    check(node).await;
}

/// TR-12: one event per fall to the warning line.
pub(crate) async fn falling_to_the_warning_line_is_told_once_per_fall(node: &mut TestNode) {
    let rules = StockRules { warning_line: 3, ..StockRules::default() };
    shelf_with(node, 1, 5, rules).await;
    for (id, expected) in [(1, 0), (2, 1), (3, 1), (4, 1)] {
        reserve(node, wants(id, &[(1, 1)])).await;
        assert_eq!(told(node, "StockRanLow").await, expected);
    }
    confirmed(node, 1, &[]).await;
    assert_eq!(told(node, "StockRanLow").await, 1, "what leaves was not available before");
    replenish(node, 1, 5).await.unwrap();
    adjust(node, 1, -4).await.unwrap();
    assert_eq!(told(node, "StockRanLow").await, 2);
    let request = ListStockRequest { shop_id: SHOP, is_low: true, ..ListStockRequest::default() };
    assert_eq!(node.stock().list_stock(&node.cx(), request).await.unwrap().stock.len(), 1);
    check(node).await;
}

/// Units after none: told, but not while the kitchen is out of it, and not when it is counted for the first time.
pub(crate) async fn units_that_are_back_are_told(node: &mut TestNode) {
    shelf(node, 1, 1).await;
    reserve(node, wants(1, &[(1, 1)])).await;
    assert_eq!(told(node, "StockIsBack").await, 0);
    released(node, 1).await;
    assert_eq!(told(node, "StockIsBack").await, 1);
    reserve(node, wants(2, &[(1, 1)])).await;
    kitchen_says(node, 1, true, 1).await;
    replenish(node, 1, 5).await.unwrap();
    assert_eq!(told(node, "StockIsBack").await, 1);
    kitchen_says(node, 1, false, 2).await;
    assert_eq!(told(node, "StockIsBack").await, 2);
    check(node).await;
}

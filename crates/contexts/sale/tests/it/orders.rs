//! Orders of admitted buyers, and the return of unpaid units.

use pulse_contract::order::v1::{
    CancelOrderRequest, GetOrderRequest, Order, OrderKind, OrderState, PlaceSaleOrdersRequest, SaleOffer, SaleOrder,
};
use pulse_contract::sale::v1::*;
use pulse_contract::stock::v1::{AdjustStockRequest, ResourceKind, ResourceRef};
use pulse_testkit::{TestNode, cny};

use crate::{MINUTE, SaleFixture, admit, buyer, code};

async fn order(node: &TestNode, number: i64, order_id: i64) -> Order {
    node.orders().get_order(&buyer(node, number), GetOrderRequest { order_id }).await.unwrap()
}

async fn result(node: &TestNode, sale_id: i64, number: i64) -> SaleResult {
    node.sales().get_result(&buyer(node, number), GetResultRequest { sale_id, wait_ms: 0 }).await.unwrap()
}

/// TR-09, TR-33, TR-36: the order matches the admission.
pub(crate) async fn an_admission_becomes_an_order(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 50)).await;
    let admission = admit(node, sale, 1).await.unwrap();
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Processing);
    assert!(admission.poll.is_some_and(|poll| poll.interval_ms_max <= 2_000 && poll.give_up_ms <= 30_000), "TR-34");
    node.settle().await;
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Placed);
    let order = order(node, 1, admission.order_id).await;
    assert_eq!((order.state(), order.sale_id), (OrderState::AwaitingPayment, sale));
    assert_eq!(order.expires_at, admission.end_pay_time);
    assert_eq!((order.price.unwrap().total_minor, admission.pay_amount), (500, Some(cny(500))));
    let missing = node.sales().get_result(&buyer(node, 9), GetResultRequest { sale_id: sale, wait_ms: 0 }).await;
    assert_eq!(code(&missing), "SALE_ADMISSION_NOT_FOUND");
    node.assert_books().await;
}

/// TR-19, TR-23: the unit of an unpaid order is sold to the next buyer; after the end it returns to the stock.
pub(crate) async fn unpaid_units_are_sold_again(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 1)).await;
    assert_eq!(code(&admit(node, sale, 1).await), "ok");
    node.settle().await;
    assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
    node.advance(MINUTE * 2);
    node.settle().await;
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Released);
    assert_eq!(fixture.sale(node, sale).await.state(), SaleState::Open);
    let second = admit(node, sale, 2).await.unwrap();
    node.settle().await;
    let cancel = CancelOrderRequest { order_id: second.order_id, ..CancelOrderRequest::default() };
    node.orders().cancel_order(&buyer(node, 2), cancel).await.unwrap();
    node.settle().await;
    assert_eq!(code(&admit(node, sale, 3).await), "ok");
    assert!(admit(node, sale, 1).await.unwrap().is_repeated, "a buyer has one admission per sale");
    node.settle().await;
    node.advance(MINUTE * 10);
    node.settle().await;
    assert_eq!(fixture.sale(node, sale).await.state(), SaleState::Settled);
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 100, "every unit can be sold");
    node.assert_books().await;
}

/// TR-37: the stock contains 60 units for 100 admissions: 60 orders are placed, 40 admissions fail with a reason.
pub(crate) async fn short_stock_fails_exactly_the_excess_admissions(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 100)).await;
    let resource = Some(ResourceRef { kind: ResourceKind::Sale.into(), id: sale });
    let broken = AdjustStockRequest { shop_id: fixture.shop.id(), resource, delta: -40, note: "broken".to_owned() };
    node.stock().adjust_stock(&node.cx(), broken).await.unwrap();
    for number in 1..=100 {
        assert_eq!(code(&admit(node, sale, number).await), "ok");
    }
    node.settle().await;
    let mut states = Vec::new();
    for number in 1..=100 {
        states.push(result(node, sale, number).await);
    }
    let placed = states.iter().filter(|result| result.state() == ResultState::Placed).count();
    let failed = states.iter().filter(|result| result.reason == "SALE_SOLD_OUT").count();
    assert_eq!((placed, failed), (60, 40));
    let after = fixture.sale(node, sale).await;
    assert_eq!((after.free_units, after.admission_count), (0, 100));
    node.assert_books().await;
}

/// TR-35: an order that is not created in time is not created at all, and its unit is sold to another buyer.
pub(crate) async fn an_order_that_is_too_late_is_not_created(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 1)).await;
    let admission = admit(node, sale, 1).await.unwrap();
    node.advance(MINUTE * 3);
    node.settle().await;
    let late = result(node, sale, 1).await;
    assert_eq!((late.state(), late.reason.as_str()), (ResultState::Failed, "SALE_ENDED"));
    let none = node.orders().get_order(&buyer(node, 1), GetOrderRequest { order_id: admission.order_id }).await;
    assert_eq!(code(&none), "ORDER_NOT_FOUND");
    assert_eq!(code(&admit(node, sale, 2).await), "ok");
    node.assert_books().await;
}

/// A sale is closed while admissions wait for their orders: their units stay, and the free units return to the stock.
pub(crate) async fn admissions_before_the_end_become_orders(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 10)).await;
    for number in 1..=4 {
        assert_eq!(code(&admit(node, sale_id, number).await), "ok");
    }
    let close = CloseSaleRequest { shop_id: fixture.shop.id(), sale_id };
    let closed = node.sales().close_sale(&fixture.shop.owner.cx(), close).await.unwrap();
    assert_eq!((closed.state(), closed.free_units), (SaleState::Closed, 0));
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 96, "six are returned, four are assigned");
    node.settle().await;
    for number in 1..=4 {
        assert_eq!(result(node, sale_id, number).await.state(), ResultState::Placed);
    }
    node.advance(MINUTE * 3);
    node.settle().await;
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 100, "no order was paid");
    assert_eq!(fixture.sale(node, sale_id).await.state(), SaleState::Settled);
    node.assert_books().await;
}

/// PL-20, TR-38: an admission with a permanent error becomes a dead letter and does not block the others; its unit is
/// sold again.
pub(crate) async fn a_permanent_failure_becomes_a_dead_letter(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 3)).await;
    let mut orders = Vec::new();
    for number in 1..=3 {
        orders.push(admit(node, sale_id, number).await.unwrap().order_id);
    }
    occupy_order_id(node, &fixture, (sale_id, orders[1])).await;
    let operator = node.cx();
    let status = node.sales().get_order_creation_status(&operator, GetOrderCreationStatusRequest {}).await.unwrap();
    assert_eq!((status.is_paused, status.waiting_count, status.dead_letter_count), (false, 3, 0));
    for _ in 0..5 {
        node.settle().await;
    }
    let mut states = Vec::new();
    for number in 1..=3 {
        states.push(result(node, sale_id, number).await.state());
    }
    assert_eq!(states, [ResultState::Placed, ResultState::Failed, ResultState::Placed]);
    assert_eq!(fixture.sale(node, sale_id).await.free_units, 1);
    let listed = node.sales().list_dead_letters(&operator, ListDeadLettersRequest::default()).await.unwrap();
    let [letter] = listed.dead_letters.as_slice() else { panic!("{listed:?}") };
    assert_eq!((letter.order_id, letter.sale_id, letter.attempts), (orders[1], sale_id, 5));
    assert!(letter.error.contains("IDEMPOTENCY_KEY_REUSED") && letter.consumer == "sale.make_orders", "{letter:?}");
    assert_eq!(letter.failed_at, Some(node.now().into()));
    for _ in 0..2 {
        let dismiss = DismissDeadLetterRequest { order_id: orders[1] };
        node.sales().dismiss_dead_letter(&operator, dismiss).await.unwrap();
    }
    let status = node.sales().get_order_creation_status(&operator, GetOrderCreationStatusRequest {}).await.unwrap();
    assert_eq!((status.waiting_count, status.dead_letter_count), (0, 0));
}

/// Creates an order of another account with this ID.
async fn occupy_order_id(node: &TestNode, fixture: &SaleFixture, (sale_id, order_id): (i64, i64)) {
    let offer = SaleOffer {
        sale_id,
        shop_id: fixture.shop.id(),
        shop_name: "a shop".to_owned(),
        kind: OrderKind::Goods.into(),
        product_id: fixture.product.product_id,
        variant_id: fixture.variant(),
        product_name: "lantern".to_owned(),
        unit_price: Some(cny(500)),
        ..SaleOffer::default()
    };
    let order = SaleOrder {
        order_id,
        account_id: 999,
        quantity: 1,
        admitted_at: Some(node.now().into()),
        pay_until: Some(node.now().plus(MINUTE).into()),
    };
    let request = PlaceSaleOrdersRequest { offer: Some(offer), orders: vec![order] };
    node.orders().place_sale_orders(&node.cx(), request).await.unwrap();
}

/// TR-38: while an operator has paused order creation, buyers are admitted; their orders are created afterwards.
pub(crate) async fn paused_orders_are_created_afterwards(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 5)).await;
    let set = |is_paused| SetOrderCreationPausedRequest { is_paused: Some(is_paused) };
    assert!(node.sales().set_order_creation_paused(&node.cx(), set(true)).await.unwrap().is_paused);
    node.restart().await;
    assert_eq!(code(&admit(node, sale_id, 1).await), "ok");
    node.settle().await;
    assert_eq!(result(node, sale_id, 1).await.state(), ResultState::Processing);
    let status = node.sales().set_order_creation_paused(&node.cx(), set(false)).await.unwrap();
    assert_eq!((status.is_paused, status.waiting_count), (false, 1));
    node.settle().await;
    assert_eq!(result(node, sale_id, 1).await.state(), ResultState::Placed);
    node.assert_books().await;
}

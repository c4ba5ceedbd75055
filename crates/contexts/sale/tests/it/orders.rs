//! Those who are admitted get their orders, and units that nobody pays for are sold again.

use pulse_contract::order::v1::{
    CancelOrderRequest, GetOrderRequest, Order, OrderKind, OrderState, PlaceSaleOrdersRequest, SaleOffer, SaleOrder,
};
use pulse_contract::sale::v1::*;
use pulse_contract::stock::v1::{AdjustStockRequest, ResourceKind, ResourceRef};
use pulse_testkit::{TestNode, cny};

use crate::{MINUTE, Stand, admit, buyer, code};

async fn order(node: &TestNode, number: i64, order_id: i64) -> Order {
    node.orders().get_order(&buyer(node, number), GetOrderRequest { order_id }).await.unwrap()
}

async fn result(node: &TestNode, sale_id: i64, number: i64) -> SaleResult {
    node.sales().get_result(&buyer(node, number), GetResultRequest { sale_id, wait_ms: 0 }).await.unwrap()
}

/// TR-09, TR-33, TR-36: what the answer to an admission says is what the order says.
pub(crate) async fn who_is_admitted_gets_an_order(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale = stand.rush(node, stand.draft(node, 50)).await;
    let admission = admit(node, sale, 1).await.unwrap();
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Processing);
    assert!(admission.poll.is_some_and(|poll| poll.interval_ms_max <= 2_000 && poll.give_up_ms <= 30_000), "TR-34");
    node.settle().await;
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Placed);
    let order = order(node, 1, admission.order_id).await;
    assert_eq!((order.state(), order.sale_id), (OrderState::AwaitingPayment, sale));
    assert_eq!(order.expires_at, admission.end_pay_time);
    assert_eq!((order.price.unwrap().total_minor, admission.pay_amount), (500, Some(cny(500))));
    let nobody = node.sales().get_result(&buyer(node, 9), GetResultRequest { sale_id: sale, wait_ms: 0 }).await;
    assert_eq!(code(&nobody), "SALE_ADMISSION_NOT_FOUND");
    node.assert_books().await;
}

/// TR-19, TR-23: an unpaid order gives its unit to the next one, and the last unpaid units end in the stock of the shop.
pub(crate) async fn unpaid_units_are_sold_again(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale = stand.rush(node, stand.draft(node, 1)).await;
    assert_eq!(code(&admit(node, sale, 1).await), "ok");
    node.settle().await;
    assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
    node.advance(MINUTE * 2);
    node.settle().await;
    assert_eq!(result(node, sale, 1).await.state(), ResultState::Released);
    assert_eq!(stand.sale(node, sale).await.state(), SaleState::Open);
    let second = admit(node, sale, 2).await.unwrap();
    node.settle().await;
    let cancel = CancelOrderRequest { order_id: second.order_id, ..CancelOrderRequest::default() };
    node.orders().cancel_order(&buyer(node, 2), cancel).await.unwrap();
    node.settle().await;
    assert_eq!(code(&admit(node, sale, 3).await), "ok");
    assert!(admit(node, sale, 1).await.unwrap().is_repeated, "one buyer, one admission, for ever");
    node.settle().await;
    node.advance(MINUTE * 10);
    node.settle().await;
    assert_eq!(stand.sale(node, sale).await.state(), SaleState::Settled);
    assert_eq!(stand.stock(node, stand.sku()).await.available, 100, "every unit can be sold");
    node.assert_books().await;
}

/// TR-37: stock has 60 units of the 100 that were admitted: exactly 60 orders, and 40 know why they have none.
pub(crate) async fn short_stock_marks_exactly_the_losers(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale = stand.rush(node, stand.draft(node, 100)).await;
    let resource = Some(ResourceRef { kind: ResourceKind::Sale.into(), id: sale });
    let broken = AdjustStockRequest { shop_id: stand.shop.id(), resource, delta: -40, note: "broken".to_owned() };
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
    let after = stand.sale(node, sale).await;
    assert_eq!((after.free_units, after.admission_count), (0, 100));
    node.assert_books().await;
}

/// TR-35: nobody made the order in time: no unit moves, and somebody else can have it.
pub(crate) async fn who_waits_too_long_for_an_order_has_none(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale = stand.rush(node, stand.draft(node, 1)).await;
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

/// A sale ends while admitted buyers still wait for their orders: their units stay, and only the others go back.
pub(crate) async fn who_was_admitted_before_the_end_gets_an_order(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale_id = stand.rush(node, stand.draft(node, 10)).await;
    for number in 1..=4 {
        assert_eq!(code(&admit(node, sale_id, number).await), "ok");
    }
    let close = CloseSaleRequest { shop_id: stand.shop.id(), sale_id };
    let closed = node.sales().close_sale(&stand.shop.owner.cx(), close).await.unwrap();
    assert_eq!((closed.state(), closed.free_units), (SaleState::Closed, 0));
    assert_eq!(stand.stock(node, stand.sku()).await.available, 96, "six go back, four are spoken for");
    node.settle().await;
    for number in 1..=4 {
        assert_eq!(result(node, sale_id, number).await.state(), ResultState::Placed);
    }
    node.advance(MINUTE * 3);
    node.settle().await;
    assert_eq!(stand.stock(node, stand.sku()).await.available, 100, "nobody has paid");
    assert_eq!(stand.sale(node, sale_id).await.state(), SaleState::Settled);
    node.assert_books().await;
}

/// PL-20, TR-38: what no repetition mends is given up, is told to operators, and holds up nobody else; its unit is sold again.
pub(crate) async fn one_that_cannot_become_an_order_holds_up_nobody(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale_id = stand.rush(node, stand.draft(node, 3)).await;
    let mut orders = Vec::new();
    for number in 1..=3 {
        orders.push(admit(node, sale_id, number).await.unwrap().order_id);
    }
    take_number(node, &stand, (sale_id, orders[1])).await;
    let operator = node.cx();
    let lane = node.sales().get_order_creation_status(&operator, GetOrderCreationStatusRequest {}).await.unwrap();
    assert_eq!((lane.is_paused, lane.waiting_count, lane.dead_letter_count), (false, 3, 0));
    for _ in 0..5 {
        node.settle().await;
    }
    let mut states = Vec::new();
    for number in 1..=3 {
        states.push(result(node, sale_id, number).await.state());
    }
    assert_eq!(states, [ResultState::Placed, ResultState::Failed, ResultState::Placed]);
    assert_eq!(stand.sale(node, sale_id).await.free_units, 1);
    let listed = node.sales().list_dead_letters(&operator, ListDeadLettersRequest::default()).await.unwrap();
    let [letter] = listed.dead_letters.as_slice() else { panic!("{listed:?}") };
    assert_eq!((letter.order_id, letter.sale_id, letter.attempts), (orders[1], sale_id, 5));
    assert!(letter.error.contains("IDEMPOTENCY_KEY_REUSED") && letter.consumer == "sale.make_orders", "{letter:?}");
    assert_eq!(letter.failed_at, Some(node.now().into()));
    for _ in 0..2 {
        let dismiss = DismissDeadLetterRequest { order_id: orders[1] };
        node.sales().dismiss_dead_letter(&operator, dismiss).await.unwrap();
    }
    let lane = node.sales().get_order_creation_status(&operator, GetOrderCreationStatusRequest {}).await.unwrap();
    assert_eq!((lane.waiting_count, lane.dead_letter_count), (0, 0));
}

/// Somebody else has an order with this number.
async fn take_number(node: &TestNode, stand: &Stand, (sale_id, order_id): (i64, i64)) {
    let offer = SaleOffer {
        sale_id,
        shop_id: stand.shop.id(),
        shop_name: "a shop".to_owned(),
        kind: OrderKind::Goods.into(),
        product_id: stand.product.product_id,
        variant_id: stand.variant(),
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

/// TR-38: an operator holds the making of orders; buyers are admitted and wait, and have their orders afterwards.
pub(crate) async fn held_orders_are_made_afterwards(node: &mut TestNode) {
    let stand = Stand::open(node).await;
    let sale_id = stand.rush(node, stand.draft(node, 5)).await;
    let hold = |is_paused| SetOrderCreationPausedRequest { is_paused };
    assert!(node.sales().set_order_creation_paused(&node.cx(), hold(true)).await.unwrap().is_paused);
    node.restart().await;
    assert_eq!(code(&admit(node, sale_id, 1).await), "ok");
    node.settle().await;
    assert_eq!(result(node, sale_id, 1).await.state(), ResultState::Processing);
    let lane = node.sales().set_order_creation_paused(&node.cx(), hold(false)).await.unwrap();
    assert_eq!((lane.is_paused, lane.waiting_count), (false, 1));
    node.settle().await;
    assert_eq!(result(node, sale_id, 1).await.state(), ResultState::Placed);
    node.assert_books().await;
}

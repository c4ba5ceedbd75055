//! Moves of orders, and the roles that may make them.

use futures::future::join_all;
use pulse_contract::account::v1::AccountRole;
use pulse_contract::kitchen::v1::{OrderReady, OrderStarted};
use pulse_contract::order::v1::*;
use pulse_kernel::{Cx, Error};
use pulse_testkit::{TestNode, draft};

use crate::shop_fixtures::{ShopFixture, assert_clean, pay, publish, published};
use crate::{code, tally};

async fn accept(node: &TestNode, cx: &Cx, order: &Order) -> Result<Order, Error> {
    let request = AcceptOrderRequest { shop_id: order.shop_id, order_id: order.order_id };
    node.orders().accept_order(cx, request).await
}

async fn hand_over(node: &TestNode, cx: &Cx, order: &Order) -> Result<Order, Error> {
    let request = HandOverOrderRequest { shop_id: order.shop_id, order_id: order.order_id };
    node.orders().hand_over_order(cx, request).await
}

async fn complete(node: &TestNode, cx: &Cx, order: &Order) -> Result<Order, Error> {
    node.orders().complete_order(cx, CompleteOrderRequest { order_id: order.order_id }).await
}

async fn started(node: &TestNode, order: &Order) {
    publish(node, order.order_id, &OrderStarted { shop_id: order.shop_id, order_id: order.order_id }).await;
    node.settle().await;
}

async fn ready(node: &TestNode, order: &Order) {
    let event = OrderReady { shop_id: order.shop_id, order_id: order.order_id, ready_at: Some(node.now().into()) };
    publish(node, order.order_id, &event).await;
    node.settle().await;
}

fn history(order: &Order) -> Vec<(OrderState, &str)> {
    order.history.iter().map(|step| (step.state(), step.actor.as_str())).collect()
}

/// PL-08: placed, paid, prepared, collected; the history contains each step with its role.
pub(crate) async fn an_order_is_placed_paid_prepared_and_collected(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &order).await;
    started(node, &order).await;
    ready(node, &order).await;
    let order = complete(node, &fixture.customer.cx(), &order).await.unwrap();
    let expected = [
        (OrderState::AwaitingPayment, "customer"),
        (OrderState::Confirmed, "system"),
        (OrderState::Preparing, "kitchen"),
        (OrderState::Ready, "kitchen"),
        (OrderState::Completed, "customer"),
    ];
    assert_eq!(history(&order), expected);
    assert_eq!((order.version, order.allowed_moves.len()), (5, 0));
    node.settle().await;
    let moved: Vec<OrderState> = published::<OrderMoved>(node).await.iter().map(OrderMoved::state).collect();
    assert_eq!(moved, [OrderState::Preparing, OrderState::Ready]);
    assert_eq!(published::<OrderCompleted>(node).await.len(), 1);
    assert_eq!(fixture.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// An order is visible to its customer, its shop and operators; for other accounts it does not exist.
pub(crate) async fn other_accounts_do_not_see_the_order(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let other = node.open_shop("+8613900000003", draft("Other")).await;
    let stranger = node.sign_up("+8613800138009").await;
    let courier = node.sign_up_as("+8613800138010", AccountRole::Courier, &[]).await;
    let operator = node.operator().await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    let request = GetOrderRequest { order_id: order.order_id };
    for (who, expected) in [(&stranger, 0), (&other.owner, 0), (&courier, 0), (&fixture.shop.owner, 1), (&operator, 1)]
    {
        let seen = node.orders().get_order(&who.cx(), request).await;
        assert_eq!(code(&seen), if expected == 1 { "ok" } else { "ORDER_NOT_FOUND" });
    }
    pay(node, &order).await;
    for who in [&stranger, &other.owner, &courier] {
        let cancel = CancelOrderRequest { order_id: order.order_id, reason: String::new() };
        assert_eq!(code(&node.orders().cancel_order(&who.cx(), cancel).await), "ORDER_NOT_FOUND");
        assert_eq!(code(&complete(node, &who.cx(), &order).await), "ORDER_NOT_FOUND");
    }
    // The customer is no staff, and the order does not belong to the other shop.
    assert_eq!(code(&accept(node, &fixture.customer.cx(), &order).await), "ORDER_NOT_FOUND");
    let elsewhere = AcceptOrderRequest { shop_id: other.id(), order_id: order.order_id };
    assert_eq!(code(&node.orders().accept_order(&operator.cx(), elsewhere).await), "ORDER_NOT_FOUND");
    let missing = GetOrderRequest { order_id: 4_711 };
    assert_eq!(code(&node.orders().get_order(&operator.cx(), missing).await), "ORDER_NOT_FOUND");
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::Confirmed);
}

/// T7: a move that the state does not allow is refused with the moves that it allows to the caller.
pub(crate) async fn illegal_moves_name_the_allowed_ones(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    let (customer, owner) = (fixture.customer.cx(), fixture.shop.owner.cx());
    let refused = complete(node, &customer, &order).await.unwrap_err();
    assert_eq!(refused.code(), "ORDER_MOVE_INVALID");
    let named: Vec<(&str, &str)> =
        refused.metadata().iter().map(|(key, value)| (key.as_ref(), value.as_str())).collect();
    assert_eq!(named, [("state", "ORDER_STATE_AWAITING_PAYMENT"), ("allowed", "cancel")]);
    pay(node, &order).await;
    let accepted = accept(node, &owner, &order).await.unwrap();
    assert_eq!(accepted.allowed_moves, ["cancel", "complete", "refund"]);
    let refused = fixture.cancel(node, order.order_id).await.unwrap_err();
    assert_eq!((refused.code(), refused.metadata()[1].1.as_str()), ("ORDER_MOVE_INVALID", ""));
    assert_eq!(code(&hand_over(node, &owner, &order).await), "ORDER_MOVE_INVALID");
    complete(node, &owner, &order).await.unwrap();
    assert_eq!(code(&complete(node, &owner, &order).await), "ORDER_MOVE_INVALID");
    let http = node.http();
    let path = format!("/v1/orders/{}:cancel", order.order_id);
    let reply = http.post(&path, &serde_json::json!({})).by(&fixture.customer).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "ORDER_MOVE_INVALID"));
}

/// TR-25: of parallel changes of an order one wins; the others see its result.
pub(crate) async fn one_of_parallel_cancellations_wins(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(4)).await.unwrap();
    let outcomes = join_all((0..12).map(|_| fixture.cancel(node, order.order_id))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_MOVE_INVALID", 11), ("ok", 1)]);
    node.settle().await;
    assert_eq!(published::<OrderCancelled>(node).await.len(), 1);
    assert_eq!(fixture.tea_stock(node).await, (10, 0));
    assert_eq!(fixture.seen(node, order.order_id).await.version, 2);
    assert_clean(node).await;
}

/// R24: a delivery cannot arrive before its handover; its courier completes it.
pub(crate) async fn a_delivery_is_handed_over_and_arrives(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let courier = node.sign_up_as("+8613800138010", AccountRole::Courier, &[]).await;
    let order = fixture.place(node, fixture.delivered(fixture.teas(1))).await.unwrap();
    let owner = fixture.shop.owner.cx();
    assert_eq!(code(&hand_over(node, &owner, &order).await), "ORDER_MOVE_INVALID");
    pay(node, &order).await;
    accept(node, &owner, &order).await.unwrap();
    ready(node, &order).await;
    assert_eq!(code(&complete(node, &fixture.customer.cx(), &order).await), "ORDER_MOVE_INVALID");
    assert_eq!(code(&complete(node, &courier.cx(), &order).await), "ORDER_NOT_FOUND");
    let order = hand_over(node, &owner, &order).await.unwrap();
    assert_eq!(order.state(), OrderState::Delivering);
    assert_eq!(code(&complete(node, &owner, &order).await), "ORDER_MOVE_INVALID");
    let order = complete(node, &courier.cx(), &order).await.unwrap();
    assert_eq!(history(&order).last(), Some(&(OrderState::Completed, "courier")));
    node.settle().await;
    assert_clean(node).await;
}

/// TR-23: a cancelled order releases its stock and its coupon once.
pub(crate) async fn an_order_is_cancelled_once_and_releases_its_reservations(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let coupon = fixture.coupon(node, 500, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) };
    let order = fixture.place(node, draft).await.unwrap();
    let cancelled = fixture.cancel(node, order.order_id).await.unwrap();
    assert_eq!((cancelled.state(), cancelled.cancel_reason()), (OrderState::Cancelled, CancelReason::ByCustomer));
    assert_eq!(cancelled.history[1].reason, "no more");
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (10, 0));
    assert_eq!(fixture.coupon_state(node, coupon).await, pulse_contract::marketing::v1::CouponState::Active);
    assert_eq!(published::<OrderCancelled>(node).await[0].coupon_ids, [coupon]);
    assert_eq!(published::<OrderRefundRequested>(node).await, []);
    assert_eq!(node.store("order").due_timers(node.now().plus(crate::MINUTE * 20), 10).await.unwrap().len(), 1);
    assert_clean(node).await;
}

/// Events of the kitchen that arrive too late change nothing and are no failure.
pub(crate) async fn late_events_of_the_kitchen_change_nothing(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &order).await;
    fixture.cancel(node, order.order_id).await.unwrap();
    started(node, &order).await;
    ready(node, &order).await;
    let second = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &second).await;
    ready(node, &second).await;
    started(node, &second).await;
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::Cancelled);
    assert_eq!(fixture.seen(node, second.order_id).await.state(), OrderState::Ready);
    assert_clean(node).await;
}

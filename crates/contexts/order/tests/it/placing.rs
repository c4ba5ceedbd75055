//! Placing orders: all or nothing.

use futures::future::join_all;
use pulse_contract::marketing::v1::CouponState;
use pulse_contract::order::v1::*;
use pulse_contract::shop::v1::{ProductDraft, UpdateProductRequest};
use pulse_contract::stock::v1::{DeductAt, StockRules};
use pulse_testkit::{TestNode, product};

use crate::shop_fixtures::{ShopFixture, assert_clean, line, pay, placing, published, terms};
use crate::{code, tally};

/// PL-07: an order does not change with the menu and the terms of the shop.
pub(crate) async fn an_order_keeps_its_prices_and_names(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let draft = OrderDraft { note: "ring twice".to_owned(), ..fixture.delivered(fixture.teas(2)) };
    let order = fixture.place(node, draft.clone()).await.unwrap();
    let (shop_id, product_id) = (fixture.shop.id(), fixture.tea.product_id);
    let dearer = ProductDraft { name: "Gold".to_owned(), ..product("Gold", 9_900) };
    let request = UpdateProductRequest { shop_id, product_id, version: 1, product: Some(dearer) };
    node.catalog().update_product(&fixture.shop.owner.cx(), request).await.unwrap();
    fixture.set_terms(node, Default::default()).await;
    assert_eq!(fixture.seen(node, order.order_id).await, order);
    assert_eq!((order.state(), order.payment_state()), (OrderState::AwaitingPayment, PaymentState::Unpaid));
    assert_eq!((order.address, order.note), (draft.address, draft.note));
    let line = &order.lines[0];
    assert_eq!((line.product_name.as_str(), line.quantity, line.subtotal_minor), ("Tea", 2, 2_400));
    assert_eq!(order.allowed_moves, ["cancel"]);
    assert_eq!(order.expires_at, Some(node.now().plus(crate::MINUTE * 15).into()));
    node.settle().await;
    assert_clean(node).await;
}

/// R04: 50 units and 200 parallel orders of one unit: 50 are placed, 150 are refused as out of stock.
pub(crate) async fn fifty_of_two_hundred_get_the_fifty_units(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 50).await;
    let cx = fixture.customer.cx();
    let request = placing(fixture.teas(1), ShopFixture::tea_total(1));
    let outcomes = join_all((0..200).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_STOCK_SHORT", 150), ("ok", 50)]);
    let refused = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert_eq!(refused.violations()[0].field, "lines[0]");
    assert_eq!(fixture.tea_stock(node).await, (50, 50));
    node.settle().await;
    assert_eq!(published::<OrderPlaced>(node).await.len(), 50);
    assert_clean(node).await;
}

/// A request that is repeated with its idempotency key places one order and reserves once.
pub(crate) async fn a_key_places_one_order(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let request = placing(fixture.teas(3), ShopFixture::tea_total(3));
    let cx = node.keyed(fixture.customer.cx(), "6f1a", "PlaceOrder", &request);
    let first = node.orders().place_order(&cx, request.clone()).await.unwrap();
    let outcomes = join_all((0..10).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|order| *order == first)), "{outcomes:?}");
    assert_eq!(fixture.tea_stock(node).await, (10, 3));
}

/// PL-16: after any refusal there is no order, no reservation and no used coupon.
pub(crate) async fn a_refusal_leaves_nothing(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 2).await;
    let coupon = fixture.coupon(node, 500, 1_000).await;
    let with_coupon = |draft| OrderDraft { coupon_ids: vec![coupon], ..draft };
    let orders = node.orders();
    let cx = fixture.customer.cx();
    // The stock does not suffice; the coupon is valid.
    let outcome = orders.place_order(&cx, placing(with_coupon(fixture.teas(3)), 0)).await;
    assert_eq!(code(&outcome), "ORDER_STOCK_SHORT");
    // The stock suffices; the coupon does not exist.
    let foreign = OrderDraft { coupon_ids: vec![coupon, 4_711], ..fixture.teas(1) };
    assert_eq!(code(&orders.place_order(&cx, placing(foreign, 0)).await), "ORDER_COUPON_REFUSED");
    // Neither is available.
    let neither = OrderDraft { coupon_ids: vec![4_711], ..fixture.teas(3) };
    let refused = orders.place_order(&cx, placing(neither, 0)).await.unwrap_err();
    let codes: Vec<&str> = refused.violations().iter().map(|violation| violation.code.as_ref()).collect();
    assert_eq!((refused.code(), codes), ("ORDER_REFUSED", vec!["ORDER_STOCK_SHORT", "ORDER_COUPON_REFUSED"]));
    // Both are reserved, and the total differs from the expected one.
    let outcome = orders.place_order(&cx, placing(with_coupon(fixture.teas(1)), 1)).await;
    assert_eq!(code(&outcome), "ORDER_PRICE_CHANGED");
    assert_eq!(fixture.tea_stock(node).await, (2, 0));
    node.settle().await;
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Active);
    assert_eq!(published::<OrderPlaced>(node).await, []);
    // A valid order is placed.
    let order = fixture.place(node, with_coupon(fixture.teas(2))).await.unwrap();
    pay(node, &order).await;
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(fixture.tea_stock(node).await, (0, 0));
    assert_clean(node).await;
}

/// PL-16, R06: validate, place, pay, redeem. Of parallel orders with one coupon, one is placed.
pub(crate) async fn a_coupon_makes_it_cheaper_and_is_used_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let coupon = fixture.coupon(node, 500, 1_000).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) };
    let total = fixture.quote(node, &draft).await.price.unwrap().total_minor;
    // 24.00 less 5.00, 1.00 for packing, 6 % on top.
    assert_eq!(total, 2_120);
    let cx = fixture.customer.cx();
    let outcomes = join_all((0..20).map(|_| node.orders().place_order(&cx, placing(draft.clone(), total)))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_COUPON_REFUSED", 19), ("ok", 1)]);
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Reserved);
    assert_eq!(fixture.tea_stock(node).await, (100, 2));
    let order = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(order.price.as_ref().unwrap().total_minor, total);
    pay(node, &order).await;
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(fixture.tea_stock(node).await, (98, 0));
    assert_clean(node).await;
}

/// A free order needs no payment: it is confirmed at once, with its reservations.
pub(crate) async fn a_free_order_is_confirmed_at_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 5).await;
    fixture.set_terms(node, pulse_contract::shop::v1::ShopTerms { packing_fee_minor: 0, ..terms() }).await;
    let coupon = fixture.coupon(node, 1_200, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(1) };
    let order = fixture.place(node, draft).await.unwrap();
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!((order.price.as_ref().unwrap().total_minor, order.expires_at), (0, None));
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (4, 0));
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(published::<OrderPaid>(node).await.len(), 1);
    // Its cancellation releases everything and refunds nothing.
    fixture.cancel(node, order.order_id).await.unwrap();
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (5, 0));
    assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Active);
    assert_eq!(published::<OrderRefundRequested>(node).await, []);
    assert_clean(node).await;
}

/// PL-10: stock that is deducted at payment can be ordered more often than it is available; late payments are refunded.
pub(crate) async fn stock_that_is_deducted_at_payment_is_not_reserved(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let rules = StockRules { deduct_at: DeductAt::Payment.into(), ..StockRules::default() };
    fixture.count_tea(node, 1, rules).await;
    let first = fixture.place(node, fixture.teas(1)).await.unwrap();
    let second = fixture.place(node, fixture.teas(1)).await.unwrap();
    assert_eq!(fixture.tea_stock(node).await, (1, 0));
    pay(node, &second).await;
    pay(node, &first).await;
    let (first, second) = (fixture.seen(node, first.order_id).await, fixture.seen(node, second.order_id).await);
    assert_eq!((second.state(), fixture.tea_stock(node).await), (OrderState::Confirmed, (0, 0)));
    assert_eq!((first.state(), first.cancel_reason()), (OrderState::Cancelled, CancelReason::OutOfStock));
    let refunds: Vec<i64> =
        published::<OrderRefundRequested>(node).await.iter().map(|refund| refund.order_id).collect();
    assert_eq!(refunds, [first.order_id]);
    assert_clean(node).await;
    // A cash order deducts the stock when it is placed.
    let cash = fixture.place_cash(node, fixture.teas(1)).await;
    assert_eq!(code(&cash), "ORDER_STOCK_SHORT");
    let cake = OrderDraft { lines: vec![line(&fixture.cake, 1)], ..fixture.teas(1) };
    fixture.place_cash(node, cake).await.unwrap();
}

/// TR-24: one order per customer and interval, exact to the millisecond, also of parallel orders.
#[test]
fn orders_of_one_customer_keep_the_minimum_interval() {
    let window = std::time::Duration::from_secs(2);
    for engine in [pulse_testkit::Engine::Sqlite, pulse_testkit::Engine::Postgres, pulse_testkit::Engine::MariaDb] {
        pulse_testkit::run_with(
            engine,
            |config| config.order.min_interval_per_customer = window,
            async |node| {
                let fixture = ShopFixture::with_tea(node, 100).await;
                let request = placing(fixture.teas(1), ShopFixture::tea_total(1));
                let cx = fixture.customer.cx();
                let outcomes = join_all((0..10).map(|_| node.orders().place_order(&cx, request.clone()))).await;
                assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_TOO_FAST", 9), ("ok", 1)]);
                assert_eq!(fixture.tea_stock(node).await, (100, 1));
                node.advance(window - std::time::Duration::from_millis(1));
                let early = node.orders().place_order(&fixture.customer.cx(), request.clone()).await.unwrap_err();
                assert_eq!(
                    (early.code(), early.retry_after()),
                    ("ORDER_TOO_FAST", Some(std::time::Duration::from_millis(1)))
                );
                node.advance(std::time::Duration::from_millis(1));
                node.orders().place_order(&fixture.customer.cx(), request.clone()).await.unwrap();
                assert_eq!(fixture.tea_stock(node).await, (100, 2));
            },
        );
    }
}

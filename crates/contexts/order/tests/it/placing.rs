//! Orders are placed: everything or nothing.

use futures::future::join_all;
use pulse_contract::marketing::v1::CouponState;
use pulse_contract::order::v1::*;
use pulse_contract::shop::v1::{ProductDraft, UpdateProductRequest};
use pulse_contract::stock::v1::{DeductAt, StockRules};
use pulse_testkit::{TestNode, product};

use crate::street::{Street, assert_clean, line, pay, placing, terms, told};
use crate::{code, tally};

/// PL-07: what was agreed on stays, whatever becomes of the menu and the shop's terms.
pub(crate) async fn an_order_keeps_what_was_agreed(node: &mut TestNode) {
    let street = Street::new(node).await;
    let draft = OrderDraft { note: "ring twice".to_owned(), ..street.delivered(street.teas(2)) };
    let order = street.place(node, draft.clone()).await.unwrap();
    let (shop_id, product_id) = (street.shop.id(), street.tea.product_id);
    let dearer = ProductDraft { name: "Gold".to_owned(), ..product("Gold", 9_900) };
    let request = UpdateProductRequest { shop_id, product_id, version: 1, product: Some(dearer) };
    node.catalog().update_product(&street.shop.owner.cx(), request).await.unwrap();
    street.set_terms(node, Default::default()).await;
    assert_eq!(street.seen(node, order.order_id).await, order);
    assert_eq!((order.state(), order.payment_state()), (OrderState::AwaitingPayment, PaymentState::Unpaid));
    assert_eq!((order.address, order.note), (draft.address, draft.note));
    let line = &order.lines[0];
    assert_eq!((line.product_name.as_str(), line.quantity, line.subtotal_minor), ("Tea", 2, 2_400));
    assert_eq!(order.allowed_moves, ["cancel"]);
    assert_eq!(order.expires_at, Some(node.now().plus(crate::MINUTE * 15).into()));
    node.settle().await;
    assert_clean(node).await;
}

/// R04: 50 units, 200 who order one at the same time: exactly 50 get one, 150 are told that there is none.
pub(crate) async fn fifty_of_two_hundred_get_the_fifty_units(node: &mut TestNode) {
    let street = Street::with_tea(node, 50).await;
    let cx = street.customer.cx();
    let request = placing(street.teas(1), Street::tea_total(1));
    let outcomes = join_all((0..200).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_STOCK_SHORT", 150), ("ok", 50)]);
    let refused = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert_eq!(refused.violations()[0].field, "lines[0]");
    assert_eq!(street.tea_stock(node).await, (50, 50));
    node.settle().await;
    assert_eq!(told::<OrderPlaced>(node).await.len(), 50);
    assert_clean(node).await;
}

/// A request that is repeated under its key places one order and reserves once.
pub(crate) async fn a_key_places_one_order(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let request = placing(street.teas(3), Street::tea_total(3));
    let cx = node.keyed(street.customer.cx(), "6f1a", "PlaceOrder", &request);
    let first = node.orders().place_order(&cx, request.clone()).await.unwrap();
    let outcomes = join_all((0..10).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|order| *order == first)), "{outcomes:?}");
    assert_eq!(street.tea_stock(node).await, (10, 3));
}

/// PL-16: whatever is refused, there is no order, no reservation and no coupon in use afterwards.
pub(crate) async fn a_failure_leaves_nothing(node: &mut TestNode) {
    let street = Street::with_tea(node, 2).await;
    let coupon = street.coupon(node, 500, 1_000).await;
    let with_coupon = |draft| OrderDraft { coupon_ids: vec![coupon], ..draft };
    let orders = node.orders();
    let cx = street.customer.cx();
    // Stock is short, the coupon is fine.
    let outcome = orders.place_order(&cx, placing(with_coupon(street.teas(3)), 0)).await;
    assert_eq!(code(&outcome), "ORDER_STOCK_SHORT");
    // Stock is there, the coupon is nobody's.
    let foreign = OrderDraft { coupon_ids: vec![coupon, 4_711], ..street.teas(1) };
    assert_eq!(code(&orders.place_order(&cx, placing(foreign, 0)).await), "ORDER_COUPON_REFUSED");
    // Neither is.
    let neither = OrderDraft { coupon_ids: vec![4_711], ..street.teas(3) };
    let refused = orders.place_order(&cx, placing(neither, 0)).await.unwrap_err();
    let codes: Vec<&str> = refused.violations().iter().map(|violation| violation.code.as_ref()).collect();
    assert_eq!((refused.code(), codes), ("ORDER_REFUSED", vec!["ORDER_STOCK_SHORT", "ORDER_COUPON_REFUSED"]));
    // Both are held, and the total is not what was expected.
    let outcome = orders.place_order(&cx, placing(with_coupon(street.teas(1)), 1)).await;
    assert_eq!(code(&outcome), "ORDER_PRICE_CHANGED");
    assert_eq!(street.tea_stock(node).await, (2, 0));
    node.settle().await;
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Active);
    assert_eq!(told::<OrderPlaced>(node).await, []);
    // Nothing stands in the way of the order that works.
    let order = street.place(node, with_coupon(street.teas(2))).await.unwrap();
    pay(node, &order).await;
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(street.tea_stock(node).await, (0, 0));
    assert_clean(node).await;
}

/// PL-16, R06: validate, place, pay, redeem. Of parallel orders with one coupon, one is placed.
pub(crate) async fn a_coupon_makes_it_cheaper_and_is_used_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 100).await;
    let coupon = street.coupon(node, 500, 1_000).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..street.teas(2) };
    let total = street.quote(node, &draft).await.price.unwrap().total_minor;
    // 24.00 less 5.00, 1.00 for packing, 6 % on top.
    assert_eq!(total, 2_120);
    let cx = street.customer.cx();
    let outcomes = join_all((0..20).map(|_| node.orders().place_order(&cx, placing(draft.clone(), total)))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_COUPON_REFUSED", 19), ("ok", 1)]);
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Reserved);
    assert_eq!(street.tea_stock(node).await, (100, 2));
    let order = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(order.price.as_ref().unwrap().total_minor, total);
    pay(node, &order).await;
    assert_eq!(street.seen(node, order.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(street.tea_stock(node).await, (98, 0));
    assert_clean(node).await;
}

/// What costs nothing needs no payment: it is confirmed at once, and takes what it needs.
pub(crate) async fn a_free_order_is_confirmed_at_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 5).await;
    street.set_terms(node, pulse_contract::shop::v1::ShopTerms { packing_fee_minor: 0, ..terms() }).await;
    let coupon = street.coupon(node, 1_200, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..street.teas(1) };
    let order = street.place(node, draft).await.unwrap();
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!((order.price.as_ref().unwrap().total_minor, order.expires_at), (0, None));
    node.settle().await;
    assert_eq!(street.tea_stock(node).await, (4, 0));
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Used);
    assert_eq!(told::<OrderPaid>(node).await.len(), 1);
    // Cancelled, it gives everything back, and there is no money to pay back.
    street.cancel(node, order.order_id).await.unwrap();
    node.settle().await;
    assert_eq!(street.tea_stock(node).await, (5, 0));
    assert_eq!(street.coupon_state(node, coupon).await, CouponState::Active);
    assert_eq!(told::<OrderRefundRequested>(node).await, []);
    assert_clean(node).await;
}

/// PL-10: what is deducted at payment can be ordered by more than can have it; who pays too late gets the money back.
pub(crate) async fn what_is_deducted_at_payment_is_not_reserved(node: &mut TestNode) {
    let street = Street::new(node).await;
    let rules = StockRules { deduct_at: DeductAt::Payment.into(), ..StockRules::default() };
    street.count_tea(node, 1, rules).await;
    let first = street.place(node, street.teas(1)).await.unwrap();
    let second = street.place(node, street.teas(1)).await.unwrap();
    assert_eq!(street.tea_stock(node).await, (1, 0));
    pay(node, &second).await;
    pay(node, &first).await;
    let (first, second) = (street.seen(node, first.order_id).await, street.seen(node, second.order_id).await);
    assert_eq!((second.state(), street.tea_stock(node).await), (OrderState::Confirmed, (0, 0)));
    assert_eq!((first.state(), first.cancel_reason()), (OrderState::Cancelled, CancelReason::OutOfStock));
    let refunds: Vec<i64> = told::<OrderRefundRequested>(node).await.iter().map(|refund| refund.order_id).collect();
    assert_eq!(refunds, [first.order_id]);
    assert_clean(node).await;
    // Cash takes them when the order is placed.
    let cash = street.place_cash(node, street.teas(1)).await;
    assert_eq!(code(&cash), "ORDER_STOCK_SHORT");
    let cake = OrderDraft { lines: vec![line(&street.cake, 1)], ..street.teas(1) };
    street.place_cash(node, cake).await.unwrap();
}

/// TR-24: one order per customer and window, to the millisecond, and of parallel ones one.
#[test]
fn orders_of_one_customer_keep_their_distance() {
    let window = std::time::Duration::from_secs(2);
    for engine in [pulse_testkit::Engine::Sqlite, pulse_testkit::Engine::Postgres, pulse_testkit::Engine::MariaDb] {
        pulse_testkit::run_with(
            engine,
            |config| config.order.min_interval_per_customer = window,
            async |node| {
                let street = Street::with_tea(node, 100).await;
                let request = placing(street.teas(1), Street::tea_total(1));
                let cx = street.customer.cx();
                let outcomes = join_all((0..10).map(|_| node.orders().place_order(&cx, request.clone()))).await;
                assert_eq!(tally(outcomes.iter().map(code)), [("ORDER_TOO_FAST", 9), ("ok", 1)]);
                assert_eq!(street.tea_stock(node).await, (100, 1));
                node.advance(window - std::time::Duration::from_millis(1));
                let early = node.orders().place_order(&street.customer.cx(), request.clone()).await.unwrap_err();
                assert_eq!(
                    (early.code(), early.retry_after()),
                    ("ORDER_TOO_FAST", Some(std::time::Duration::from_millis(1)))
                );
                node.advance(std::time::Duration::from_millis(1));
                node.orders().place_order(&street.customer.cx(), request.clone()).await.unwrap();
                assert_eq!(street.tea_stock(node).await, (100, 2));
            },
        );
    }
}

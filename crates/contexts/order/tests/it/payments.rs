//! Payments in time, too late and twice; and refunds.

use futures::future::join_all;
use pulse_contract::kitchen::v1::ListTicketsRequest;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::*;
use pulse_contract::stock::v1::AdjustStockRequest;
use pulse_kernel::Error;
use pulse_testkit::config::{FullRefund, LatePayment};
use pulse_testkit::{Engine, TestNode, cny, run_with};

use crate::shop_fixtures::{
    ShopFixture, assert_clean, paid, pause_payments, pay, publish, published, resume_payments, settle_without_payments,
};
use crate::{MINUTE, SECOND, code};

/// Requested refunds: ID, amount and payment.
async fn refunds(node: &TestNode, order: &Order) -> Vec<(i64, i64, i64)> {
    let told = published::<OrderRefundRequested>(node).await;
    let own = told.iter().filter(|refund| refund.order_id == order.order_id);
    own.map(|refund| (refund.refund_id, refund.amount_minor, refund.payment_id)).collect()
}

/// PL-11: a repeated payment event confirms the order once, and its units leave the stock.
pub(crate) async fn a_payment_confirms_the_order_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(3)).await.unwrap();
    let money = paid(node, order.order_id, ShopFixture::tea_total(3));
    publish(node, order.order_id, &money).await;
    publish(node, order.order_id, &money).await;
    node.settle().await;
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state(), seen.version), (OrderState::Confirmed, PaymentState::Paid, 2));
    assert_eq!(published::<OrderPaid>(node).await.len(), 1);
    assert_eq!(fixture.tea_stock(node).await, (7, 0));
    assert_eq!(refunds(node, &order).await, []);
    node.advance(MINUTE * 60);
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (7, 0));
    assert_clean(node).await;
}

/// PL-35, R11: after fifteen minutes there is one cancellation, and stock and coupon are released once; a cash order does not
/// expire.
pub(crate) async fn an_unpaid_order_expires_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let coupon = fixture.coupon(node, 500, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(3) };
    let order = fixture.place(node, draft).await.unwrap();
    let cash = fixture.place_cash(node, fixture.teas(1)).await.unwrap();
    assert_eq!((cash.state(), cash.expires_at), (OrderState::Confirmed, None));
    node.settle().await;
    node.advance(MINUTE * 15 - SECOND);
    node.settle().await;
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::AwaitingPayment);
    node.advance(SECOND);
    node.settle().await;
    node.settle().await;
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Cancelled, CancelReason::PaymentTimedOut));
    assert_eq!(published::<OrderPaymentTimedOut>(node).await.len(), 1);
    assert_eq!(published::<OrderCancelled>(node).await.len(), 1);
    assert_eq!(fixture.tea_stock(node).await, (9, 0));
    assert_eq!(fixture.coupon_state(node, coupon).await, pulse_contract::marketing::v1::CouponState::Active);
    node.advance(MINUTE * 60 * 48);
    node.settle().await;
    assert_eq!(fixture.seen(node, cash.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(fixture.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// R13: a payment deadline after the payment changes nothing.
pub(crate) async fn expiry_after_payment_is_ignored(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    let store = node.store("order");
    let due = store.due_timers(node.now().plus(MINUTE * 15), 10).await.unwrap();
    let due = due.into_iter().find(|timer| timer.key == order.order_id).unwrap();
    pay(node, &order).await;
    // The payment cancelled the timer. It is set again, as if both had happened at once.
    let timer =
        pulse_store::Timer { kind: "order.expire", key: due.key, due_at: due.due_at, payload: Default::default() };
    store.commit(&node.cx(), pulse_store::Commit::new().timer(timer)).await.unwrap();
    node.advance(MINUTE * 20);
    node.settle().await;
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(published::<OrderCancelled>(node).await, []);
    assert_eq!(fixture.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// R12: a payment after the cancellation is refunded once, and the order stays cancelled.
pub(crate) async fn a_late_payment_is_refunded_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(2)).await.unwrap();
    let total = ShopFixture::tea_total(2);
    node.advance(MINUTE * 15);
    node.settle().await;
    let money = paid(node, order.order_id, total);
    for _ in 0..3 {
        publish(node, order.order_id, &money).await;
    }
    node.settle().await;
    assert_eq!(refunds(node, &order).await, [(money.attempt_id, total, money.payment_id)]);
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Cancelled, PaymentState::Unpaid));
    assert_eq!(fixture.tea_stock(node).await, (10, 0));
    // Payment and deadline at the same moment: one of them wins, and no money is lost.
    let order = fixture.place(node, fixture.teas(2)).await.unwrap();
    node.advance(MINUTE * 15);
    publish(node, order.order_id, &paid(node, order.order_id, total)).await;
    node.settle().await;
    let seen = fixture.seen(node, order.order_id).await;
    let refund_count = refunds(node, &order).await.len();
    let is_made = seen.state() == OrderState::Confirmed;
    assert!(is_made || seen.state() == OrderState::Cancelled);
    assert_eq!((refund_count, fixture.tea_stock(node).await), if is_made { (0, (8, 0)) } else { (1, (10, 0)) });
    assert_clean(node).await;
}

/// R12: with `late_payment = reserve_again`, an order is revived if everything is available; otherwise the payment is
/// refunded. An order that its customer cancelled stays cancelled.
#[test]
fn a_late_payment_revives_an_available_order() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MariaDb] {
        run_with(
            engine,
            |config| config.order.late_payment = LatePayment::ReserveAgain,
            async |node| {
                let fixture = ShopFixture::with_tea(node, 3).await;
                let order = fixture.place(node, fixture.teas(2)).await.unwrap();
                let other = fixture.place(node, fixture.teas(1)).await.unwrap();
                node.advance(MINUTE * 15);
                node.settle().await;
                assert_eq!(fixture.tea_stock(node).await, (3, 0));
                pay(node, &order).await;
                let seen = fixture.seen(node, order.order_id).await;
                assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Confirmed, CancelReason::Unspecified));
                assert_eq!(fixture.tea_stock(node).await, (1, 0));
                // Another order takes the last unit before the second payment.
                let third = fixture.place(node, fixture.teas(1)).await.unwrap();
                pay(node, &third).await;
                let (payment, attempt) = pay(node, &other).await;
                assert_eq!(fixture.seen(node, other.order_id).await.state(), OrderState::Cancelled);
                assert_eq!(refunds(node, &other).await, [(attempt, ShopFixture::tea_total(1), payment)]);
                // A second cancellation of the revived order releases its second reservation and refunds it.
                fixture.cancel(node, order.order_id).await.unwrap();
                node.settle().await;
                assert_eq!(fixture.tea_stock(node).await, (2, 0));
                assert_eq!(refunds(node, &order).await.len(), 1);
                // An order that its customer cancelled is not revived.
                let unwanted = fixture.place(node, fixture.teas(1)).await.unwrap();
                fixture.cancel(node, unwanted.order_id).await.unwrap();
                node.settle().await;
                pay(node, &unwanted).await;
                assert_eq!(fixture.seen(node, unwanted.order_id).await.state(), OrderState::Cancelled);
                assert_eq!(refunds(node, &unwanted).await.len(), 1);
                assert_eq!(fixture.tea_stock(node).await, (2, 0));
                assert_clean(node).await;
            },
        );
    }
}

/// PL-16: a paid order that is no longer available is cancelled and refunded.
pub(crate) async fn a_paid_order_without_stock_is_refunded(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let rules = pulse_contract::stock::v1::StockRules {
        deduct_at: pulse_contract::stock::v1::DeductAt::Payment.into(),
        ..Default::default()
    };
    fixture.count_tea(node, 2, rules).await;
    let coupon = fixture.coupon(node, 500, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) };
    let order = fixture.place(node, draft).await.unwrap();
    let broken = AdjustStockRequest {
        shop_id: fixture.shop.id(),
        resource: Some(fixture.tea_units()),
        delta: -1,
        note: "broken".to_owned(),
    };
    node.stock().adjust_stock(&fixture.shop.owner.cx(), broken).await.unwrap();
    let (_, attempt) = pay(node, &order).await;
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Cancelled, CancelReason::OutOfStock));
    let total = order.price.as_ref().unwrap().total_minor;
    assert_eq!(refunds(node, &order).await, [(attempt, total, 0)]);
    assert_eq!(published::<OrderPaid>(node).await, []);
    assert_eq!(fixture.tea_stock(node).await, (1, 0));
    assert_eq!(fixture.coupon_state(node, coupon).await, pulse_contract::marketing::v1::CouponState::Active);
    assert_clean(node).await;
}

/// TR-26: a second payment of an order and a wrong amount are refunded.
pub(crate) async fn surplus_and_wrong_amounts_are_refunded(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    let total = ShopFixture::tea_total(1);
    let (less, dollars) = (paid(node, order.order_id, total - 1), paid(node, order.order_id, total));
    let dollars = PaymentSucceeded {
        amount: Some(pulse_contract::Money { minor: total, currency: "USD".to_owned() }),
        ..dollars
    };
    for money in [&less, &dollars] {
        publish(node, order.order_id, money).await;
    }
    node.settle().await;
    assert_eq!(fixture.seen(node, order.order_id).await.state(), OrderState::AwaitingPayment);
    pay(node, &order).await;
    let (second, marked) = (paid(node, order.order_id, total), paid(node, order.order_id, total));
    let marked = PaymentSucceeded { is_surplus: true, ..marked };
    for money in [&second, &marked, &second] {
        publish(node, order.order_id, money).await;
    }
    node.settle().await;
    let expected: Vec<(i64, i64, i64)> = [(&less, total - 1), (&dollars, total), (&second, total), (&marked, total)]
        .map(|(money, amount)| (money.attempt_id, amount, money.payment_id))
        .into();
    assert_eq!(refunds(node, &order).await, expected);
    let nobody = paid(node, 4_711, 100);
    publish(node, 4_711, &nobody).await;
    node.settle().await;
    assert_eq!(published::<OrderRefundRequested>(node).await.last().unwrap().refund_id, nobody.attempt_id);
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(fixture.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// A cancelled paid order is refunded once, and its units return to the stock.
pub(crate) async fn a_cancelled_order_is_refunded_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(2)).await.unwrap();
    pay(node, &order).await;
    let outcomes = join_all((0..8).map(|_| fixture.cancel(node, order.order_id))).await;
    let cancelled = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(cancelled.refunded_minor, ShopFixture::tea_total(2));
    node.settle().await;
    let refunds = refunds(node, &order).await;
    assert_eq!(refunds.iter().map(|(_, amount, _)| *amount).collect::<Vec<_>>(), [ShopFixture::tea_total(2)]);
    assert_eq!(fixture.tea_stock(node).await, (10, 0));
    assert_clean(node).await;
}

async fn refund(node: &TestNode, fixture: &ShopFixture, order: &Order, amount_minor: i64) -> Result<Order, Error> {
    let request = RefundOrderRequest {
        shop_id: order.shop_id,
        order_id: order.order_id,
        amount_minor,
        reason: "spilled".to_owned(),
    };
    node.orders().refund_order(&fixture.shop.owner.cx(), request).await
}

/// The sum of partial refunds never exceeds the payment, also if they are requested in parallel.
pub(crate) async fn refunds_never_exceed_the_payment(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    assert_eq!(code(&refund(node, &fixture, &order, 1).await), "ORDER_REFUND_TOO_MUCH");
    pay(node, &order).await;
    let total = ShopFixture::tea_total(1);
    // The payment context does not know this payment and would fail the refunds, which would permit further ones.
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Paused).await.unwrap();
    let outcomes = join_all((0..10).map(|_| refund(node, &fixture, &order, 500))).await;
    let refunded = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(refunded, 2, "{outcomes:?}");
    let refused = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert_eq!(
        (refused.code(), refused.metadata()[0].1.clone()),
        ("ORDER_REFUND_TOO_MUCH", (total - 1_000).to_string())
    );
    let rest = refund(node, &fixture, &order, 0).await.unwrap();
    assert_eq!(rest.refunded_minor, total);
    assert_eq!(code(&refund(node, &fixture, &order, 0).await), "ORDER_REFUND_TOO_MUCH");
    let told: i64 = refunds(node, &order).await.iter().map(|(_, amount, _)| amount).sum();
    assert_eq!(told, total);
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Running).await.unwrap();
}

/// R14: results of refunds are recorded in any order and once; the strongest state wins.
pub(crate) async fn results_of_refunds_are_recorded(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place(node, fixture.teas(1)).await.unwrap();
    let (payment_id, _) = pay(node, &order).await;
    let (order_id, total) = (order.order_id, ShopFixture::tea_total(1));
    for minor in [300, 200] {
        refund(node, &fixture, &order, minor).await.unwrap();
    }
    node.settle().await;
    let (first, second) = (refunds(node, &order).await[0].0, refunds(node, &order).await[1].0);
    let back = |refund_id, minor| PaymentRefunded { payment_id, order_id, refund_id, amount: Some(cny(minor)) };
    let failed = |refund_id, is_undone| PaymentRefundFailed {
        payment_id,
        order_id,
        refund_id,
        failure: "account closed".to_owned(),
        is_undone,
    };
    let state = async || {
        node.settle().await;
        let seen = fixture.seen(node, order_id).await;
        (seen.payment_state(), seen.refunded_minor)
    };
    assert_eq!(state().await, (PaymentState::Paid, 0), "the payment knows nothing of this money and refuses");
    // A refund on the pages of the provider, which the payment reports.
    for event in [back(4_711, 300), back(4_711, 300)] {
        publish(node, order_id, &event).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300));
    publish(node, order_id, &back(4_712, total - 300)).await;
    assert_eq!(state().await, (PaymentState::Refunded, total));
    // The bank returns it days later; repeated events change nothing.
    for event in [failed(4_712, true), failed(4_712, true)] {
        publish(node, order_id, &event).await;
        publish(node, order_id, &back(4_712, total - 300)).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300));
    for refund in [first, second] {
        publish(node, order_id, &back(refund, 200)).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300), "what failed did not happen");
    // The failed amount is refundable again: a refund is at most the payment minus the other refunds.
    assert_eq!(code(&refund(node, &fixture, &order, total - 299).await), "ORDER_REFUND_TOO_MUCH");
    assert_eq!(refund(node, &fixture, &order, 0).await.unwrap().refunded_minor, total);
    let seen = fixture.seen(node, order_id).await;
    assert_eq!(
        (seen.state(), seen.cancel_reason()),
        (OrderState::Cancelled, CancelReason::ByOperator),
        "by the full refund at the provider"
    );
    assert_clean(node).await;
}

/// M8: a full refund before the order is ready cancels it, so that it is not prepared and its units return.
pub(crate) async fn a_full_refund_cancels_an_order_that_is_not_ready(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let orders = [
        fixture.place(node, fixture.teas(1)).await.unwrap(),
        fixture.place(node, fixture.teas(2)).await.unwrap(),
        fixture.place(node, fixture.teas(3)).await.unwrap(),
    ];
    for order in &orders {
        pay(node, order).await;
    }
    pause_payments(node).await;
    let tickets = async || {
        settle_without_payments(node).await;
        let request = ListTicketsRequest { shop_id: fixture.shop.id(), ..ListTicketsRequest::default() };
        let listed = node.kitchens().list_tickets(&fixture.shop.owner.cx(), request).await.unwrap();
        listed.tickets.iter().map(|ticket| (ticket.order_id, ticket.is_refunded)).collect::<Vec<_>>()
    };
    assert_eq!(tickets().await.len(), 3);
    let [whole, part, done] = &orders;
    // Two partial refunds are a full one; a partial one changes nothing.
    refund(node, &fixture, whole, 1).await.unwrap();
    refund(node, &fixture, part, 1).await.unwrap();
    let refunded = refund(node, &fixture, whole, 0).await.unwrap();
    assert_eq!((refunded.state(), refunded.cancel_reason()), (OrderState::Cancelled, CancelReason::ByShop));
    assert_eq!(refunded.refunded_minor, ShopFixture::tea_total(1));
    assert_eq!(fixture.seen(node, part.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(tickets().await, [(part.order_id, false), (done.order_id, false)]);
    assert_eq!(fixture.tea_stock(node).await, (5, 0), "the unit of the cancelled order returned");
    // What the customer has received stays received.
    let (shop_id, order_id) = (done.shop_id, done.order_id);
    let owner = fixture.shop.owner.cx();
    node.orders().accept_order(&owner, AcceptOrderRequest { shop_id, order_id }).await.unwrap();
    node.orders().complete_order(&owner, CompleteOrderRequest { order_id }).await.unwrap();
    assert_eq!(refund(node, &fixture, done, 0).await.unwrap().state(), OrderState::Completed);
    resume_payments(node).await;
    assert_clean(node).await;
}

/// M8: with `full_refund = "continue"` the order is fulfilled, and its ticket shows the refund.
#[test]
fn a_refunded_order_is_marked_in_the_kitchen() {
    run_with(
        Engine::Sqlite,
        |config| config.order.full_refund = FullRefund::Continue,
        async |node| {
            let fixture = ShopFixture::with_tea(node, 10).await;
            let order = fixture.place(node, fixture.teas(1)).await.unwrap();
            pay(node, &order).await;
            pause_payments(node).await;
            assert_eq!(refund(node, &fixture, &order, 0).await.unwrap().state(), OrderState::Confirmed);
            settle_without_payments(node).await;
            let request = ListTicketsRequest { shop_id: fixture.shop.id(), ..ListTicketsRequest::default() };
            let listed = node.kitchens().list_tickets(&fixture.shop.owner.cx(), request).await.unwrap();
            assert_eq!(listed.tickets.iter().map(|ticket| ticket.is_refunded).collect::<Vec<_>>(), [true]);
            resume_payments(node).await;
            assert_clean(node).await;
        },
    );
}

/// A cash order confirms its reservations when it is placed, and records the payment later.
pub(crate) async fn cash_orders_are_confirmed_and_recorded(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let order = fixture.place_cash(node, fixture.teas(2)).await.unwrap();
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Unpaid));
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (8, 0));
    assert!(published::<OrderPaid>(node).await[0].is_cash_on_delivery);
    pay(node, &order).await;
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    // An order that is cancelled before its event is handled keeps no reservation.
    node.bus().set_mode("order.reservations", pulse_bus::Mode::Paused).await.unwrap();
    let order = fixture.place_cash(node, fixture.teas(2)).await.unwrap();
    fixture.cancel(node, order.order_id).await.unwrap();
    node.bus().set_mode("order.reservations", pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (8, 0));
    assert_eq!(refunds(node, &order).await, []);
    assert_clean(node).await;
}

//! Money comes, comes late, comes twice, and goes back.

use futures::future::join_all;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::*;
use pulse_contract::stock::v1::AdjustStockRequest;
use pulse_kernel::Error;
use pulse_testkit::config::LatePayment;
use pulse_testkit::{Engine, TestNode, cny, run_with};

use crate::street::{Street, assert_clean, paid, pay, tell, told};
use crate::{MINUTE, SECOND, code};

/// The refunds that were asked for: number, amount and payment.
async fn refunds(node: &TestNode, order: &Order) -> Vec<(i64, i64, i64)> {
    let told = told::<OrderRefundRequested>(node).await;
    let own = told.iter().filter(|refund| refund.order_id == order.order_id);
    own.map(|refund| (refund.refund_id, refund.amount_minor, refund.payment_id)).collect()
}

/// PL-11: a payment that is told twice confirms the order once, and its units leave the stock.
pub(crate) async fn a_payment_confirms_the_order_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(3)).await.unwrap();
    let money = paid(node, order.order_id, Street::tea_total(3));
    tell(node, order.order_id, &money).await;
    tell(node, order.order_id, &money).await;
    node.settle().await;
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state(), seen.version), (OrderState::Confirmed, PaymentState::Paid, 2));
    assert_eq!(told::<OrderPaid>(node).await.len(), 1);
    assert_eq!(street.tea_stock(node).await, (7, 0));
    assert_eq!(refunds(node, &order).await, []);
    node.advance(MINUTE * 60);
    node.settle().await;
    assert_eq!(street.tea_stock(node).await, (7, 0));
    assert_clean(node).await;
}

/// PL-35, R11: fifteen minutes later there is exactly one cancellation, and units and coupon are back, once; an order in
/// cash does not expire.
pub(crate) async fn an_unpaid_order_expires_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let coupon = street.coupon(node, 500, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..street.teas(3) };
    let order = street.place(node, draft).await.unwrap();
    let cash = street.place_cash(node, street.teas(1)).await.unwrap();
    assert_eq!((cash.state(), cash.expires_at), (OrderState::Confirmed, None));
    node.settle().await;
    node.advance(MINUTE * 15 - SECOND);
    node.settle().await;
    assert_eq!(street.seen(node, order.order_id).await.state(), OrderState::AwaitingPayment);
    node.advance(SECOND);
    node.settle().await;
    node.settle().await;
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Cancelled, CancelReason::PaymentTimedOut));
    assert_eq!(told::<OrderPaymentTimedOut>(node).await.len(), 1);
    assert_eq!(told::<OrderCancelled>(node).await.len(), 1);
    assert_eq!(street.tea_stock(node).await, (9, 0));
    assert_eq!(street.coupon_state(node, coupon).await, pulse_contract::marketing::v1::CouponState::Active);
    node.advance(MINUTE * 60 * 48);
    node.settle().await;
    assert_eq!(street.seen(node, cash.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(street.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// R13: the time to pay ends after the payment, which changes nothing.
pub(crate) async fn expiry_after_payment_is_ignored(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(1)).await.unwrap();
    let store = node.store("order");
    let due = store.due_timers(node.now().plus(MINUTE * 15), 10).await.unwrap();
    let due = due.into_iter().find(|timer| timer.key == order.order_id).unwrap();
    pay(node, &order).await;
    // The timer is gone with the payment. Here it is again, as if both had happened at once.
    let timer =
        pulse_store::Timer { kind: "order.expire", key: due.key, due_at: due.due_at, payload: Default::default() };
    store.commit(&node.cx(), pulse_store::Commit::new().timer(timer)).await.unwrap();
    node.advance(MINUTE * 20);
    node.settle().await;
    assert_eq!(street.seen(node, order.order_id).await.state(), OrderState::Confirmed);
    assert_eq!(told::<OrderCancelled>(node).await, []);
    assert_eq!(street.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// R12: money that comes after the cancellation goes back once, and the order stays cancelled.
pub(crate) async fn a_late_payment_goes_back_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(2)).await.unwrap();
    let total = Street::tea_total(2);
    node.advance(MINUTE * 15);
    node.settle().await;
    let money = paid(node, order.order_id, total);
    for _ in 0..3 {
        tell(node, order.order_id, &money).await;
    }
    node.settle().await;
    assert_eq!(refunds(node, &order).await, [(money.attempt_id, total, money.payment_id)]);
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Cancelled, PaymentState::Unpaid));
    assert_eq!(street.tea_stock(node).await, (10, 0));
    // Money and the end of its time at the same moment: one of them decides, and nothing is lost either way.
    let order = street.place(node, street.teas(2)).await.unwrap();
    node.advance(MINUTE * 15);
    tell(node, order.order_id, &paid(node, order.order_id, total)).await;
    node.settle().await;
    let seen = street.seen(node, order.order_id).await;
    let refund_count = refunds(node, &order).await.len();
    let is_made = seen.state() == OrderState::Confirmed;
    assert!(is_made || seen.state() == OrderState::Cancelled);
    assert_eq!((refund_count, street.tea_stock(node).await), if is_made { (0, (8, 0)) } else { (1, (10, 0)) });
    assert_clean(node).await;
}

/// R12: with the other policy, what can still be had is made after all; otherwise the money goes back. What was cancelled
/// by its customer stays so.
#[test]
fn a_late_payment_revives_what_can_be_had() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MariaDb] {
        run_with(
            engine,
            |config| config.order.late_payment = LatePayment::ReserveAgain,
            async |node| {
                let street = Street::with_tea(node, 3).await;
                let order = street.place(node, street.teas(2)).await.unwrap();
                let other = street.place(node, street.teas(1)).await.unwrap();
                node.advance(MINUTE * 15);
                node.settle().await;
                assert_eq!(street.tea_stock(node).await, (3, 0));
                pay(node, &order).await;
                let seen = street.seen(node, order.order_id).await;
                assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Confirmed, CancelReason::Unspecified));
                assert_eq!(street.tea_stock(node).await, (1, 0));
                // The last one goes to somebody else before the second payment comes.
                let third = street.place(node, street.teas(1)).await.unwrap();
                pay(node, &third).await;
                let (payment, attempt) = pay(node, &other).await;
                assert_eq!(street.seen(node, other.order_id).await.state(), OrderState::Cancelled);
                assert_eq!(refunds(node, &other).await, [(attempt, Street::tea_total(1), payment)]);
                // Cancelled again, the revived order gives its second reservation back, and its money.
                street.cancel(node, order.order_id).await.unwrap();
                node.settle().await;
                assert_eq!(street.tea_stock(node).await, (2, 0));
                assert_eq!(refunds(node, &order).await.len(), 1);
                // By the customer's own wish it stays cancelled.
                let unwanted = street.place(node, street.teas(1)).await.unwrap();
                street.cancel(node, unwanted.order_id).await.unwrap();
                node.settle().await;
                pay(node, &unwanted).await;
                assert_eq!(street.seen(node, unwanted.order_id).await.state(), OrderState::Cancelled);
                assert_eq!(refunds(node, &unwanted).await.len(), 1);
                assert_eq!(street.tea_stock(node).await, (2, 0));
                assert_clean(node).await;
            },
        );
    }
}

/// PL-16: what is paid and cannot be had any more is cancelled and paid back.
pub(crate) async fn what_cannot_be_supplied_is_paid_back(node: &mut TestNode) {
    let street = Street::new(node).await;
    let rules = pulse_contract::stock::v1::StockRules {
        deduct_at: pulse_contract::stock::v1::DeductAt::Payment.into(),
        ..Default::default()
    };
    street.count_tea(node, 2, rules).await;
    let coupon = street.coupon(node, 500, 0).await;
    let draft = OrderDraft { coupon_ids: vec![coupon], ..street.teas(2) };
    let order = street.place(node, draft).await.unwrap();
    let broken = AdjustStockRequest {
        shop_id: street.shop.id(),
        resource: Some(street.tea_units()),
        delta: -1,
        note: "broken".to_owned(),
    };
    node.stock().adjust_stock(&street.shop.owner.cx(), broken).await.unwrap();
    let (_, attempt) = pay(node, &order).await;
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Cancelled, CancelReason::OutOfStock));
    let total = order.price.as_ref().unwrap().total_minor;
    assert_eq!(refunds(node, &order).await, [(attempt, total, 0)]);
    assert_eq!(told::<OrderPaid>(node).await, []);
    assert_eq!(street.tea_stock(node).await, (1, 0));
    assert_eq!(street.coupon_state(node, coupon).await, pulse_contract::marketing::v1::CouponState::Active);
    assert_clean(node).await;
}

/// TR-26: a second payment of an order goes back, and so does another amount than the order costs.
pub(crate) async fn surplus_and_wrong_amounts_go_back(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(1)).await.unwrap();
    let total = Street::tea_total(1);
    let (less, dollars) = (paid(node, order.order_id, total - 1), paid(node, order.order_id, total));
    let dollars = PaymentSucceeded {
        amount: Some(pulse_contract::Money { minor: total, currency: "USD".to_owned() }),
        ..dollars
    };
    for money in [&less, &dollars] {
        tell(node, order.order_id, money).await;
    }
    node.settle().await;
    assert_eq!(street.seen(node, order.order_id).await.state(), OrderState::AwaitingPayment);
    pay(node, &order).await;
    let (second, marked) = (paid(node, order.order_id, total), paid(node, order.order_id, total));
    let marked = PaymentSucceeded { is_surplus: true, ..marked };
    for money in [&second, &marked, &second] {
        tell(node, order.order_id, money).await;
    }
    node.settle().await;
    let expected: Vec<(i64, i64, i64)> = [(&less, total - 1), (&dollars, total), (&second, total), (&marked, total)]
        .map(|(money, amount)| (money.attempt_id, amount, money.payment_id))
        .into();
    assert_eq!(refunds(node, &order).await, expected);
    let nobody = paid(node, 4_711, 100);
    tell(node, 4_711, &nobody).await;
    node.settle().await;
    assert_eq!(told::<OrderRefundRequested>(node).await.last().unwrap().refund_id, nobody.attempt_id);
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(street.tea_stock(node).await, (9, 0));
    assert_clean(node).await;
}

/// A paid order that is cancelled is paid back, once, and its units are back on the shelf.
pub(crate) async fn a_cancelled_order_is_paid_back_once(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(2)).await.unwrap();
    pay(node, &order).await;
    let outcomes = join_all((0..8).map(|_| street.cancel(node, order.order_id))).await;
    let cancelled = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(cancelled.refunded_minor, Street::tea_total(2));
    node.settle().await;
    let refunds = refunds(node, &order).await;
    assert_eq!(refunds.iter().map(|(_, amount, _)| *amount).collect::<Vec<_>>(), [Street::tea_total(2)]);
    assert_eq!(street.tea_stock(node).await, (10, 0));
    assert_clean(node).await;
}

async fn pay_back(node: &TestNode, street: &Street, order: &Order, amount_minor: i64) -> Result<Order, Error> {
    let request = RefundOrderRequest {
        shop_id: order.shop_id,
        order_id: order.order_id,
        amount_minor,
        reason: "spilled".to_owned(),
    };
    node.orders().refund_order(&street.shop.owner.cx(), request).await
}

/// Partial refunds sum to what was paid at most, however much at once they are asked for.
pub(crate) async fn refunds_never_exceed_what_was_paid(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(1)).await.unwrap();
    assert_eq!(code(&pay_back(node, &street, &order, 1).await), "ORDER_REFUND_TOO_MUCH");
    pay(node, &order).await;
    let total = Street::tea_total(1);
    // The payment knows nothing of this money and would refuse to pay it back, which makes room for other refunds.
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Paused).await.unwrap();
    let outcomes = join_all((0..10).map(|_| pay_back(node, &street, &order, 500))).await;
    let refunded = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(refunded, 2, "{outcomes:?}");
    let refused = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert_eq!(
        (refused.code(), refused.metadata()[0].1.clone()),
        ("ORDER_REFUND_TOO_MUCH", (total - 1_000).to_string())
    );
    let rest = pay_back(node, &street, &order, 0).await.unwrap();
    assert_eq!(rest.refunded_minor, total);
    assert_eq!(code(&pay_back(node, &street, &order, 0).await), "ORDER_REFUND_TOO_MUCH");
    let told: i64 = refunds(node, &order).await.iter().map(|(_, amount, _)| amount).sum();
    assert_eq!(told, total);
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Running).await.unwrap();
}

/// R14: what became of refunds is taken in, in any order, and twice is once: the strongest word stays.
pub(crate) async fn refunds_are_taken_in(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place(node, street.teas(1)).await.unwrap();
    let (payment_id, _) = pay(node, &order).await;
    let (order_id, total) = (order.order_id, Street::tea_total(1));
    for minor in [300, 200] {
        pay_back(node, &street, &order, minor).await.unwrap();
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
        let seen = street.seen(node, order_id).await;
        (seen.payment_state(), seen.refunded_minor)
    };
    assert_eq!(state().await, (PaymentState::Paid, 0), "the payment knows nothing of this money and refuses");
    // Paid back by hand at the provider, which the order learns from the payment.
    for event in [back(4_711, 300), back(4_711, 300)] {
        tell(node, order_id, &event).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300));
    tell(node, order_id, &back(4_712, total - 300)).await;
    assert_eq!(state().await, (PaymentState::Refunded, total));
    // The bank returns it days later; whatever is told again changes nothing.
    for event in [failed(4_712, true), failed(4_712, true)] {
        tell(node, order_id, &event).await;
        tell(node, order_id, &back(4_712, total - 300)).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300));
    for refund in [first, second] {
        tell(node, order_id, &back(refund, 200)).await;
    }
    assert_eq!(state().await, (PaymentState::PartlyRefunded, 300), "what failed did not happen");
    // It can be paid back once more, and not more than is left.
    assert_eq!(code(&pay_back(node, &street, &order, total - 299).await), "ORDER_REFUND_TOO_MUCH");
    assert_eq!(pay_back(node, &street, &order, 0).await.unwrap().refunded_minor, total);
    assert_eq!(street.seen(node, order_id).await.state(), OrderState::Confirmed);
    assert_clean(node).await;
}

/// An order in cash takes its units for good when it is placed, and notes the money when it comes.
pub(crate) async fn cash_is_secured_and_noted(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let order = street.place_cash(node, street.teas(2)).await.unwrap();
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Unpaid));
    node.settle().await;
    assert_eq!(street.tea_stock(node).await, (8, 0));
    assert!(told::<OrderPaid>(node).await[0].is_cash_on_delivery);
    pay(node, &order).await;
    let seen = street.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    // Cancelled before the event of its placing is heard, an order keeps nothing.
    node.bus().set_mode("order.reservations", pulse_bus::Mode::Paused).await.unwrap();
    let order = street.place_cash(node, street.teas(2)).await.unwrap();
    street.cancel(node, order.order_id).await.unwrap();
    node.bus().set_mode("order.reservations", pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
    assert_eq!(street.tea_stock(node).await, (8, 0));
    assert_eq!(refunds(node, &order).await, []);
    assert_clean(node).await;
}

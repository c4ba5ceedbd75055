//! Random concurrent operations of orders.

use futures::future::{BoxFuture, FutureExt, join_all};
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::OrderCancelled;
use pulse_testkit::TestNode;

use crate::orders::{goods, say};
use crate::{MINUTE, a_coupon, assert_sound, later, redeem, reserve, return_coupons_of, rows, state_of};

const ROUNDS: u64 = 20;
const STEPS_AT_ONCE: u64 = 10;
/// Orders of a round; half of them are from the round before.
const ORDERS: u64 = 8;
const ORDERS_BEGUN: u64 = 4;
const COUPONS: usize = 4;

/// A small generator; the same seed gives the same operations, but not the same interleaving.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// R06, R07, PL-13: reservations, payments, returns, events and expiries in random order, ten at a time. After each round at
/// most one order has a coupon, and every order has all of its coupons or none.
pub(crate) async fn random_interleavings_keep_every_coupon_whole(node: &mut TestNode) {
    let mut coupons = Vec::new();
    for _ in 0..COUPONS {
        coupons.push(a_coupon(node, 1).await);
    }
    let mut dice = Dice(2_026);
    for round in 0..ROUNDS {
        // Orders of earlier rounds return their coupons, so that these are available.
        let before = round.checked_sub(1).map(|round| round * ORDERS_BEGUN);
        for order in before.into_iter().flat_map(|first| first + 1..=first + ORDERS_BEGUN) {
            return_coupons_of(node, i64::try_from(order).unwrap()).await;
        }
        let steps: Vec<BoxFuture<'_, ()>> =
            (0..STEPS_AT_ONCE).map(|number| step(node, &coupons, &mut dice, (round, number))).collect();
        join_all(steps).await;
        if dice.below(3) == 0 {
            later(node, 16 * MINUTE).await;
        }
        node.settle().await;
        assert_sound(node).await;
    }
    for sql in [
        "SELECT COUNT(*) FROM marketing_outbox WHERE topic = 'pulse.marketing.v1.CouponRedeemed'",
        "SELECT COUNT(*) FROM marketing_outbox WHERE topic = 'pulse.marketing.v1.CouponReturned'",
    ] {
        assert!(rows::<(i64,)>(node, sql).await[0].0 >= 10, "a run in which nothing happens proves nothing");
    }
    // No coupon is lost: after all orders returned their coupons, all are active.
    for order in 0..i64::try_from(ROUNDS * ORDERS).unwrap() + 1 {
        return_coupons_of(node, order).await;
    }
    for coupon in &coupons {
        assert_eq!(state_of(node, coupon).await, (CouponState::Active, 0));
    }
    assert_sound(node).await;
}

/// A random operation of an order.
fn step<'a>(
    node: &'a TestNode,
    coupons: &'a [Coupon],
    dice: &mut Dice,
    (round, number): (u64, u64),
) -> BoxFuture<'a, ()> {
    // Few orders per round, so that they conflict; later rounds use new ones, because returned orders stay returned.
    let order = i64::try_from(round * ORDERS_BEGUN + dice.below(ORDERS) + 1).unwrap();
    let version = i64::try_from(2 * (round * STEPS_AT_ONCE + number) + 1).unwrap();
    // An order always has the same coupons.
    let first = usize::try_from(order).unwrap() % COUPONS;
    let mut wanted: Vec<&Coupon> =
        if order % 3 == 0 { vec![&coupons[first]] } else { vec![&coupons[first], &coupons[(first + 1) % COUPONS]] };
    wanted.sort_by_key(|coupon| coupon.coupon_id);
    match dice.below(6) {
        0..=2 => async move { drop(reserve(node, order, &wanted).await) }.boxed(),
        3 => async move { drop(redeem(node, order, &wanted).await) }.boxed(),
        4 => async move { drop(return_coupons_of(node, order).await) }.boxed(),
        _ => async move {
            let paid = goods(order, version, &wanted);
            say(node, order, &paid).await;
            let over = OrderCancelled { order_id: order, version: version + 1, ..OrderCancelled::default() };
            say(node, order, &over).await;
        }
        .boxed(),
    }
}

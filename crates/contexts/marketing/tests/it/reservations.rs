//! Coupons of orders: reserved, redeemed and returned, in any order of events.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_testkit::TestNode;

use crate::{
    DAY, MINUTE, a_coupon, assert_sound, claim, code, ids, later, redeem, reserve, return_coupons_of, rows, state_of,
    tally, template, ten_off, wire,
};

const ACTIVE: (CouponState, i64) = (CouponState::Active, 0);

/// PL-13: a reservation reserves all coupons or none, returns the discount, and names all ineligible coupons.
pub(crate) async fn an_order_reserves_all_or_none(node: &mut TestNode) {
    let (first, second) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let foreign = a_coupon(node, 2).await;
    let alone = claim(node, 1, template(node, ten_off(node)).await.template_id).await.unwrap();
    assert_eq!(code(&reserve(node, 7, &[&first, &foreign]).await), "MARKETING_COUPON_NOT_FOUND");
    let error = reserve(node, 7, &[&first, &alone]).await.unwrap_err();
    assert_eq!(error.code(), "MARKETING_COUPON_NOT_STACKABLE");
    assert_eq!(error.violations()[0].field, format!("coupons[{}]", alone.coupon_id));
    assert_eq!(state_of(node, &first).await, ACTIVE, "a refusal reserves nothing");
    let reserved = reserve(node, 7, &[&second, &first]).await.unwrap();
    assert_eq!(reserved.discount_minor, 2_000);
    assert_eq!(
        reserved.discounts.iter().map(|discount| discount.coupon_id).collect::<Vec<_>>(),
        ids(&[&first, &second])
    );
    for coupon in [&first, &second] {
        assert_eq!(state_of(node, coupon).await, (CouponState::Reserved, 7));
    }
    assert_eq!(code(&reserve(node, 8, &[&first]).await), "MARKETING_COUPON_TAKEN");
    assert_sound(node).await;
}

/// R06, R08: one of thirty concurrent orders reserves the coupon.
pub(crate) async fn a_coupon_is_reserved_by_one_of_thirty_orders(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    let outcomes = join_all((1..=30).map(|order| reserve(node, order, &wanted))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_COUPON_TAKEN", 29), ("ok", 1)]);
    let winner = (1..).zip(&outcomes).find_map(|(order, outcome)| outcome.is_ok().then_some(order)).unwrap();
    assert_eq!(state_of(node, &coupon).await, (CouponState::Reserved, winner));
    let reservations: Vec<(i64,)> = rows(node, "SELECT order_id FROM marketing_reservations").await;
    assert_eq!(reservations, [(winner,)], "refused orders leave no row");
    assert_sound(node).await;
}

/// A repeated reservation has the same answer, also concurrently; with other coupons it is refused.
pub(crate) async fn a_repeated_reservation_has_the_same_answer(node: &mut TestNode) {
    let (coupon, other) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let wanted = [&coupon];
    let outcomes = join_all((0..20).map(|_| reserve(node, 7, &wanted))).await;
    let first = outcomes[0].as_ref().unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap() == first));
    assert_eq!(code(&reserve(node, 7, &[&coupon, &other]).await), "IDEMPOTENCY_KEY_REUSED");
    redeem(node, 7, &[&coupon]).await.unwrap();
    assert_eq!(reserve(node, 7, &[&coupon]).await.unwrap(), *first, "after it was paid as well");
    assert_eq!(state_of(node, &other).await, ACTIVE);
}

/// Of orders with overlapping coupons each reserves all of its coupons or none.
pub(crate) async fn overlapping_reservations_are_complete_or_refused(node: &mut TestNode) {
    for round in 0..5 {
        let coupons = [a_coupon(node, 1).await, a_coupon(node, 1).await, a_coupon(node, 1).await];
        let pairs = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)].map(|(a, b)| [&coupons[a], &coupons[b]]);
        let orders = (1..).map(|order| round * 100 + order);
        let outcomes = join_all(orders.zip(&pairs).map(|(order, pair)| reserve(node, order, pair))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_COUPON_TAKEN", 5), ("ok", 1)]);
    }
    assert_sound(node).await;
}

/// R06: concurrent redemptions of one order use its coupon once.
pub(crate) async fn redeeming_twice_is_once(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    reserve(node, 7, &[&coupon]).await.unwrap();
    let wanted = [&coupon];
    let outcomes = join_all((0..10).map(|_| redeem(node, 7, &wanted))).await;
    assert!(outcomes.iter().all(|lost| lost.as_ref().unwrap().is_empty()));
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 7));
    let events: Vec<(i64,)> =
        rows(node, "SELECT id FROM marketing_outbox WHERE topic = 'pulse.marketing.v1.CouponRedeemed'").await;
    assert_eq!(events.len(), 1, "one event");
    later(node, 60 * MINUTE).await;
    node.settle().await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 7), "the timer of the reservation was cancelled");
    assert_eq!(return_coupons_of(node, 7).await, ids(&[&coupon]), "a refund returns it");
    assert_eq!(return_coupons_of(node, 7).await, ids(&[&coupon]), "a repetition has the same answer");
    assert_eq!(state_of(node, &coupon).await, ACTIVE);
    assert_sound(node).await;
}

/// R06, PL-13: of two paid orders with the same coupon one uses it, and the other reports it as lost.
pub(crate) async fn one_coupon_never_discounts_two_paid_orders(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    reserve(node, 7, &wanted).await.unwrap();
    return_coupons_of(node, 7).await;
    reserve(node, 8, &wanted).await.unwrap();
    let (late, paid) = futures::join!(redeem(node, 7, &wanted), redeem(node, 8, &wanted));
    assert_eq!((late.unwrap(), paid.unwrap()), (ids(&[&coupon]), vec![]));
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 8));
    // Both orders returned the coupon and are paid concurrently.
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    for order in [17, 18] {
        reserve(node, order, &wanted).await.unwrap();
        return_coupons_of(node, order).await;
    }
    let outcomes = join_all([17, 18].map(|order| redeem(node, order, &wanted))).await;
    let lost = outcomes.into_iter().map(|lost| if lost.unwrap().is_empty() { "used" } else { "lost" });
    assert_eq!(tally(lost), [("lost", 1), ("used", 1)]);
    assert_sound(node).await;
}

/// An order that returned its coupons, even before it reserved any, cannot reserve coupons.
pub(crate) async fn an_order_that_returned_its_coupons_reserves_none(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    assert_eq!(return_coupons_of(node, 7).await, [0_i64; 0]);
    assert_eq!(return_coupons_of(node, 7).await, [0_i64; 0]);
    assert_eq!(code(&reserve(node, 7, &[&coupon]).await), "MARKETING_COUPON_TAKEN");
    assert_eq!(state_of(node, &coupon).await, ACTIVE);
    // Concurrently: the reservation is refused, or its coupons are returned.
    for order in 20..30 {
        let wanted = [&coupon];
        let (_reserved, _returned) = futures::join!(reserve(node, order, &wanted), return_coupons_of(node, order));
        return_coupons_of(node, order).await;
        assert_eq!(state_of(node, &coupon).await, ACTIVE);
    }
    assert_sound(node).await;
}

/// A reservation of an order that is neither paid nor cancelled expires on time, also after a restart.
pub(crate) async fn a_reservation_expires(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    reserve(node, 7, &[&coupon]).await.unwrap();
    node.settle().await;
    node.restart().await;
    later(node, 15 * MINUTE - crate::SECOND).await;
    node.settle().await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Reserved, 7));
    later(node, crate::SECOND).await;
    node.settle().await;
    assert_eq!(state_of(node, &coupon).await, ACTIVE);
    assert_eq!(code(&reserve(node, 7, &[&coupon]).await), "MARKETING_COUPON_TAKEN", "the order returned its coupons");
    assert_eq!(code(&reserve(node, 8, &[&coupon]).await), "ok");
    assert_sound(node).await;
}

/// R06, PL-13: an order that is paid after its reservation expired uses all coupons that are available, or none and names the
/// lost ones.
pub(crate) async fn a_late_payment_uses_available_coupons(node: &mut TestNode) {
    let (first, second) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let both = [&first, &second];
    reserve(node, 7, &both).await.unwrap();
    later(node, 15 * MINUTE).await;
    node.settle().await;
    reserve(node, 8, &[&second]).await.unwrap();
    assert_eq!(redeem(node, 7, &both).await.unwrap(), ids(&[&second]));
    assert_eq!(state_of(node, &first).await, ACTIVE, "no coupon is used when one is lost");
    return_coupons_of(node, 8).await;
    assert_eq!(redeem(node, 7, &both).await.unwrap(), [0_i64; 0]);
    assert_eq!(state_of(node, &second).await, (CouponState::Used, 7));
    assert_eq!(redeem(node, 9, &[&first]).await.unwrap(), ids(&[&first]), "the coupon belongs to another order");
    assert_sound(node).await;
}

/// A payment that coincides with the expiry of the reservation uses the coupon.
pub(crate) async fn a_payment_wins_against_the_expiry(node: &mut TestNode) {
    for order in 1..=10 {
        let coupon = a_coupon(node, 1).await;
        let wanted = [&coupon];
        reserve(node, order, &wanted).await.unwrap();
        later(node, 15 * MINUTE).await;
        let (paid, _fired) = futures::join!(redeem(node, order, &wanted), node.fire_timers());
        assert_eq!(paid.unwrap(), [0_i64; 0], "no other order has it");
        node.settle().await;
        assert_eq!(state_of(node, &coupon).await, (CouponState::Used, order));
    }
    assert_sound(node).await;
}

/// A coupon that expires during its reservation is returned as expired.
pub(crate) async fn a_returned_coupon_can_be_expired(node: &mut TestNode) {
    let draft = TemplateDraft { ends_at: wire(node.now().plus(10 * MINUTE)), ..ten_off(node) };
    let coupon = claim(node, 1, template(node, draft).await.template_id).await.unwrap();
    reserve(node, 7, &[&coupon]).await.unwrap();
    later(node, 12 * MINUTE).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Reserved, 7), "reserved before it expired");
    return_coupons_of(node, 7).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Expired, 0));
    assert_eq!(code(&reserve(node, 8, &[&coupon]).await), "MARKETING_COUPON_EXPIRED");
}

/// Returned reservations are deleted after their retention; redeemed ones stay.
pub(crate) async fn old_returned_reservations_are_purged(node: &mut TestNode) {
    let (used, returned) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    reserve(node, 7, &[&used]).await.unwrap();
    redeem(node, 7, &[&used]).await.unwrap();
    reserve(node, 8, &[&returned]).await.unwrap();
    return_coupons_of(node, 8).await;
    return_coupons_of(node, 9).await;
    let known = async || rows::<(i64,)>(node, "SELECT order_id FROM marketing_reservations ORDER BY order_id").await;
    later(node, 90 * DAY).await;
    node.settle().await;
    assert_eq!(known().await, [(7,), (8,), (9,)]);
    later(node, DAY).await;
    node.settle().await;
    assert_eq!(known().await, [(7,)]);
    assert_sound(node).await;
}

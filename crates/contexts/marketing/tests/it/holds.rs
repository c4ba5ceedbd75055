//! Coupons and orders: held, used up, given back, in every order of events.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_testkit::TestNode;

use crate::{
    DAY, MINUTE, a_coupon, assert_sound, claim, code, give_back, hold, ids, later, redeem, rows, standing, tally,
    template, ten_off, wire,
};

const ACTIVE: (CouponState, i64) = (CouponState::Active, 0);

/// PL-13: a hold is all or nothing, says what it is worth, and names everything that is wrong.
pub(crate) async fn an_order_holds_all_or_none(node: &mut TestNode) {
    let (first, second) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let foreign = a_coupon(node, 2).await;
    let alone = claim(node, 1, template(node, ten_off(node)).await.template_id).await.unwrap();
    assert_eq!(code(&hold(node, 7, &[&first, &foreign]).await), "MARKETING_COUPON_NOT_FOUND");
    let error = hold(node, 7, &[&first, &alone]).await.unwrap_err();
    assert_eq!(error.code(), "MARKETING_COUPON_NOT_STACKABLE");
    assert_eq!(error.violations()[0].field, format!("coupons[{}]", alone.coupon_id));
    assert_eq!(standing(node, &first).await, ACTIVE, "a refusal holds nothing");
    let held = hold(node, 7, &[&second, &first]).await.unwrap();
    assert_eq!(held.discount_minor, 2_000);
    assert_eq!(held.discounts.iter().map(|held| held.coupon_id).collect::<Vec<_>>(), ids(&[&first, &second]));
    for coupon in [&first, &second] {
        assert_eq!(standing(node, coupon).await, (CouponState::Reserved, 7));
    }
    assert_eq!(code(&hold(node, 8, &[&first]).await), "MARKETING_COUPON_TAKEN");
    assert_sound(node).await;
}

/// R06, R08: of thirty orders that want the same coupon at once, one gets it.
pub(crate) async fn a_coupon_is_held_by_one_of_thirty_orders(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    let outcomes = join_all((1..=30).map(|order| hold(node, order, &wanted))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_COUPON_TAKEN", 29), ("ok", 1)]);
    let winner = (1..).zip(&outcomes).find_map(|(order, outcome)| outcome.is_ok().then_some(order)).unwrap();
    assert_eq!(standing(node, &coupon).await, (CouponState::Reserved, winner));
    let holds: Vec<(i64,)> = rows(node, "SELECT order_id FROM marketing_reservations").await;
    assert_eq!(holds, [(winner,)], "nobody else left a trace");
    assert_sound(node).await;
}

/// The same order again gets the same answer, in parallel too; with other coupons it is refused.
pub(crate) async fn a_repeated_hold_is_the_same_hold(node: &mut TestNode) {
    let (coupon, other) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let wanted = [&coupon];
    let outcomes = join_all((0..20).map(|_| hold(node, 7, &wanted))).await;
    let first = outcomes[0].as_ref().unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap() == first));
    assert_eq!(code(&hold(node, 7, &[&coupon, &other]).await), "IDEMPOTENCY_KEY_REUSED");
    redeem(node, 7, &[&coupon]).await.unwrap();
    assert_eq!(hold(node, 7, &[&coupon]).await.unwrap(), *first, "after it was paid as well");
    assert_eq!(standing(node, &other).await, ACTIVE);
}

/// Orders that want two of three coupons each, in any order of names: some get both, none gets one.
pub(crate) async fn overlapping_holds_end_without_half_ones(node: &mut TestNode) {
    for round in 0..5 {
        let coupons = [a_coupon(node, 1).await, a_coupon(node, 1).await, a_coupon(node, 1).await];
        let pairs = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)].map(|(a, b)| [&coupons[a], &coupons[b]]);
        let orders = (1..).map(|order| round * 100 + order);
        let outcomes = join_all(orders.zip(&pairs).map(|(order, pair)| hold(node, order, pair))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_COUPON_TAKEN", 5), ("ok", 1)]);
    }
    assert_sound(node).await;
}

/// R06: an order that is redeemed twice, in parallel too, uses its coupon once.
pub(crate) async fn redeeming_twice_is_once(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    hold(node, 7, &[&coupon]).await.unwrap();
    let wanted = [&coupon];
    let outcomes = join_all((0..10).map(|_| redeem(node, 7, &wanted))).await;
    assert!(outcomes.iter().all(|lost| lost.as_ref().unwrap().is_empty()));
    assert_eq!(standing(node, &coupon).await, (CouponState::Used, 7));
    let told: Vec<(i64,)> =
        rows(node, "SELECT id FROM marketing_outbox WHERE topic = 'pulse.marketing.v1.CouponRedeemed'").await;
    assert_eq!(told.len(), 1, "it was told once");
    later(node, 60 * MINUTE).await;
    node.settle().await;
    assert_eq!(standing(node, &coupon).await, (CouponState::Used, 7), "the end of the hold is over with it");
    assert_eq!(give_back(node, 7).await, ids(&[&coupon]), "a refund gives it back");
    assert_eq!(give_back(node, 7).await, ids(&[&coupon]), "twice is once");
    assert_eq!(standing(node, &coupon).await, ACTIVE);
    assert_sound(node).await;
}

/// R06, PL-13: two orders that were both placed with a coupon and are both paid: one has it, the other learns that it does not.
pub(crate) async fn one_coupon_never_discounts_two_paid_orders(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    hold(node, 7, &wanted).await.unwrap();
    give_back(node, 7).await;
    hold(node, 8, &wanted).await.unwrap();
    let (late, paid) = futures::join!(redeem(node, 7, &wanted), redeem(node, 8, &wanted));
    assert_eq!((late.unwrap(), paid.unwrap()), (ids(&[&coupon]), vec![]));
    assert_eq!(standing(node, &coupon).await, (CouponState::Used, 8));
    // Both gave it back, and both are paid at the same moment.
    let coupon = a_coupon(node, 1).await;
    let wanted = [&coupon];
    for order in [17, 18] {
        hold(node, order, &wanted).await.unwrap();
        give_back(node, order).await;
    }
    let outcomes = join_all([17, 18].map(|order| redeem(node, order, &wanted))).await;
    let lost = outcomes.into_iter().map(|lost| if lost.unwrap().is_empty() { "used" } else { "lost" });
    assert_eq!(tally(lost), [("lost", 1), ("used", 1)]);
    assert_sound(node).await;
}

/// Issuance back comes before the hold, as after a failure half-way: the late hold is refused, whoever asks again.
pub(crate) async fn an_order_that_gave_back_can_hold_nothing(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    assert_eq!(give_back(node, 7).await, [0_i64; 0]);
    assert_eq!(give_back(node, 7).await, [0_i64; 0]);
    assert_eq!(code(&hold(node, 7, &[&coupon]).await), "MARKETING_COUPON_TAKEN");
    assert_eq!(standing(node, &coupon).await, ACTIVE);
    // At the same moment: either the hold is refused, or it is given back.
    for order in 20..30 {
        let wanted = [&coupon];
        let (_held, _given) = futures::join!(hold(node, order, &wanted), give_back(node, order));
        give_back(node, order).await;
        assert_eq!(standing(node, &coupon).await, ACTIVE);
    }
    assert_sound(node).await;
}

/// An order that is neither paid nor cancelled gives back at its time, once, also after a restart.
pub(crate) async fn a_hold_ends_by_itself(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    hold(node, 7, &[&coupon]).await.unwrap();
    node.settle().await;
    node.restart().await;
    later(node, 15 * MINUTE - crate::SECOND).await;
    node.settle().await;
    assert_eq!(standing(node, &coupon).await, (CouponState::Reserved, 7));
    later(node, crate::SECOND).await;
    node.settle().await;
    assert_eq!(standing(node, &coupon).await, ACTIVE);
    assert_eq!(code(&hold(node, 7, &[&coupon]).await), "MARKETING_COUPON_TAKEN", "the order is over");
    assert_eq!(code(&hold(node, 8, &[&coupon]).await), "ok");
    assert_sound(node).await;
}

/// R06, PL-13: paid after the end of the hold: the coupons are taken again, all or none; what others have is named.
pub(crate) async fn who_pays_after_the_end_gets_it_if_nobody_else_has(node: &mut TestNode) {
    let (first, second) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    let both = [&first, &second];
    hold(node, 7, &both).await.unwrap();
    later(node, 15 * MINUTE).await;
    node.settle().await;
    hold(node, 8, &[&second]).await.unwrap();
    assert_eq!(redeem(node, 7, &both).await.unwrap(), ids(&[&second]));
    assert_eq!(standing(node, &first).await, ACTIVE, "nothing is used up when one is lost");
    give_back(node, 8).await;
    assert_eq!(redeem(node, 7, &both).await.unwrap(), [0_i64; 0]);
    assert_eq!(standing(node, &second).await, (CouponState::Used, 7));
    assert_eq!(redeem(node, 9, &[&first]).await.unwrap(), ids(&[&first]), "an order that held nothing cannot have it");
    assert_sound(node).await;
}

/// The end of a hold and its payment at the same moment: one of both, and never a used coupon that was given back.
pub(crate) async fn paying_and_the_end_at_once_is_one_of_both(node: &mut TestNode) {
    for order in 1..=10 {
        let coupon = a_coupon(node, 1).await;
        let wanted = [&coupon];
        hold(node, order, &wanted).await.unwrap();
        later(node, 15 * MINUTE).await;
        let (paid, _fired) = futures::join!(redeem(node, order, &wanted), node.fire_timers());
        assert_eq!(paid.unwrap(), [0_i64; 0], "nobody else wants it");
        node.settle().await;
        assert_eq!(standing(node, &coupon).await, (CouponState::Used, order));
    }
    assert_sound(node).await;
}

/// A coupon whose time ended while an order held it is given back, and is over.
pub(crate) async fn a_returned_coupon_that_is_over_stays_over(node: &mut TestNode) {
    let draft = TemplateDraft { ends_at: wire(node.now().plus(10 * MINUTE)), ..ten_off(node) };
    let coupon = claim(node, 1, template(node, draft).await.template_id).await.unwrap();
    hold(node, 7, &[&coupon]).await.unwrap();
    later(node, 12 * MINUTE).await;
    assert_eq!(standing(node, &coupon).await, (CouponState::Reserved, 7), "it was held in time");
    give_back(node, 7).await;
    assert_eq!(standing(node, &coupon).await, (CouponState::Expired, 0));
    assert_eq!(code(&hold(node, 8, &[&coupon]).await), "MARKETING_COUPON_EXPIRED");
}

/// What was given back long ago is forgotten; what is held or used up is remembered as long as its coupon.
pub(crate) async fn what_was_given_back_long_ago_is_forgotten(node: &mut TestNode) {
    let (used, returned) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    hold(node, 7, &[&used]).await.unwrap();
    redeem(node, 7, &[&used]).await.unwrap();
    hold(node, 8, &[&returned]).await.unwrap();
    give_back(node, 8).await;
    give_back(node, 9).await;
    let known = async || rows::<(i64,)>(node, "SELECT order_id FROM marketing_reservations ORDER BY order_id").await;
    later(node, 90 * DAY).await;
    node.settle().await;
    assert_eq!(known().await, [(7,), (8,), (9,)]);
    later(node, DAY).await;
    node.settle().await;
    assert_eq!(known().await, [(7,)]);
    assert_sound(node).await;
}

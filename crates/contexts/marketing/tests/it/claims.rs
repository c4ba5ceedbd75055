//! Claims: period, limit per customer, quota, crashes.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_contract::stock::v1::*;
use pulse_testkit::{TestNode, cny};
use serde_json::json;

use crate::{
    DAY, MINUTE, SECOND, assert_sound, claim, code, customer, later, left, rows, state_of, tally, template, ten_off,
    wire,
};

/// PL-06: no coupon is issued before the start and from the end on, by the clock of the server.
pub(crate) async fn a_claim_needs_its_time(node: &mut TestNode) {
    let (starts, ends) = (node.now().plus(MINUTE), node.now().plus(2 * MINUTE));
    let draft = TemplateDraft { starts_at: wire(starts), ends_at: wire(ends), ..ten_off(node) };
    let template_id = template(node, draft).await.template_id;
    let early = claim(node, 1, template_id).await;
    assert_eq!(code(&early), "MARKETING_NOT_STARTED");
    assert_eq!(early.unwrap_err().retry_after(), Some(MINUTE));
    later(node, MINUTE - SECOND).await;
    assert_eq!(code(&claim(node, 1, template_id).await), "MARKETING_NOT_STARTED");
    later(node, SECOND).await;
    let coupon = claim(node, 1, template_id).await.unwrap();
    assert_eq!((coupon.state(), coupon.expires_at), (CouponState::Active, wire(ends)));
    later(node, MINUTE - SECOND).await;
    assert_eq!(code(&claim(node, 2, template_id).await), "ok");
    later(node, SECOND).await;
    assert_eq!(code(&claim(node, 3, template_id).await), "MARKETING_ENDED");
    assert_eq!(code(&claim(node, 3, 42).await), "MARKETING_TEMPLATE_NOT_FOUND");
    node.settle().await;
    assert_eq!(left(node, template_id).await, (98, 0), "refusals leave nothing reserved");
}

/// R06: a hundred concurrent claims of one customer keep the limit.
pub(crate) async fn a_customer_has_a_limit(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 1_000, ..ten_off(node) }).await.template_id;
    let outcomes = join_all((0..100).map(|_| claim(node, 1, template_id))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_CUSTOMER_LIMIT", 99), ("ok", 1)]);
    assert_eq!(code(&claim(node, 2, template_id).await), "ok", "others may still");
    node.settle().await;
    assert_eq!(left(node, template_id).await, (998, 0), "what was reserved in vain is free");
    assert_sound(node).await;
}

/// Concurrent claims fill a limit of seven exactly.
pub(crate) async fn parallel_claims_fill_a_larger_limit(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { per_customer_limit: 7, ..ten_off(node) }).await.template_id;
    let outcomes = join_all((0..20).map(|_| claim(node, 1, template_id))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_CUSTOMER_LIMIT", 13), ("ok", 7)]);
    let slots: Vec<(i64,)> = rows(node, "SELECT slot FROM marketing_coupons ORDER BY slot").await;
    assert_eq!(slots, [(1,), (2,), (3,), (4,), (5,), (6,), (7,)]);
    node.settle().await;
    assert_eq!(left(node, template_id).await, (93, 0));
}

/// R07: two hundred concurrent customers get exactly the quota.
pub(crate) async fn a_quota_is_given_to_the_last_unit_and_no_further(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 50, ..ten_off(node) }).await.template_id;
    let outcomes = join_all((1..=200).map(|account| claim(node, account, template_id))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_QUOTA_EXHAUSTED", 150), ("ok", 50)]);
    node.settle().await;
    assert_eq!(left(node, template_id).await, (0, 0), "every unit has left the quota");
    assert_eq!(code(&claim(node, 999, template_id).await), "MARKETING_QUOTA_EXHAUSTED");
    assert_sound(node).await;
}

/// Templates for grants and purchases cannot be claimed; anonymous callers cannot claim.
pub(crate) async fn what_is_not_claimed_is_not_claimable(node: &mut TestNode) {
    let grant = TemplateDraft { distribution: Distribution::Grant.into(), ..ten_off(node) };
    let sale = TemplateDraft { distribution: Distribution::Purchase.into(), price: Some(cny(100)), ..ten_off(node) };
    for draft in [grant, sale] {
        let template_id = template(node, draft).await.template_id;
        assert_eq!(code(&claim(node, 1, template_id).await), "MARKETING_NOT_CLAIMABLE");
        let request = ClaimCouponRequest { template_id };
        let anonymous = node.coupons().claim_coupon(&node.anonymous(), request).await;
        assert_eq!(code(&anonymous), "UNAUTHENTICATED");
    }
}

/// The same key returns the same coupon, also after a restart, and takes one unit.
pub(crate) async fn a_repeated_claim_is_the_same_coupon(node: &mut TestNode) {
    let draft = TemplateDraft { per_customer_limit: 5, ..ten_off(node) };
    let template_id = template(node, draft).await.template_id;
    let request = ClaimCouponRequest { template_id };
    let cx = node.keyed(customer(node, 1), "mine", "ClaimCoupon", &request);
    let first = node.coupons().claim_coupon(&cx, request).await.unwrap();
    let again = join_all((0..5).map(|_| node.coupons().claim_coupon(&cx, request))).await;
    assert!(again.iter().all(|coupon| *coupon.as_ref().unwrap() == first));
    node.settle().await;
    node.restart().await;
    assert_eq!(node.coupons().claim_coupon(&cx, request).await.unwrap(), first);
    node.settle().await;
    assert_eq!(left(node, template_id).await, (99, 0));
}

/// After a crash between reservation and coupon the reservation expires; the event of a coupon confirms its unit, also after
/// the expiry.
pub(crate) async fn a_crash_after_reserving_leaves_nothing(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 2, ..ten_off(node) }).await.template_id;
    let request = ReserveRequest {
        key: Some(ReservationKey { owner: ReservationOwner::Coupon.into(), id: 4_711 }),
        lines: vec![ReservationLine {
            resource: Some(ResourceRef { kind: ResourceKind::Coupon.into(), id: template_id }),
            quantity: 1,
        }],
        expires_at: wire(node.now().plus(10 * MINUTE)),
        is_payment: false,
    };
    node.stock().reserve(&node.cx(), request).await.unwrap();
    assert_eq!(code(&claim(node, 1, template_id).await), "ok");
    assert_eq!(code(&claim(node, 2, template_id).await), "MARKETING_QUOTA_EXHAUSTED", "the last one is spoken for");
    later(node, 11 * MINUTE).await;
    node.settle().await;
    assert_eq!(left(node, template_id).await, (1, 0));
    assert_eq!(code(&claim(node, 2, template_id).await), "ok");
    // The reservation expires before the event is delivered: the unit is reserved again.
    node.bus().set_mode("marketing.quota_of_coupons", pulse_bus::Mode::Paused).await.unwrap();
    let other = template(node, TemplateDraft { quota: 1, ..ten_off(node) }).await.template_id;
    claim(node, 3, other).await.unwrap();
    node.advance(DAY);
    assert_eq!(node.bus().drain().await.len(), 1, "the event waits");
    node.bus().set_mode("marketing.quota_of_coupons", pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
    assert_eq!(left(node, other).await, (0, 0));
    assert_sound(node).await;
}

/// A coupon whose unit expired and was taken by others expires, so that the quota is kept.
pub(crate) async fn a_unit_that_was_lost_ends_its_coupon(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 1, ..ten_off(node) }).await.template_id;
    node.bus().set_mode("marketing.quota_of_coupons", pulse_bus::Mode::Paused).await.unwrap();
    let first = claim(node, 1, template_id).await.unwrap();
    let key = ReservationKey { owner: ReservationOwner::Coupon.into(), id: first.coupon_id };
    node.stock().release_reservation(&node.cx(), ReleaseReservationRequest { key: Some(key) }).await.unwrap();
    let second = claim(node, 2, template_id).await.unwrap();
    node.bus().set_mode("marketing.quota_of_coupons", pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
    assert_eq!(state_of(node, &first).await, (CouponState::Expired, 0));
    assert_eq!(state_of(node, &second).await, (CouponState::Active, 0));
    assert_eq!(left(node, template_id).await, (0, 0));
    assert_sound(node).await;
}

/// R08: thirty concurrent requests with different keys through the edge issue one coupon.
pub(crate) async fn a_burst_through_the_edge_gives_one_coupon(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let template_id = template(node, ten_off(node)).await.template_id;
    let http = node.http();
    let path = format!("/v1/coupon-templates/{template_id}:claim");
    let replies = join_all((0..30).map(|_| http.post(&path, &json!({})).by(&person).send())).await;
    let statuses = replies.iter().map(|reply| if reply.status == 200 { "ok".to_owned() } else { reply.code() });
    let statuses: Vec<String> = statuses.collect();
    assert_eq!(tally(statuses.iter().map(String::as_str)), [("MARKETING_CUSTOMER_LIMIT", 29), ("ok", 1)]);
    node.settle().await;
    assert_eq!(left(node, template_id).await, (99, 0));
}

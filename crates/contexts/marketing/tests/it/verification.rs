//! Audit of the invariants.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_contract::stock::v1::{ReleaseReservationRequest, ReservationKey, ReservationOwner};
use pulse_kernel::Finding;
use pulse_store::{Commit, Statement};
use pulse_testkit::TestNode;

use crate::{a_coupon, assert_sound, redeem, reserve, return_coupons_of, state_of};

/// The audit finds nothing while orders reserve, redeem and return coupons.
pub(crate) async fn a_correct_state_has_no_findings(node: &mut TestNode) {
    let trade = async |order: i64| {
        let coupon = a_coupon(node, order).await;
        reserve(node, order, &[&coupon]).await.unwrap();
        if order % 3 == 0 {
            return_coupons_of(node, order).await;
        } else if order % 3 == 1 {
            redeem(node, order, &[&coupon]).await.unwrap();
        }
    };
    let checks = async || {
        for _ in 0..10 {
            assert_sound(node).await;
        }
    };
    futures::join!(join_all((1..=30).map(trade)), checks());
    let verified = pulse_marketing::verify(node.store("marketing"), node.stock(), false).await.unwrap();
    let checked: Vec<(&str, u64)> = verified.checked;
    let expected = [
        ("marketing.coupon_has_reservation", 30),
        ("marketing.reservation_has_coupons", 30),
        ("marketing.reservation_has_slots", 0),
        ("marketing.customer_limits", 30),
        ("marketing.coupon_has_unit", 30),
        ("marketing.refunds_end_coupons", 0),
    ];
    assert_eq!(checked, expected);
}

async fn tamper(node: &TestNode, sql: &'static str, coupon: &Coupon) {
    let statement = Statement::new(sql, [coupon.coupon_id.into()]);
    node.store("marketing").commit(&node.cx(), Commit::new().write(statement).expect_rows(1)).await.unwrap();
}

fn summary(findings: &[Finding]) -> Vec<(&'static str, bool)> {
    findings.iter().map(|finding| (finding.invariant, finding.is_repaired)).collect()
}

/// A reserved coupon without a reservation is repaired; a used one and a template above its limit are reported.
pub(crate) async fn violations_are_found_and_repaired(node: &mut TestNode) {
    let store = node.store("marketing").clone();
    let (lost, used, live) = (a_coupon(node, 1).await, a_coupon(node, 1).await, a_coupon(node, 1).await);
    tamper(node, "UPDATE marketing_coupons SET state = 2, order_id = 99 WHERE id = ?", &lost).await;
    let found = pulse_marketing::verify(&store, node.stock(), false).await.unwrap();
    assert_eq!(summary(&found.findings), [("marketing.coupon_has_reservation", false)]);
    let found = pulse_marketing::verify(&store, node.stock(), true).await.unwrap();
    assert_eq!(summary(&found.findings), [("marketing.coupon_has_reservation", true)]);
    assert_eq!(state_of(node, &lost).await, (CouponState::Active, 0));
    assert_sound(node).await;
    reserve(node, 7, &[&live]).await.unwrap();
    tamper(node, "UPDATE marketing_coupons SET state = 1, order_id = 0 WHERE id = ?", &live).await;
    tamper(node, "UPDATE marketing_coupons SET state = 3, order_id = 98 WHERE id = ?", &used).await;
    tamper(node, "UPDATE marketing_coupons SET slot = 2 WHERE id = ?", &used).await;
    let found = pulse_marketing::verify(&store, node.stock(), true).await.unwrap();
    let expected = [
        ("marketing.coupon_has_reservation", false),
        ("marketing.reservation_has_coupons", false),
        ("marketing.customer_limits", false),
    ];
    assert_eq!(summary(&found.findings), expected);
}

/// A coupon without a unit of its quota is found.
pub(crate) async fn a_coupon_without_its_unit_is_found(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    assert_sound(node).await;
    node.settle().await;
    let key = ReservationKey { owner: ReservationOwner::Coupon.into(), id: coupon.coupon_id };
    let release = ReleaseReservationRequest { key: Some(key) };
    node.stock().release_reservation(&node.cx(), release).await.unwrap();
    let verified = pulse_marketing::verify(node.store("marketing"), node.stock(), false).await.unwrap();
    assert_eq!(summary(&verified.findings), [("marketing.coupon_has_unit", false)]);
    assert!(verified.checked.contains(&("marketing.coupon_has_unit", 1)));
}

//! Coupons of an account.

use pulse_contract::marketing::v1::*;
use pulse_testkit::TestNode;

use crate::{DAY, a_coupon, claim, code, customer, later, redeem, reserve, template, ten_off};

async fn listed(node: &TestNode, state: CouponState) -> Vec<i64> {
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListMyCouponsRequest { state: state.into(), page_size: 2, page_token };
        let page = node.coupons().list_my_coupons(&customer(node, 1), request).await.unwrap();
        assert!(page.coupons.iter().all(|coupon| state == CouponState::Unspecified || coupon.state() == state));
        ids.extend(page.coupons.iter().map(|coupon| coupon.coupon_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

/// Coupons are listed newest first, page by page and by state; expiry follows from the time.
pub(crate) async fn a_wallet_shows_each_coupon_in_its_state(node: &mut TestNode) {
    let short = template(node, TemplateDraft { valid_days: 1, ..ten_off(node) }).await;
    let mut coupons = vec![claim(node, 1, short.template_id).await.unwrap()];
    for _ in 0..4 {
        coupons.push(a_coupon(node, 1).await);
    }
    a_coupon(node, 2).await;
    reserve(node, 7, &[&coupons[1]]).await.unwrap();
    reserve(node, 8, &[&coupons[2]]).await.unwrap();
    redeem(node, 8, &[&coupons[2]]).await.unwrap();
    later(node, DAY).await;
    let ids: Vec<i64> = coupons.iter().rev().map(|coupon| coupon.coupon_id).collect();
    assert_eq!(listed(node, CouponState::Unspecified).await, ids);
    assert_eq!(listed(node, CouponState::Expired).await, ids[4..]);
    assert_eq!(listed(node, CouponState::Reserved).await, ids[3..4]);
    assert_eq!(listed(node, CouponState::Used).await, ids[2..3]);
    assert_eq!(listed(node, CouponState::Active).await, ids[..2]);
}

/// A coupon of another account is not found.
pub(crate) async fn a_coupon_of_another_account_is_not_found(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    let request = GetCouponRequest { coupon_id: coupon.coupon_id };
    assert_eq!(node.coupons().get_coupon(&customer(node, 1), request).await.unwrap(), coupon);
    let foreign = node.coupons().get_coupon(&customer(node, 2), request).await;
    assert_eq!(code(&foreign), "MARKETING_COUPON_NOT_FOUND");
}

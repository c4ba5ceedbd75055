//! Effects of events of orders on coupons.

use pulse_contract::Event;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::order_paid::Line;
use pulse_contract::order::v1::{OrderCancelled, OrderKind, OrderPaid};
use pulse_store::Commit;
use pulse_testkit::{TestNode, cny};

use crate::{
    DAY, MINUTE, SHOP, a_coupon, assert_sound, code, customer, later, redeem, reserve, return_coupons_of, rows,
    state_of, template, ten_off,
};

/// Publishes an event of the order context.
pub(crate) async fn say<E: Event>(node: &TestNode, order: i64, event: &E) {
    node.store("order").commit(&node.cx(), Commit::new().event(order, event)).await.unwrap();
}

/// A paid order of goods of account 1 with these coupons, each 10.00 off 100.00.
pub(crate) fn goods(order_id: i64, version: i64, coupons: &[&Coupon]) -> OrderPaid {
    let coupon_ids: Vec<i64> = coupons.iter().map(|coupon| coupon.coupon_id).collect();
    OrderPaid {
        order_id,
        shop_id: SHOP,
        customer_account_id: 1,
        kind: OrderKind::Goods.into(),
        lines: vec![Line { product_id: 10, variant_id: 100, quantity: 1, ..Line::default() }],
        coupon_ids,
        currency: "CNY".to_owned(),
        total_minor: 10_000 - 1_000 * i64::try_from(coupons.len()).unwrap(),
        version,
        ..OrderPaid::default()
    }
}

fn voucher(order_id: i64, version: i64, lines: &[(i64, i32)]) -> OrderPaid {
    let line =
        |(product_id, quantity): &(i64, i32)| Line { product_id: *product_id, quantity: *quantity, ..Line::default() };
    let lines = lines.iter().map(line).collect();
    OrderPaid { kind: OrderKind::VirtualVoucher.into(), lines, ..goods(order_id, version, &[]) }
}

pub(crate) async fn paid(node: &TestNode, order: OrderPaid) {
    say(node, order.order_id, &order).await;
    node.settle().await;
}

pub(crate) async fn cancelled(node: &TestNode, order_id: i64, version: i64) {
    say(node, order_id, &OrderCancelled { order_id, version, ..OrderCancelled::default() }).await;
    node.settle().await;
}

async fn sold(node: &TestNode) -> i64 {
    let sale = Distribution::Purchase.into();
    let draft = TemplateDraft { distribution: sale, price: Some(cny(5_000)), quota: 1_000, ..ten_off(node) };
    template(node, draft).await.template_id
}

async fn wallet(node: &TestNode) -> Vec<Coupon> {
    let request = ListMyCouponsRequest { page_size: 100, ..ListMyCouponsRequest::default() };
    node.coupons().list_my_coupons(&customer(node, 1), request).await.unwrap().coupons
}

/// PL-13: a coupon is USED when its order is paid, also without a call of the order context, and once.
pub(crate) async fn a_paid_order_uses_its_coupons(node: &mut TestNode) {
    let (first, second) = (a_coupon(node, 1).await, a_coupon(node, 1).await);
    reserve(node, 7, &[&first, &second]).await.unwrap();
    paid(node, goods(7, 2, &[&second, &first])).await;
    for coupon in [&first, &second] {
        assert_eq!(state_of(node, coupon).await, (CouponState::Used, 7));
    }
    assert_eq!(redeem(node, 7, &[&first, &second]).await.unwrap(), [0_i64; 0]);
    paid(node, goods(7, 2, &[&first, &second])).await;
    let versions: Vec<(i64,)> = rows(node, "SELECT version FROM marketing_coupons").await;
    assert_eq!(versions, [(3,), (3,)], "created, reserved, used");
    paid(node, goods(8, 2, &[])).await;
    assert_sound(node).await;
}

/// PL-13, PL-35: a cancelled order returns its coupons once, before and after its payment.
pub(crate) async fn a_cancelled_order_gives_them_back(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    reserve(node, 7, &[&coupon]).await.unwrap();
    cancelled(node, 7, 2).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Active, 0));
    reserve(node, 8, &[&coupon]).await.unwrap();
    paid(node, goods(8, 2, &[&coupon])).await;
    cancelled(node, 8, 3).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Active, 0));
    // The second event arrives after another order reserved the coupon.
    reserve(node, 9, &[&coupon]).await.unwrap();
    cancelled(node, 8, 3).await;
    assert_eq!(return_coupons_of(node, 8).await, [coupon.coupon_id]);
    assert_eq!(state_of(node, &coupon).await, (CouponState::Reserved, 9));
    cancelled(node, 10, 2).await;
    assert_eq!(
        code(&reserve(node, 10, &[&coupon]).await),
        "MARKETING_COUPON_TAKEN",
        "a cancelled order reserves nothing"
    );
    assert_sound(node).await;
}

/// PL-09, PL-15: a paid voucher order creates its coupons once, also for repeated events.
pub(crate) async fn a_paid_voucher_order_mints_once(node: &mut TestNode) {
    let (one, other) = (sold(node).await, sold(node).await);
    let order = voucher(7, 2, &[(one, 3), (other, 1)]);
    paid(node, order.clone()).await;
    let minted = wallet(node).await;
    assert_eq!(minted.len(), 4, "beyond the limit of a customer: they were paid for");
    assert_eq!(minted.iter().filter(|coupon| coupon.template_id == one).count(), 3);
    paid(node, order).await;
    assert_eq!(wallet(node).await, minted);
    // A payment shortly before the end gives a day of validity.
    later(node, 30 * DAY).await;
    assert!(wallet(node).await.iter().all(|coupon| coupon.state() == CouponState::Expired));
    paid(node, voucher(8, 2, &[(one, 1)])).await;
    let newest = wallet(node).await.remove(0);
    assert_eq!(newest.state(), CouponState::Active);
    assert_eq!(code(&reserve(node, 9, &[&newest]).await), "ok", "it can be used");
    assert_sound(node).await;
}

/// A voucher order with a coupon redeems the coupon and creates its vouchers in one commit.
pub(crate) async fn a_voucher_that_was_cheaper_uses_and_mints(node: &mut TestNode) {
    let (coupon, template) = (a_coupon(node, 1).await, sold(node).await);
    reserve(node, 7, &[&coupon]).await.unwrap();
    let order = OrderPaid { coupon_ids: vec![coupon.coupon_id], ..voucher(7, 2, &[(template, 1)]) };
    paid(node, order).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 7));
    assert_eq!(wallet(node).await.len(), 2);
    cancelled(node, 7, 3).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Active, 0));
    assert_eq!(state_of(node, &wallet(node).await[0]).await, (CouponState::Expired, 0));
    assert_sound(node).await;
}

/// A refunded voucher order: its coupons expire and are not created again.
pub(crate) async fn a_cancelled_voucher_order_takes_its_coupons_back(node: &mut TestNode) {
    let template = sold(node).await;
    paid(node, voucher(7, 2, &[(template, 2)])).await;
    let minted = wallet(node).await;
    reserve(node, 8, &[&minted[0]]).await.unwrap();
    later(node, MINUTE).await;
    cancelled(node, 7, 3).await;
    assert_eq!(state_of(node, &minted[1]).await, (CouponState::Expired, 0));
    assert_eq!(code(&reserve(node, 9, &[&minted[1]]).await), "MARKETING_COUPON_EXPIRED");
    return_coupons_of(node, 8).await;
    assert_eq!(state_of(node, &minted[0]).await, (CouponState::Expired, 0), "also the coupon that was reserved");
    paid(node, voucher(7, 2, &[(template, 2)])).await;
    assert_eq!(wallet(node).await.len(), 2);
}

/// Events with an older version of the order, as after the replay of a dead letter, change nothing.
pub(crate) async fn late_news_of_the_past_changes_nothing(node: &mut TestNode) {
    let coupon = a_coupon(node, 1).await;
    reserve(node, 7, &[&coupon]).await.unwrap();
    cancelled(node, 7, 3).await;
    paid(node, goods(7, 2, &[&coupon])).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Active, 0), "it was paid before it was cancelled");
    paid(node, goods(7, 4, &[&coupon])).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 7), "it was revived");
    cancelled(node, 7, 3).await;
    assert_eq!(state_of(node, &coupon).await, (CouponState::Used, 7));
    let template = sold(node).await;
    cancelled(node, 8, 3).await;
    paid(node, voucher(8, 2, &[(template, 1)])).await;
    assert_eq!(wallet(node).await.len(), 1, "nothing is minted for an order that is over");
    paid(node, voucher(8, 4, &[(template, 1)])).await;
    cancelled(node, 8, 3).await;
    assert_eq!(state_of(node, &wallet(node).await[0]).await.0, CouponState::Active);
    assert_sound(node).await;
}

//! Vouchers: orders that buy coupons.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::{PaymentRefundFailed, PaymentRefunded};
use pulse_contract::stock::v1::{GetStockRequest, ResourceKind, ResourceRef};
use pulse_kernel::Error;
use pulse_testkit::{TestNode, cny};

use crate::shop_fixtures::{
    ShopFixture, assert_clean, pause_payments, pay, placing, publish, published, resume_payments,
    settle_without_payments,
};
use crate::{DAY, MINUTE, code};

pub(crate) async fn voucher(
    node: &TestNode,
    fixture: &ShopFixture,
    distribution: Distribution,
    quota: i64,
) -> CouponTemplate {
    let template = TemplateDraft {
        name: "Tea for two".to_owned(),
        discount: DiscountKind::Amount.into(),
        amount_minor: 2_000,
        currency: "CNY".to_owned(),
        starts_at: Some(node.now().into()),
        ends_at: Some(node.now().plus(DAY).into()),
        per_customer_limit: 6,
        quota,
        distribution: distribution.into(),
        price: (distribution == Distribution::Purchase).then(|| cny(1_500)),
        ..TemplateDraft::default()
    };
    let request = CreateTemplateRequest { shop_id: fixture.shop.id(), template: Some(template) };
    let template = node.coupons().create_template(&fixture.shop.owner.cx(), request).await.unwrap();
    node.settle().await;
    template
}

pub(crate) fn buying(fixture: &ShopFixture, template: &CouponTemplate, quantity: i32) -> OrderDraft {
    OrderDraft {
        shop_id: fixture.shop.id(),
        kind: OrderKind::VirtualVoucher.into(),
        voucher_template_id: template.template_id,
        voucher_quantity: quantity,
        ..OrderDraft::default()
    }
}

pub(crate) async fn coupons(node: &TestNode, fixture: &ShopFixture) -> Vec<Coupon> {
    node.coupons().list_my_coupons(&fixture.customer.cx(), ListMyCouponsRequest::default()).await.unwrap().coupons
}

/// PL-09, PL-15: a paid voucher order issues usable coupons exactly once.
pub(crate) async fn a_paid_voucher_issues_coupons_once(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 5).await;
    let order = fixture.place(node, buying(&fixture, &template, 2)).await.unwrap();
    assert_eq!((order.kind(), order.state()), (OrderKind::VirtualVoucher, OrderState::AwaitingPayment));
    assert_eq!((order.price.as_ref().unwrap().total_minor, order.shop_name.as_str()), (3_000, "Tea house"));
    assert_eq!(coupons(node, &fixture).await, []);
    pay(node, &order).await;
    publish(node, order.order_id, &crate::shop_fixtures::paid(node, order.order_id, 3_000)).await;
    node.settle().await;
    let minted = coupons(node, &fixture).await;
    assert_eq!(minted.len(), 2);
    let seen = fixture.seen(node, order.order_id).await;
    assert_eq!((seen.state(), seen.allowed_moves.len()), (OrderState::Completed, 0));
    assert_eq!((published::<OrderPaid>(node).await.len(), published::<OrderCompleted>(node).await.len()), (1, 1));
    let draft = OrderDraft { coupon_ids: vec![minted[0].coupon_id], ..fixture.teas(2) };
    let goods = fixture.place(node, draft).await.unwrap();
    pay(node, &goods).await;
    assert_eq!(fixture.coupon_state(node, minted[0].coupon_id).await, CouponState::Used);
    // Three are left; an unpaid order releases them.
    let greedy = fixture.place(node, buying(&fixture, &template, 3)).await.unwrap();
    assert_eq!(code(&fixture.place(node, buying(&fixture, &template, 1)).await), "ORDER_STOCK_SHORT");
    node.advance(MINUTE * 15);
    node.settle().await;
    assert_eq!(fixture.seen(node, greedy.order_id).await.state(), OrderState::Cancelled);
    fixture.place(node, buying(&fixture, &template, 3)).await.unwrap();
    assert_clean(node).await;
}

/// Vouchers that are not for sale, sold out, too many or paid in cash are refused.
pub(crate) async fn vouchers_are_refused_when_they_cannot_be_bought(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let sale = voucher(node, &fixture, Distribution::Purchase, 5).await;
    let claim = voucher(node, &fixture, Distribution::Claim, 5).await;
    let coupon = fixture.coupon(node, 100, 0).await;
    let cx = fixture.customer.cx();
    let with_coupon = OrderDraft { coupon_ids: vec![coupon], ..buying(&fixture, &sale, 1) };
    for (draft, expected) in [
        (buying(&fixture, &claim, 1), "ORDER_ITEM_UNKNOWN"),
        (buying(&fixture, &CouponTemplate { template_id: 4_711, ..sale.clone() }, 1), "ORDER_ITEM_UNKNOWN"),
        (OrderDraft { shop_id: 0, ..buying(&fixture, &sale, 1) }, "ORDER_ITEM_UNKNOWN"),
        (buying(&fixture, &sale, 7), "ORDER_TOO_LARGE"),
        (with_coupon, "ORDER_COUPON_REFUSED"),
    ] {
        let total = 1_500 * i64::from(draft.voucher_quantity);
        let outcome = node
            .orders()
            .place_order(&cx, placing(draft, if expected == "ORDER_ITEM_UNKNOWN" { 0 } else { total }))
            .await;
        let found = outcome.unwrap_err();
        let codes: Vec<&str> = found.violations().iter().map(|violation| violation.code.as_ref()).collect();
        assert!(codes.contains(&expected), "{expected}: {found:?}");
    }
    let cash = PlaceOrderRequest {
        payment_method: PaymentMethod::CashOnDelivery.into(),
        ..placing(buying(&fixture, &sale, 1), 1_500)
    };
    assert_eq!(code(&node.orders().place_order(&cx, cash).await), "ORDER_PAYMENT_METHOD_REFUSED");
    node.advance(DAY);
    assert_eq!(code(&fixture.place(node, buying(&fixture, &sale, 1)).await), "ORDER_ITEM_UNKNOWN");
}

/// PL-06: the limit of a voucher includes all orders of a customer: paid ones, unpaid ones and parallel ones.
pub(crate) async fn a_customer_buys_no_more_than_the_limit(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 100).await;
    let first = fixture.place(node, buying(&fixture, &template, 2)).await.unwrap();
    pay(node, &first).await;
    let at_once = join_all((0..8).map(|_| fixture.place(node, buying(&fixture, &template, 1)))).await;
    let placed: Vec<&Order> = at_once.iter().filter_map(|placed| placed.as_ref().ok()).collect();
    assert_eq!(placed.len(), 4, "{at_once:?}");
    assert!(at_once.iter().all(|placed| placed.is_ok() || code(placed) == "ORDER_TOO_LARGE"), "{at_once:?}");
    node.settle().await;
    let quota = ResourceRef { kind: ResourceKind::Coupon.into(), id: template.template_id };
    let request = GetStockRequest { shop_id: fixture.shop.id(), resource: Some(quota) };
    let quota = node.stock().get_stock(&fixture.shop.owner.cx(), request).await.unwrap();
    assert_eq!((quota.on_hand, quota.reserved), (98, 4), "what was refused holds no unit");
    pay(node, placed[0]).await;
    fixture.cancel(node, placed[1].order_id).await.unwrap();
    node.settle().await;
    assert_eq!(code(&fixture.place(node, buying(&fixture, &template, 2)).await), "ORDER_TOO_LARGE");
    fixture.place(node, buying(&fixture, &template, 1)).await.unwrap();
    // The remaining orders are not paid.
    node.advance(MINUTE * 15);
    node.settle().await;
    assert_eq!(code(&fixture.place(node, buying(&fixture, &template, 4)).await), "ORDER_TOO_LARGE");
    let rest = fixture.place(node, buying(&fixture, &template, 3)).await.unwrap();
    pay(node, &rest).await;
    assert_eq!(coupons(node, &fixture).await.len(), 6);
    assert_clean(node).await;
}

/// A payment after the release of the voucher slots is refunded, and the limit is kept.
pub(crate) async fn a_voucher_without_its_slots_is_refunded(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 100).await;
    let late = fixture.place(node, buying(&fixture, &template, 6)).await.unwrap();
    let request = ReturnCouponsRequest { order_id: late.order_id };
    node.coupons().return_coupons(&node.cx(), request).await.unwrap();
    fixture.place(node, buying(&fixture, &template, 1)).await.unwrap();
    pay(node, &late).await;
    let seen = fixture.seen(node, late.order_id).await;
    assert_eq!((seen.state(), seen.cancel_reason()), (OrderState::Cancelled, CancelReason::OutOfStock));
    assert_eq!((coupons(node, &fixture).await, published::<OrderPaid>(node).await), (vec![], vec![]));
    assert_eq!(published::<OrderRefundRequested>(node).await[0].amount_minor, 6 * 1_500);
    assert_clean(node).await;
}

async fn refund(node: &TestNode, fixture: &ShopFixture, order: &Order, minor: i64) -> Result<Order, Error> {
    let request = RefundOrderRequest {
        shop_id: order.shop_id,
        order_id: order.order_id,
        amount_minor: minor,
        reason: "not wanted".to_owned(),
    };
    node.orders().refund_order(&fixture.shop.owner.cx(), request).await
}

async fn states(node: &TestNode, fixture: &ShopFixture) -> Vec<CouponState> {
    let mut states: Vec<CouponState> = coupons(node, fixture).await.iter().map(Coupon::state).collect();
    states.sort_unstable_by_key(|state| i32::from(*state));
    states
}

/// M1: a refund revokes the unused vouchers that it pays back, at once; used and reserved ones are not refunded.
pub(crate) async fn a_refund_revokes_unused_vouchers(node: &mut TestNode) {
    use CouponState::{Active, Reserved, Revoked, Used};
    let fixture = ShopFixture::with_tea(node, 20).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 10).await;
    let order = fixture.place(node, buying(&fixture, &template, 4)).await.unwrap();
    pay(node, &order).await;
    let bought = coupons(node, &fixture).await;
    let spending = |coupon: &Coupon| OrderDraft { coupon_ids: vec![coupon.coupon_id], ..fixture.teas(2) };
    let goods = fixture.place(node, spending(&bought[0])).await.unwrap();
    pay(node, &goods).await;
    // The payment context knows nothing of this money and would fail the refunds.
    pause_payments(node).await;
    let reserving = fixture.place(node, spending(&bought[1])).await.unwrap();
    let refused = refund(node, &fixture, &order, 6_000).await.unwrap_err();
    assert_eq!((refused.code(), refused.metadata()[0].1.as_ref()), ("ORDER_VOUCHERS_USED", "3000"));
    assert_eq!(states(node, &fixture).await, [Active, Active, Reserved, Used], "a refused refund revokes nothing");
    assert_eq!(refund(node, &fixture, &order, 1_000).await.unwrap().refunded_minor, 1_000);
    assert_eq!(states(node, &fixture).await, [Active, Reserved, Used, Revoked]);
    // The whole rest is the value of the unused vouchers.
    assert_eq!(refund(node, &fixture, &order, 0).await.unwrap().refunded_minor, 3_000);
    assert_eq!(states(node, &fixture).await, [Reserved, Used, Revoked, Revoked]);
    let again = refund(node, &fixture, &order, 0).await;
    assert_eq!(code(&again), "ORDER_VOUCHERS_USED");
    settle_without_payments(node).await;
    let revoked = coupons(node, &fixture).await.into_iter().find(|coupon| coupon.state() == Revoked).unwrap();
    assert!(fixture.place(node, spending(&revoked)).await.is_err(), "a revoked coupon takes no money off");
    // The order that reserved a voucher gives it back, and it can be refunded, too.
    fixture.cancel(node, reserving.order_id).await.unwrap();
    settle_without_payments(node).await;
    assert_eq!(refund(node, &fixture, &order, 0).await.unwrap().refunded_minor, 4_500);
    node.advance(DAY / 24);
    settle_without_payments(node).await;
    assert_eq!(states(node, &fixture).await, [Used, Revoked, Revoked, Revoked], "the revocations are confirmed");
    resume_payments(node).await;
    node.assert_books_of("marketing").await;
    assert_clean(node).await;
}

/// M1: a refund at the payment provider revokes the vouchers, too; when the bank returns it, they are active again.
pub(crate) async fn a_refund_at_the_provider_revokes_vouchers(node: &mut TestNode) {
    use CouponState::{Active, Revoked, Used};
    let fixture = ShopFixture::with_tea(node, 20).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 10).await;
    let order = fixture.place(node, buying(&fixture, &template, 2)).await.unwrap();
    let (payment_id, _) = pay(node, &order).await;
    let order_id = order.order_id;
    let back = PaymentRefunded { payment_id, order_id, refund_id: 4_711, amount: Some(cny(3_000)) };
    publish(node, order_id, &back).await;
    node.settle().await;
    assert_eq!(states(node, &fixture).await, [Revoked, Revoked]);
    let failure = "account closed".to_owned();
    let failed = PaymentRefundFailed { payment_id, order_id, refund_id: 4_711, failure, is_undone: true };
    publish(node, order_id, &failed).await;
    node.settle().await;
    assert_eq!(states(node, &fixture).await, [Active, Active]);
    let used = coupons(node, &fixture).await[0].coupon_id;
    let goods = fixture.place(node, OrderDraft { coupon_ids: vec![used], ..fixture.teas(2) }).await.unwrap();
    pay(node, &goods).await;
    publish(node, order_id, &PaymentRefunded { refund_id: 4_712, ..back }).await;
    node.settle().await;
    assert_eq!(states(node, &fixture).await, [Used, Revoked]);
    assert!(coupons(node, &fixture).await.iter().all(|coupon| coupon.is_order_refunded), "the used one is marked");
    // Cancelling the order that used the voucher returns it as revoked, because its payment was refunded.
    fixture.cancel(node, goods.order_id).await.unwrap();
    node.settle().await;
    assert_eq!(states(node, &fixture).await, [Revoked, Revoked]);
    node.assert_books_of("marketing").await;
}

/// M1: vouchers are refunded or spent, never both, also when everything happens at once.
pub(crate) async fn a_voucher_is_refunded_or_spent(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 50).await;
    let template = voucher(node, &fixture, Distribution::Purchase, 10).await;
    let order = fixture.place(node, buying(&fixture, &template, 6)).await.unwrap();
    pay(node, &order).await;
    let bought = coupons(node, &fixture).await;
    pause_payments(node).await;
    let spend = async |coupon: &Coupon| {
        let draft = OrderDraft { coupon_ids: vec![coupon.coupon_id], ..fixture.teas(2) };
        fixture.place(node, draft).await.is_ok()
    };
    let (spent, refunds) = futures::future::join(
        join_all(bought.iter().map(spend)),
        join_all((0..4).map(|_| refund(node, &fixture, &order, 1_500))),
    )
    .await;
    settle_without_payments(node).await;
    let spent = spent.into_iter().filter(|is_ok| *is_ok).count();
    let revoked = coupons(node, &fixture).await.iter().filter(|coupon| coupon.state() == CouponState::Revoked).count();
    let refunded = fixture.seen(node, order.order_id).await.refunded_minor;
    assert_eq!(i64::try_from(revoked).unwrap() * 1_500, refunded, "{refunds:?}");
    assert!(spent + revoked <= 6, "{spent} spent, {revoked} revoked");
    resume_payments(node).await;
    node.assert_books_of("marketing").await;
    assert_clean(node).await;
}

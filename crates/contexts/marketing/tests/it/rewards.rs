//! Post-order rewards.

use futures::future::join_all;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::{OrderCompleted, OrderPaid, OrderRefunded};
use pulse_kernel::Error;
use pulse_testkit::{TestNode, cny};

use crate::orders::{goods, say};
use crate::{DAY, MINUTE, SHOP, assert_sound, code, customer, later, left, rows, template, ten_off, wire};

fn given(node: &TestNode) -> TemplateDraft {
    TemplateDraft { distribution: Distribution::Grant.into(), per_customer_limit: 5, ..ten_off(node) }
}

fn draft(node: &TestNode, template_id: i64) -> PostOrderRewardDraft {
    PostOrderRewardDraft {
        name: "Come again".to_owned(),
        template_id,
        shop_id: 0,
        threshold_minor: 0,
        starts_at: wire(node.now()),
        ends_at: wire(node.now().plus(DAY)),
    }
}

async fn create(node: &TestNode, draft: PostOrderRewardDraft) -> Result<PostOrderReward, Error> {
    node.coupons().create_post_order_reward(&node.cx(), CreatePostOrderRewardRequest { reward: Some(draft) }).await
}

/// The event of the same order after its completion.
fn completion(paid: OrderPaid) -> OrderCompleted {
    OrderCompleted {
        order_id: paid.order_id,
        shop_id: paid.shop_id,
        customer_account_id: paid.customer_account_id,
        kind: paid.kind,
        currency: paid.currency,
        total_minor: paid.total_minor,
        is_cash_on_delivery: paid.is_cash_on_delivery,
        version: paid.version,
    }
}

async fn completed(node: &TestNode, order: OrderPaid) {
    say(node, order.order_id, &completion(order)).await;
    node.settle().await;
}

async fn coupon_count(node: &TestNode) -> i64 {
    rows::<(i64,)>(node, "SELECT COUNT(*) FROM marketing_coupons").await[0].0
}

/// DL-30: a reward issues one coupon per order, also for repeated events.
pub(crate) async fn an_order_earns_one_coupon_of_each_activity(node: &mut TestNode) {
    let template_id = template(node, given(node)).await.template_id;
    let first = create(node, draft(node, template_id)).await.unwrap();
    let second = create(node, draft(node, template_id)).await.unwrap();
    let listed = node.coupons().list_post_order_rewards(&node.cx(), ListPostOrderRewardsRequest {}).await.unwrap();
    assert_eq!(listed.rewards, [first, second], "oldest first");
    for _ in 0..3 {
        completed(node, goods(7, 5, &[])).await;
    }
    assert_eq!(coupon_count(node).await, 2);
    completed(node, goods(8, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 4);
    let wallet = node.coupons().list_my_coupons(&customer(node, 1), ListMyCouponsRequest::default()).await.unwrap();
    assert!(wallet.coupons.iter().all(|coupon| coupon.state() == CouponState::Active));
    assert_eq!(left(node, template_id).await, (96, 0), "every one took a unit");
    assert_sound(node).await;
}

/// Shop, total and time of completion decide, not the time of the delivery.
pub(crate) async fn an_activity_says_for_which_orders(node: &mut TestNode) {
    let template_id = template(node, given(node)).await.template_id;
    let elsewhere = PostOrderRewardDraft { shop_id: SHOP + 1, ..draft(node, template_id) };
    let larger = PostOrderRewardDraft { threshold_minor: 10_001, ..draft(node, template_id) };
    let to_come = PostOrderRewardDraft { starts_at: wire(node.now().plus(MINUTE)), ..draft(node, template_id) };
    for draft in [elsewhere, larger, to_come] {
        create(node, draft).await.unwrap();
    }
    completed(node, goods(7, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 0);
    later(node, MINUTE).await;
    completed(node, goods(8, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 1, "by now the third one runs");
    create(node, PostOrderRewardDraft { shop_id: SHOP, threshold_minor: 10_000, ..draft(node, template_id) })
        .await
        .unwrap();
    completed(node, goods(9, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 3);
    // Completed before the end, delivered after it.
    node.bus().set_mode("marketing.coupons_after_orders", pulse_bus::Mode::Paused).await.unwrap();
    say(node, 10, &completion(goods(10, 5, &[]))).await;
    node.advance(2 * DAY);
    node.bus().set_mode("marketing.coupons_after_orders", pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
    assert_eq!(coupon_count(node).await, 5);
    completed(node, goods(11, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 5, "it is over");
}

/// Quota and limit per customer also apply to rewards.
pub(crate) async fn rewards_keep_quota_and_limit(node: &mut TestNode) {
    let scarce = template(node, TemplateDraft { quota: 3, ..given(node) }).await.template_id;
    let single = template(node, TemplateDraft { per_customer_limit: 1, ..given(node) }).await.template_id;
    create(node, draft(node, scarce)).await.unwrap();
    create(node, draft(node, single)).await.unwrap();
    let events: Vec<OrderCompleted> = (1..=10).map(|order| completion(goods(order, 5, &[]))).collect();
    join_all((1..).zip(&events).map(|(order, event)| say(node, order, event))).await;
    node.settle().await;
    assert_eq!(left(node, scarce).await, (0, 0));
    assert_eq!(left(node, single).await, (99, 0));
    assert_eq!(coupon_count(node).await, 4);
    assert_sound(node).await;
}

/// Rewards that can never issue a coupon are refused.
pub(crate) async fn impossible_activities_are_refused(node: &mut TestNode) {
    let template_id = template(node, given(node)).await.template_id;
    let sale = TemplateDraft { distribution: Distribution::Purchase.into(), price: Some(cny(100)), ..ten_off(node) };
    let sold = template(node, sale).await.template_id;
    let over = PostOrderRewardDraft { ends_at: wire(node.now()), ..draft(node, template_id) };
    assert_eq!(code(&create(node, over).await), "MARKETING_TEMPLATE_INVALID");
    assert_eq!(code(&create(node, draft(node, sold)).await), "MARKETING_NOT_CLAIMABLE");
    assert_eq!(code(&create(node, draft(node, 42)).await), "MARKETING_TEMPLATE_NOT_FOUND");
    for _ in 0..200 {
        create(node, draft(node, template_id)).await.unwrap();
    }
    assert_eq!(code(&create(node, draft(node, template_id)).await), "MARKETING_ACTIVITY_LIMIT");
    later(node, DAY).await;
    assert_eq!(code(&create(node, draft(node, template_id)).await), "ok", "what is over does not count");
}

fn refunded(order_id: i64, version: i64, refunded_minor: i64) -> OrderRefunded {
    let (shop_id, paid_minor) = (SHOP, 10_000);
    OrderRefunded {
        order_id,
        shop_id,
        customer_account_id: 1,
        paid_minor,
        refunded_minor,
        version,
        ..Default::default()
    }
}

async fn refund(node: &TestNode, event: OrderRefunded) {
    say(node, event.order_id, &event).await;
    node.settle().await;
}

/// M2: a reward ends when its order is paid back, in full or below the threshold; a used one is marked.
pub(crate) async fn a_refunded_order_loses_its_reward(node: &mut TestNode) {
    let template_id = template(node, given(node)).await.template_id;
    create(node, PostOrderRewardDraft { threshold_minor: 6_000, ..draft(node, template_id) }).await.unwrap();
    for order in 7..=9 {
        completed(node, goods(order, 5, &[])).await;
    }
    let wallet = async || {
        let request = ListMyCouponsRequest::default();
        let mut coupons = node.coupons().list_my_coupons(&customer(node, 1), request).await.unwrap().coupons;
        coupons.reverse();
        coupons
    };
    let states = async || wallet().await.iter().map(|one| (one.state(), one.is_order_refunded)).collect::<Vec<_>>();
    use CouponState::{Active, Revoked, Used};
    refund(node, refunded(7, 6, 4_000)).await;
    assert_eq!(states().await, [(Active, false); 3], "the rest still reaches the threshold");
    refund(node, refunded(7, 7, 4_001)).await;
    assert_eq!(states().await, [(Revoked, true), (Active, false), (Active, false)]);
    // An older event that arrives later changes nothing; a failed refund restores the reward.
    refund(node, refunded(7, 6, 4_000)).await;
    assert_eq!(states().await[0], (Revoked, true));
    refund(node, refunded(7, 8, 0)).await;
    assert_eq!(states().await[0], (Active, false));
    let used = wallet().await[1].clone();
    crate::reserve(node, 20, &[&used]).await.unwrap();
    crate::redeem(node, 20, &[&used]).await.unwrap();
    refund(node, refunded(8, 6, 10_000)).await;
    assert_eq!(states().await[1], (Used, true));
    // A refund that is processed before the completion: no reward.
    refund(node, refunded(10, 6, 10_000)).await;
    completed(node, goods(10, 5, &[])).await;
    assert_eq!(coupon_count(node).await, 3);
    assert_sound(node).await;
}

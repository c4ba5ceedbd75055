//! Races for the last coupons of a template, and for one coupon in many orders.

use serde_json::{Value, json};

use super::burst::{RaceRequest, send_at_once};
use super::outcome::Outcome;
use crate::target_node::{PRICE_MINOR, TargetNode, TargetShop, number};

/// Number of customers per coupon: a quarter of the claims succeed.
const CUSTOMERS_PER_COUPON: usize = 4;
/// Discount of a coupon, in minor units.
const DISCOUNT_MINOR: i64 = 500;

pub(super) async fn last_coupons(
    node: &TargetNode,
    parallel: usize,
    is_single_packet: bool,
) -> anyhow::Result<Outcome> {
    let quota = parallel.div_ceil(CUSTOMERS_PER_COUPON);
    let shop = node.open_shop(0).await?;
    let template = template(node, &shop, quota).await?;
    let path = format!("/v1/coupon-templates/{template}:claim");
    let requests = (0..parallel).map(|_| RaceRequest::call(&path, &node.customer_token(), &json!({})));
    let answers = send_at_once(node, requests.collect(), is_single_packet).await?;
    let mut outcome = Outcome::new("coupon-claim", &answers);
    let (claimed, refused) = (outcome.count("200"), outcome.count("409 MARKETING_QUOTA_EXHAUSTED"));
    outcome.check(claimed == quota, format!("{parallel} concurrent claims of {quota} coupons: {claimed} succeeded"));
    outcome.check(refused == parallel - quota, format!("{refused} claims were refused with MARKETING_QUOTA_EXHAUSTED"));
    Ok(outcome)
}

pub(super) async fn one_coupon_many_orders(
    node: &TargetNode,
    parallel: usize,
    is_single_packet: bool,
) -> anyhow::Result<Outcome> {
    let shop = node.open_shop(parallel).await?;
    let template = template(node, &shop, 1).await?;
    let token = node.customer_token();
    let coupon = node.call("POST", &format!("/v1/coupon-templates/{template}:claim"), &token, &json!({})).await?;
    let mut draft = shop.draft();
    draft["coupon_ids"] = json!([coupon["coupon_id"]]);
    let body = json!({ "draft": draft, "expected_total_minor": (PRICE_MINOR - DISCOUNT_MINOR).to_string() });
    let requests = (0..parallel).map(|_| RaceRequest::call("/v1/orders", &token, &body));
    let answers = send_at_once(node, requests.collect(), is_single_packet).await?;
    let mut outcome = Outcome::new("coupon-use", &answers);
    let placed = outcome.count("200");
    outcome.check(placed == 1, format!("{parallel} concurrent orders with the same coupon: {placed} was placed"));
    let (_, reserved) = shop.stock(node).await?;
    outcome.check(reserved == 1, format!("refused orders reserve nothing: {reserved} unit is reserved"));
    Ok(outcome)
}

async fn template(node: &TargetNode, shop: &TargetShop, quota: usize) -> anyhow::Result<i64> {
    let now = pulse_kernel::Clock::system().now();
    let instant = |at: pulse_kernel::Timestamp| serde_json::to_value(pulse_contract::Timestamp::from(at));
    let draft = json!({
        "name": "Race",
        "discount": "DISCOUNT_KIND_AMOUNT",
        "amount_minor": DISCOUNT_MINOR.to_string(),
        "currency": "CNY",
        "starts_at": instant(now.minus(std::time::Duration::from_secs(60)))?,
        "ends_at": instant(now.plus(std::time::Duration::from_secs(3_600)))?,
        "per_customer_limit": 1,
        "quota": quota.to_string(),
        "distribution": "DISTRIBUTION_CLAIM",
    });
    let made: Value =
        node.call_as_operator("POST", &format!("/v1/shops/{}/coupon-templates", shop.shop_id), &draft).await?;
    number(&made["template_id"])
}

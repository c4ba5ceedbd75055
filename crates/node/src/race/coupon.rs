//! Coupons: the last ones, and one that is used for many orders at once.

use serde_json::{Value, json};

use super::Outcome;
use super::burst::{Shot, fire};
use crate::stage::{PRICE_MINOR, Stage, StageShop, number};

/// A fourth of the customers can have one.
const CUSTOMERS_PER_COUPON: usize = 4;
/// What a coupon takes off.
const DISCOUNT_MINOR: i64 = 500;

pub(super) async fn last_coupons(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let quota = parallel.div_ceil(CUSTOMERS_PER_COUPON);
    let shop = stage.shop(0).await?;
    let template = template(stage, &shop, quota).await?;
    let path = format!("/v1/coupon-templates/{template}:claim");
    let shots = (0..parallel).map(|_| Shot::call(&path, &stage.customer(), &json!({})));
    let answers = fire(stage, shots.collect(), is_packet).await?;
    let mut outcome = Outcome::new("coupon-claim", &answers);
    let (claimed, refused) = (outcome.count("200"), outcome.count("409 MARKETING_QUOTA_EXHAUSTED"));
    outcome.expect(
        claimed == quota,
        format!("{parallel} customers claimed {quota} coupons at the same moment: {claimed} have one"),
    );
    outcome.expect(refused == parallel - quota, format!("{refused} customers were told that all are gone"));
    Ok(outcome)
}

pub(super) async fn one_coupon_many_orders(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let shop = stage.shop(parallel).await?;
    let template = template(stage, &shop, 1).await?;
    let token = stage.customer();
    let coupon = stage.call("POST", &format!("/v1/coupon-templates/{template}:claim"), &token, &json!({})).await?;
    let mut draft = shop.draft();
    draft["coupon_ids"] = json!([coupon["coupon_id"]]);
    let body = json!({ "draft": draft, "expected_total_minor": (PRICE_MINOR - DISCOUNT_MINOR).to_string() });
    let shots = (0..parallel).map(|_| Shot::call("/v1/orders", &token, &body));
    let answers = fire(stage, shots.collect(), is_packet).await?;
    let mut outcome = Outcome::new("coupon-use", &answers);
    let placed = outcome.count("200");
    outcome.expect(
        placed == 1,
        format!("one coupon was used for {parallel} orders at the same moment: {placed} was placed"),
    );
    let (_, reserved) = shop.stock(stage).await?;
    outcome.expect(reserved == 1, format!("the orders that were refused hold nothing: {reserved} unit is reserved"));
    Ok(outcome)
}

async fn template(stage: &Stage, shop: &StageShop, quota: usize) -> anyhow::Result<i64> {
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
    let made: Value = stage.operate("POST", &format!("/v1/shops/{}/coupon-templates", shop.shop_id), &draft).await?;
    number(&made["template_id"])
}

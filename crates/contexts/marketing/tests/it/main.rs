//! Behaviour of the marketing context on all engines: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot continue fails its test")]

mod claims;
mod discounts;
mod grants;
mod orders;
mod races;
mod reservations;
mod rewards;
mod templates;
mod verification;
mod vouchers;
mod wallet;

use std::collections::BTreeMap;
use std::time::Duration;

use pulse_contract::marketing::v1::*;
use pulse_contract::stock::v1::{GetStockRequest, ResourceKind, ResourceRef, Stock};
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Actor, Cx, Error, Principal, Role, Timestamp};
use pulse_store::{FromRow, Statement};
use pulse_testkit::TestNode;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A shop that exists as a number only.
const SHOP: i64 = 77;

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Error::code)
}

/// Number of occurrences of each word, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

/// A request of an account that works for these shops.
fn by(node: &TestNode, account: i64, shops: &[i64]) -> Cx {
    let roles = if shops.is_empty() { vec![Role::Consumer] } else { vec![Role::Consumer, Role::MerchantStaff] };
    let shops = shops.iter().copied().map(ShopId::new).collect();
    let principal = Principal { account: AccountId::new(account), session: 1, roles, shops };
    node.cx().with_actor(Actor::Principal(principal.into()))
}

/// A request of a customer.
fn customer(node: &TestNode, account: i64) -> Cx {
    by(node, account, &[])
}

fn wire(at: Timestamp) -> Option<pulse_contract::Timestamp> {
    Some(at.into())
}

/// Ten yuan off for a month; one per customer, a hundred in total.
fn ten_off(node: &TestNode) -> TemplateDraft {
    TemplateDraft {
        name: "Ten off".to_owned(),
        discount: DiscountKind::Amount.into(),
        amount_minor: 1_000,
        currency: "CNY".to_owned(),
        starts_at: wire(node.now()),
        ends_at: wire(node.now().plus(30 * DAY)),
        per_customer_limit: 1,
        quota: 100,
        distribution: Distribution::Claim.into(),
        ..TemplateDraft::default()
    }
}

/// A template of the platform.
async fn template(node: &TestNode, draft: TemplateDraft) -> CouponTemplate {
    let request = CreatePlatformTemplateRequest { template: Some(draft) };
    node.coupons().create_platform_template(&node.cx(), request).await.unwrap()
}

async fn claim(node: &TestNode, account: i64, template_id: i64) -> Result<Coupon, Error> {
    node.coupons().claim_coupon(&customer(node, account), ClaimCouponRequest { template_id }).await
}

/// A stackable coupon of its own template.
async fn a_coupon(node: &TestNode, account: i64) -> Coupon {
    let template = template(node, TemplateDraft { is_stackable: true, ..ten_off(node) }).await;
    claim(node, account, template.template_id).await.unwrap()
}

async fn get(node: &TestNode, coupon: &Coupon) -> Coupon {
    let request = GetCouponRequest { coupon_id: coupon.coupon_id };
    node.coupons().get_coupon(&customer(node, coupon.account_id), request).await.unwrap()
}

/// State of a coupon, and the order that reserves or used it.
async fn state_of(node: &TestNode, coupon: &Coupon) -> (CouponState, i64) {
    let coupon = get(node, coupon).await;
    (coupon.state(), coupon.order_id)
}

/// One line of a hundred yuan.
fn hundred() -> Vec<DiscountLine> {
    vec![DiscountLine { line_number: 1, variant_id: 100, category_code: 0, subtotal_minor: 10_000 }]
}

/// Reserves coupons of an account for an order, for 15 minutes.
async fn reserve(node: &TestNode, order_id: i64, coupons: &[&Coupon]) -> Result<CouponDiscounts, Error> {
    let request = ReserveCouponsRequest {
        order_id,
        account_id: coupons.first().map_or(1, |coupon| coupon.account_id),
        shop_id: SHOP,
        currency: "CNY".to_owned(),
        lines: hundred(),
        coupon_ids: ids(coupons),
        expires_at: wire(node.now().plus(15 * MINUTE)),
    };
    node.coupons().reserve_coupons(&node.cx(), request).await
}

/// The coupons that a paid order lost.
async fn redeem(node: &TestNode, order_id: i64, coupons: &[&Coupon]) -> Result<Vec<i64>, Error> {
    let request = RedeemCouponsRequest { order_id, coupon_ids: ids(coupons) };
    Ok(node.coupons().redeem_coupons(&node.cx(), request).await?.lost_coupon_ids)
}

/// The coupons that an order returned.
async fn return_coupons_of(node: &TestNode, order_id: i64) -> Vec<i64> {
    node.coupons().return_coupons(&node.cx(), ReturnCouponsRequest { order_id }).await.unwrap().coupon_ids
}

fn ids(coupons: &[&Coupon]) -> Vec<i64> {
    coupons.iter().map(|coupon| coupon.coupon_id).collect()
}

/// Quota of a template of the platform in the stock context.
async fn quota(node: &TestNode, template_id: i64) -> Stock {
    let resource = ResourceRef { kind: ResourceKind::Coupon.into(), id: template_id };
    let request = GetStockRequest { shop_id: 0, resource: Some(resource) };
    node.stock().get_stock(&node.cx(), request).await.unwrap()
}

/// Units on hand and reserved units of a quota.
async fn left(node: &TestNode, template_id: i64) -> (i64, i64) {
    let stock = quota(node, template_id).await;
    (stock.on_hand, stock.reserved)
}

/// Advances the clock after all events are delivered, so that no delivery times out.
async fn later(node: &TestNode, duration: Duration) {
    node.settle().await;
    node.advance(duration);
}

/// Asserts all invariants of the context.
async fn assert_sound(node: &TestNode) {
    let verified = pulse_marketing::verify(node.store("marketing"), node.stock(), false).await.unwrap();
    assert_eq!(verified.findings, []);
}

/// Rows of the tables of the context.
async fn rows<T: FromRow>(node: &TestNode, sql: &'static str) -> Vec<T> {
    node.store("marketing").all(Statement::new(sql, [])).await.unwrap()
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");

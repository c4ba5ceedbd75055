//! Grants: many accounts, each with its own outcome.

use pulse_contract::marketing::v1::*;
use pulse_kernel::{Cx, Error};
use pulse_testkit::{TestNode, cny};

use crate::{SHOP, assert_sound, by, claim, code, customer, left, rows, tally, template, ten_off};

fn given(node: &TestNode) -> TemplateDraft {
    TemplateDraft { distribution: Distribution::Grant.into(), ..ten_off(node) }
}

async fn grant(node: &TestNode, cx: &Cx, template_id: i64, accounts: &[i64]) -> Result<Vec<Grant>, Error> {
    let request = GrantCouponsRequest { template_id, account_ids: accounts.to_vec() };
    Ok(node.coupons().grant_coupons(cx, request).await?.grants)
}

/// PL-06: accounts at their limit or above the quota get an error code; the others get a coupon.
pub(crate) async fn everybody_named_gets_one_or_a_reason(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 3, ..ten_off(node) }).await.template_id;
    claim(node, 2, template_id).await.unwrap();
    let grants = grant(node, &node.cx(), template_id, &[1, 2, 3, 4]).await.unwrap();
    assert_eq!(grants.iter().map(|grant| grant.account_id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(grants[1].code, "MARKETING_CUSTOMER_LIMIT");
    let codes = tally(grants.iter().map(|grant| grant.code.as_str()));
    assert_eq!(codes, [("", 2), ("MARKETING_CUSTOMER_LIMIT", 1), ("MARKETING_QUOTA_EXHAUSTED", 1)]);
    assert!(grants.iter().all(|grant| grant.code.is_empty() == (grant.coupon_id != 0)));
    node.settle().await;
    assert_eq!(left(node, template_id).await, (0, 0));
    let sale = TemplateDraft { distribution: Distribution::Purchase.into(), price: Some(cny(100)), ..ten_off(node) };
    let sold = template(node, sale).await.template_id;
    assert_eq!(code(&grant(node, &node.cx(), sold, &[1]).await), "MARKETING_NOT_CLAIMABLE");
    assert_sound(node).await;
}

/// A retry with the same key issues no second coupon, also after a crash of the first request; another key does.
pub(crate) async fn a_repeated_grant_gives_nothing_twice(node: &mut TestNode) {
    let draft = TemplateDraft { per_customer_limit: 2, quota: 3, ..given(node) };
    let template_id = template(node, draft).await.template_id;
    let request = GrantCouponsRequest { template_id, account_ids: vec![1, 2] };
    let staff = by(node, 9, &[]);
    let operator = Cx { actor: node.cx().actor, ..staff };
    let cx = node.keyed(operator.clone(), "may", "GrantCoupons", &request);
    let first = node.coupons().grant_coupons(&cx, request.clone()).await.unwrap();
    assert_eq!(node.coupons().grant_coupons(&cx, request.clone()).await.unwrap(), first, "the saved answer");
    // As after a crash before the answer was stored.
    let delete = pulse_store::Statement::new("DELETE FROM marketing_answers", []);
    node.store("marketing").commit(&node.cx(), pulse_store::Commit::new().write(delete)).await.unwrap();
    assert_eq!(node.coupons().grant_coupons(&cx, request.clone()).await.unwrap(), first, "what was remembered");
    let cx = node.keyed(operator, "june", "GrantCoupons", &request);
    let second = node.coupons().grant_coupons(&cx, request).await.unwrap();
    assert_eq!(
        tally(second.grants.iter().map(|grant| grant.code.as_str())),
        [("", 1), ("MARKETING_QUOTA_EXHAUSTED", 1)]
    );
    node.settle().await;
    assert_eq!(left(node, template_id).await, (0, 0));
}

/// Concurrent grants of the maximum size issue exactly the quota.
pub(crate) async fn a_thousand_are_granted_at_once(node: &mut TestNode) {
    let template_id = template(node, TemplateDraft { quota: 900, ..given(node) }).await.template_id;
    let accounts: Vec<i64> = (1..=1_000).collect();
    let cx = node.cx();
    let (all, some) =
        futures::join!(grant(node, &cx, template_id, &accounts), grant(node, &cx, template_id, &accounts[..100]));
    let count = all.unwrap().iter().chain(&some.unwrap()).filter(|grant| grant.coupon_id != 0).count();
    assert_eq!(count, 900);
    let distinct: Vec<(i64,)> = rows(node, "SELECT COUNT(DISTINCT account_id) FROM marketing_coupons").await;
    assert_eq!(distinct, [(900,)], "no account has two");
    node.settle().await;
    assert_eq!(left(node, template_id).await, (0, 0));
    assert_sound(node).await;
}

/// Staff grants coupons of its shop, operators of the platform; other callers do not find the templates.
pub(crate) async fn only_who_manages_a_template_grants_it(node: &mut TestNode) {
    let request = CreateTemplateRequest { shop_id: SHOP, template: Some(given(node)) };
    let shops = node.coupons().create_template(&by(node, 9, &[SHOP]), request).await.unwrap().template_id;
    let platforms = template(node, given(node)).await.template_id;
    let staff = by(node, 9, &[SHOP]);
    assert_eq!(code(&grant(node, &staff, shops, &[1]).await), "ok");
    assert_eq!(code(&grant(node, &staff, platforms, &[1]).await), "MARKETING_TEMPLATE_NOT_FOUND");
    assert_eq!(code(&grant(node, &by(node, 8, &[SHOP + 1]), shops, &[2]).await), "MARKETING_TEMPLATE_NOT_FOUND");
    assert_eq!(code(&grant(node, &customer(node, 9), shops, &[2]).await), "MARKETING_TEMPLATE_NOT_FOUND");
    assert_eq!(code(&grant(node, &node.cx(), platforms, &[1]).await), "ok");
}

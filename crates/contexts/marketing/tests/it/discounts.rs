//! Evaluation of coupons: discounts and reasons.

use pulse_contract::marketing::v1::*;
use pulse_kernel::{Cx, Error, Locale};
use pulse_testkit::TestNode;

use crate::{DAY, SHOP, by, claim, code, customer, hundred, later, reserve, template, ten_off};

async fn validate(
    node: &TestNode,
    cx: &Cx,
    lines: Vec<DiscountLine>,
    coupon_ids: Vec<i64>,
) -> Result<CouponDiscounts, Error> {
    let request = ValidateCouponsRequest { shop_id: SHOP, currency: "CNY".to_owned(), lines, coupon_ids };
    node.coupons().validate_coupons(cx, request).await
}

fn line(line_number: i32, category_code: i64, subtotal_minor: i64) -> DiscountLine {
    DiscountLine { line_number, variant_id: i64::from(line_number) * 100, category_code, subtotal_minor }
}

/// PL-13, PL-14: an eligible coupon has an exactly prorated discount; each other coupon has its own reason.
pub(crate) async fn coupons_are_appraised_together(node: &mut TestNode) {
    let stackable = TemplateDraft { is_stackable: true, ..ten_off(node) };
    let percent = TemplateDraft {
        discount: DiscountKind::Percent.into(),
        amount_minor: 0,
        percent_basis_points: 2_000,
        cap_minor: 1_500,
        category_codes: vec![50_000_001],
        ..stackable.clone()
    };
    let drafts = [
        stackable.clone(),
        percent,
        TemplateDraft { threshold_minor: 20_000, ..stackable.clone() },
        TemplateDraft { is_stackable: false, ..stackable.clone() },
        TemplateDraft { variant_ids: vec![999], ..stackable.clone() },
        TemplateDraft { valid_days: 1, ..stackable },
    ];
    let mut ids = Vec::new();
    for draft in drafts {
        ids.push(claim(node, 1, template(node, draft).await.template_id).await.unwrap().coupon_id);
    }
    later(node, 2 * DAY).await;
    ids.push(42);
    let lines = vec![line(1, 50_120_002, 6_000), line(2, 60_000_001, 4_001)];
    let evaluated = validate(node, &customer(node, 1), lines, ids.clone()).await.unwrap();
    let codes: Vec<(i64, &str, i64)> = evaluated
        .discounts
        .iter()
        .map(|evaluated| (evaluated.coupon_id, evaluated.code.as_str(), evaluated.discount_minor))
        .collect();
    let expected = [
        (ids[0], "", 1_000),
        (ids[1], "", 1_080),
        (ids[4], "MARKETING_COUPON_SCOPE", 0),
        (ids[2], "MARKETING_COUPON_THRESHOLD", 0),
        (ids[5], "MARKETING_COUPON_EXPIRED", 0),
        (ids[3], "MARKETING_COUPON_NOT_STACKABLE", 0),
        (ids[6], "MARKETING_COUPON_NOT_FOUND", 0),
    ];
    let sorted = |mut all: Vec<(i64, &'static str, i64)>| {
        all.sort_unstable();
        all
    };
    assert_eq!(codes[..2], expected[..2], "eligible coupons first, in the order of application");
    let mut evaluated_codes = codes.clone();
    evaluated_codes.sort_unstable();
    assert_eq!(evaluated_codes, sorted(expected.to_vec()));
    assert_eq!(evaluated.discount_minor, 2_080);
    let shares: Vec<Vec<(i32, i64)>> = evaluated.discounts[..2]
        .iter()
        .map(|evaluated| evaluated.lines.iter().map(|line| (line.line_number, line.discount_minor)).collect())
        .collect();
    assert_eq!(shares, [vec![(1, 600), (2, 400)], vec![(1, 1_080)]]);
}

/// Reasons are in the language of the caller.
pub(crate) async fn reasons_are_in_the_language_of_the_caller(node: &mut TestNode) {
    let coupon = claim(node, 1, template(node, ten_off(node)).await.template_id).await.unwrap();
    for (locale, discount, unknown) in [
        (Locale::En, "10.00 CNY off", "you do not have this coupon"),
        (Locale::Zh, "立减 10.00 CNY", "您没有这张优惠券"),
    ] {
        let cx = Cx { locale, ..customer(node, 1) };
        let evaluated = validate(node, &cx, hundred(), vec![coupon.coupon_id, 42]).await.unwrap();
        let reasons: Vec<&str> = evaluated.discounts.iter().map(|evaluated| evaluated.reason.as_str()).collect();
        assert_eq!(reasons, [discount, unknown]);
        assert_eq!(evaluated.discounts[0].name, "Ten off");
    }
}

/// A coupon of a shop applies to that shop; a coupon of the platform applies to the shops of its template.
pub(crate) async fn a_shop_has_its_own_coupons(node: &mut TestNode) {
    let mut coupons = Vec::new();
    for shop_id in [SHOP, SHOP + 1] {
        let request = CreateTemplateRequest { shop_id, template: Some(ten_off(node)) };
        let made = node.coupons().create_template(&by(node, 9, &[shop_id]), request).await.unwrap();
        let coupon = claim(node, 1, made.template_id).await.unwrap();
        assert_eq!(coupon.shop_id, shop_id);
        coupons.push(coupon);
        let named = template(node, TemplateDraft { shop_ids: vec![shop_id], ..ten_off(node) }).await;
        coupons.push(claim(node, 1, named.template_id).await.unwrap());
    }
    let mut codes = Vec::new();
    for coupon in &coupons {
        let evaluated = validate(node, &customer(node, 1), hundred(), vec![coupon.coupon_id]).await.unwrap();
        codes.push(evaluated.discounts[0].code.clone());
    }
    assert_eq!(codes, ["", "", "MARKETING_COUPON_SCOPE", "MARKETING_COUPON_SCOPE"]);
    assert_eq!(code(&reserve(node, 1, &[&coupons[2]]).await), "MARKETING_COUPON_SCOPE");
}

/// Duplicate line numbers and negative subtotals are refused for all callers.
pub(crate) async fn lies_about_lines_are_refused(node: &mut TestNode) {
    let coupon = claim(node, 1, template(node, ten_off(node)).await.template_id).await.unwrap();
    for lines in [vec![line(1, 0, 5), line(1, 0, 5)], vec![line(1, 0, -5)], vec![line(1, 0, i64::MAX)]] {
        let outcome = validate(node, &customer(node, 1), lines, vec![coupon.coupon_id]).await;
        assert_eq!(code(&outcome), "VALIDATION_FAILED");
    }
}

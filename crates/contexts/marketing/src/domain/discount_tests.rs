//! Tables and properties of the law of discounts.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::category::Subtree;
use super::super::template::tests::ten_off;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(500);
const NOODLES: i64 = 50_000_001;
const SPICY_NOODLES: i64 = 50_120_002;
const TEA: i64 = 60_000_001;

fn line(number: i32, category: i64, subtotal_minor: i64) -> Line {
    Line { number, variant: i64::from(number) * 100, category, subtotal_minor }
}

fn purchase(lines: &[Line]) -> Purchase {
    Purchase { shop: ShopId::new(7), currency: Some(Currency::CNY), lines: lines.to_vec(), now: NOW }
}

fn coupon(id: i64, template: Template) -> Candidate {
    let expires_at = Timestamp::from_millis(1_000);
    Candidate { coupon: CouponId::new(id), state: State::Active, expires_at, template }
}

fn amount(minor: i64) -> Template {
    Template { discount: DiscountValue::Amount { minor }, is_stackable: true, ..ten_off() }
}

fn percent(basis_points: i64, cap_minor: i64) -> Template {
    Template { discount: DiscountValue::Percent { basis_points, cap_minor }, is_stackable: true, ..ten_off() }
}

fn of(categories: &[i64], template: Template) -> Template {
    let categories = categories.iter().map(|code| Subtree::of(*code).unwrap()).collect();
    Template { scope: Scope { categories, ..Scope::default() }, ..template }
}

/// `coupon: discount = line shares`, or why not, one per line.
fn evaluated(purchase: &Purchase, candidates: &[Candidate]) -> String {
    let verdicts = evaluate(purchase, candidates).into_iter().map(|verdict| match verdict.outcome {
        Ok(Discount { minor, shares }) => format!("{}: {minor} = {shares:?}", verdict.coupon.get()),
        Err(why) => format!("{}: {why:?}", verdict.coupon.get()),
    });
    verdicts.collect::<Vec<_>>().join("\n")
}

#[test]
fn amounts_come_off_first_and_percentages_of_what_is_left() {
    let lines = purchase(&[line(1, NOODLES, 6_000), line(2, TEA, 4_000)]);
    let (ten, fifth) = (coupon(2, amount(1_000)), coupon(1, percent(2_000, 0)));
    let expected = "2: 1000 = [(1, 600), (2, 400)]\n1: 1800 = [(1, 1080), (2, 720)]";
    assert_eq!(evaluated(&lines, &[ten.clone(), fifth.clone()]), expected);
    assert_eq!(evaluated(&lines, &[fifth, ten]), expected, "the order of the names does not matter");
}

#[test]
fn the_coupon_for_fewer_lines_comes_first() {
    let lines = purchase(&[line(1, NOODLES, 1_000), line(2, TEA, 4_000)]);
    let everywhere = coupon(1, amount(1_000));
    let noodles = coupon(2, of(&[NOODLES], amount(1_000)));
    assert_eq!(evaluated(&lines, &[everywhere, noodles]), "2: 1000 = [(1, 1000)]\n1: 1000 = [(2, 1000)]");
}

#[test]
fn a_percentage_is_rounded_half_down_and_capped() {
    for (basis_points, cap, subtotal, expected) in [
        (1_000, 0, 105, "1: 10 = [(1, 10)]"), // 10.5
        (1_001, 0, 105, "1: 11 = [(1, 11)]"), // 10.5105
        (1_000, 0, 5, "1: Threshold"),        // 0.5
        (1_000, 0, 6, "1: 1 = [(1, 1)]"),     // 0.6
        (10_000, 0, 999, "1: 999 = [(1, 999)]"),
        (5_000, 300, 1_000, "1: 300 = [(1, 300)]"),
        (5_000, 0, 0, "1: Threshold"),
    ] {
        let lines = purchase(&[line(1, TEA, subtotal)]);
        assert_eq!(
            evaluated(&lines, &[coupon(1, percent(basis_points, cap))]),
            expected,
            "{basis_points} of {subtotal}"
        );
    }
}

#[test]
fn a_coupon_is_for_what_its_scope_says() {
    let lines = purchase(&[line(1, SPICY_NOODLES, 3_000), line(2, TEA, 5_000)]);
    let shops = |shops: &[i64]| {
        let shops = shops.iter().map(|shop| ShopId::new(*shop)).collect();
        Template { scope: Scope { shops, ..Scope::default() }, ..amount(800) }
    };
    let variants =
        |variants: &[i64]| Template { scope: Scope { variants: variants.to_vec(), ..Scope::default() }, ..amount(800) };
    let both = |categories: &[i64], variant: i64| {
        let template = of(categories, amount(800));
        Template { scope: Scope { variants: vec![variant], ..template.scope.clone() }, ..template }
    };
    for (template, expected) in [
        (of(&[NOODLES], amount(800)), "1: 800 = [(1, 800)]"),
        (of(&[SPICY_NOODLES, 50_120_033], amount(9_000)), "1: 3000 = [(1, 3000)]"),
        (of(&[50_130_002], amount(800)), "1: Scope"),
        (shops(&[7, 8]), "1: 800 = [(1, 300), (2, 500)]"),
        (shops(&[8]), "1: Scope"),
        (variants(&[200]), "1: 800 = [(2, 800)]"),
        (variants(&[300]), "1: Scope"),
        (both(&[NOODLES], 100), "1: 800 = [(1, 800)]"),
        (both(&[NOODLES], 200), "1: Scope"),
        (Template { currency: Some(Currency::EUR), ..amount(800) }, "1: Scope"),
        (Template { currency: None, ..amount(800) }, "1: Scope"),
    ] {
        assert_eq!(evaluated(&lines, &[coupon(1, template.clone())]), expected, "{template:?}");
    }
}

#[test]
fn a_threshold_counts_the_lines_of_the_coupon_before_discounts() {
    let lines = purchase(&[line(1, NOODLES, 3_000), line(2, TEA, 5_000)]);
    let from = |threshold_minor, template| Template { threshold_minor, ..template };
    assert_eq!(evaluated(&lines, &[coupon(1, from(3_000, of(&[NOODLES], amount(1))))]), "1: 1 = [(1, 1)]");
    assert_eq!(evaluated(&lines, &[coupon(1, from(3_001, of(&[NOODLES], amount(1))))]), "1: Threshold");
    let both = [coupon(1, from(8_000, amount(2_000))), coupon(2, from(8_000, amount(1_000)))];
    assert_eq!(evaluated(&lines, &both), "1: 2000 = [(1, 750), (2, 1250)]\n2: 1000 = [(1, 375), (2, 625)]");
}

#[test]
fn what_cannot_be_stacked_stands_alone() {
    let lines = purchase(&[line(1, TEA, 1_000)]);
    let alone = |id, minor| coupon(id, Template { is_stackable: false, ..amount(minor) });
    let along = |id, minor| coupon(id, amount(minor));
    assert_eq!(evaluated(&lines, &[alone(1, 100)]), "1: 100 = [(1, 100)]");
    assert_eq!(evaluated(&lines, &[alone(1, 100), along(2, 50)]), "2: 50 = [(1, 50)]\n1: NotStackable");
    assert_eq!(evaluated(&lines, &[alone(2, 100), alone(1, 50)]), "1: 50 = [(1, 50)]\n2: NotStackable");
    let over = Candidate { expires_at: NOW, ..along(2, 50) };
    assert_eq!(
        evaluated(&lines, &[alone(1, 100), over]),
        "1: 100 = [(1, 100)]\n2: Expired",
        "the other cannot be used"
    );
    assert_eq!(evaluated(&lines, &[along(1, 5_000), along(2, 50)]), "1: 1000 = [(1, 1000)]\n2: NotStackable");
}

#[test]
fn the_first_reason_is_said() {
    let lines = purchase(&[line(1, TEA, 1_000)]);
    let wrong = Candidate {
        state: State::Reserved,
        expires_at: NOW,
        ..coupon(1, of(&[NOODLES], Template { threshold_minor: 9_000, ..amount(1) }))
    };
    let active = Candidate { state: State::Active, ..wrong.clone() };
    let in_time = Candidate { expires_at: Timestamp::from_millis(501), ..active.clone() };
    let here = Candidate { template: Template { threshold_minor: 9_000, ..amount(1) }, ..in_time };
    for (candidate, expected) in
        [(wrong, "1: Taken"), (active, "1: Expired"), (in_time, "1: Scope"), (here, "1: Threshold")]
    {
        assert_eq!(evaluated(&lines, &[candidate]), expected);
    }
}

fn any_template() -> impl Strategy<Value = Template> {
    let discount = prop_oneof![
        (0_i64..20_000).prop_map(|minor| DiscountValue::Amount { minor }),
        (0_i64..=10_000, prop_oneof![Just(0_i64), 1_i64..5_000])
            .prop_map(|(basis_points, cap_minor)| DiscountValue::Percent { basis_points, cap_minor }),
    ];
    let categories = subsequence(vec![NOODLES, SPICY_NOODLES, TEA], 0..=2);
    let variants = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(vec![100_i64, 200, 300], 1..=2)];
    (discount, categories, variants, 0_i64..20_000, any::<bool>()).prop_map(
        |(discount, categories, variants, threshold_minor, is_stackable)| {
            let categories = categories.into_iter().filter_map(Subtree::of).collect();
            let scope = Scope { categories, variants, ..Scope::default() };
            Template { discount, scope, threshold_minor, is_stackable, ..ten_off() }
        },
    )
}

fn any_purchase() -> impl Strategy<Value = Purchase> {
    let category = prop::sample::select(vec![NOODLES, SPICY_NOODLES, TEA, 0]);
    let subtotal = prop_oneof![0_i64..10, 0_i64..30_000, Just(1_000_000_000_000)];
    prop::collection::vec((category, subtotal), 1..6).prop_map(|lines| {
        let lines = (1..).zip(lines).map(|(number, (category, subtotal))| line(number, category, subtotal));
        purchase(&lines.collect::<Vec<_>>())
    })
}

fn any_coupons() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(any_template(), 1..6)
        .prop_map(|templates| (1..).zip(templates).map(|(id, template)| coupon(id, template)).collect())
}

proptest! {
    /// PL-14: shares sum exactly, nothing is negative, no line costs less than nothing.
    #[test]
    fn shares_sum_exactly_and_no_line_costs_less_than_nothing(purchase in any_purchase(), coupons in any_coupons()) {
        let verdicts = evaluate(&purchase, &coupons);
        prop_assert_eq!(verdicts.len(), coupons.len());
        let mut off = std::collections::BTreeMap::new();
        for discount in verdicts.iter().filter_map(|verdict| verdict.outcome.as_ref().ok()) {
            prop_assert!(discount.minor > 0);
            prop_assert_eq!(discount.shares.iter().map(|share| share.1).sum::<i64>(), discount.minor);
            for (number, part) in &discount.shares {
                prop_assert!(*part > 0);
                *off.entry(*number).or_insert(0) += part;
            }
        }
        for line in &purchase.lines {
            prop_assert!(off.remove(&line.number).unwrap_or(0) <= line.subtotal_minor);
        }
        prop_assert!(off.is_empty(), "a share of no line");
    }

    #[test]
    fn the_order_of_the_names_does_not_matter(
        purchase in any_purchase(),
        (coupons, shuffled) in any_coupons().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(evaluate(&purchase, &coupons), evaluate(&purchase, &shuffled));
    }

    #[test]
    fn what_cannot_be_stacked_is_never_beside_another(purchase in any_purchase(), coupons in any_coupons()) {
        let verdicts = evaluate(&purchase, &coupons);
        let used: Vec<CouponId> =
            verdicts.iter().filter(|verdict| verdict.outcome.is_ok()).map(|verdict| verdict.coupon).collect();
        let is_alone = |id: &CouponId| coupons.iter().any(|c| c.coupon == *id && !c.template.is_stackable);
        prop_assert!(used.len() < 2 || !used.iter().any(is_alone));
    }
}

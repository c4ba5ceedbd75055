//! Prices: tables of orders, and properties of every price.

use proptest::prelude::*;
use pulse_kernel::Locale;
use pulse_kernel::id::CouponId;

use super::area::Location;
use super::quote::*;

fn variant(variant_id: i64, price_minor: i64, currency: &str) -> Variant {
    Variant { variant_id, name: "one".to_owned(), price_minor, currency: currency.to_owned() }
}

fn offers() -> Vec<Offer> {
    let sugar = Group {
        name: "sugar".to_owned(),
        choices_min: 1,
        choices_max: 2,
        modifiers: vec![("less".to_owned(), 0), ("more".to_owned(), 50)],
    };
    let tea = Offer {
        product_id: 1,
        name: "Tea".to_owned(),
        category_code: 7,
        variants: vec![variant(10, 1_200, "CNY"), variant(11, i64::MAX, "CNY"), variant(12, 900, "USD")],
        groups: vec![],
    };
    let milk_tea =
        Offer { product_id: 2, variants: vec![variant(20, 1_500, "CNY")], groups: vec![sugar], ..tea.clone() };
    vec![tea, milk_tea]
}

/// `quantity x product/variant+modifier+modifier`.
fn requested(text: &str) -> RequestedLine {
    let mut words = text.split([' ', 'x', '/', '+']).filter(|word| !word.is_empty());
    let mut number = || words.next().unwrap().parse::<i64>().unwrap();
    let (quantity, product_id, variant_id) = (number(), number(), number());
    let choices = words.map(|name| Choice { group: "sugar".to_owned(), modifier: name.to_owned() }).collect();
    RequestedLine { product_id, variant_id, quantity: i32::try_from(quantity).unwrap(), choices, note: String::new() }
}

fn check(requests: &str, expected: &str) {
    let requests: Vec<RequestedLine> = requests.split(", ").filter(|text| !text.is_empty()).map(requested).collect();
    let lines = price_lines(&offers(), requests);
    let priced = lines.lines.iter().map(|line| format!("{}={}", line.number, line.subtotal_minor));
    let wrong = lines.problems.iter().map(|problem| format!("{} {:?}", problem.field, problem.kind));
    assert_eq!(priced.chain(wrong).collect::<Vec<_>>().join(", "), expected);
    assert_eq!(lines.lines.iter().map(|line| line.subtotal_minor).sum::<i64>(), lines.subtotal_minor);
}

/// TR-28, PL-14: prices of lines, and all their problems at once.
#[test]
fn lines_are_priced_or_refused() {
    check("1 x 1/10", "1=1200");
    check("3 x 1/10, 2 x 2/20+more", "1=3600, 2=3100");
    check("2 x 2/20+less+more", "1=3100");
    check("", "lines Empty");
    check("0 x 1/10, -1 x 1/10, 1000 x 1/10", "lines[0] Empty, lines[1] Empty, lines[2] TooLarge");
    check("1 x 3/10, 1 x 1/20", "lines[0] ItemUnknown, lines[1] ItemUnknown");
    check("1 x 2/20, 1 x 2/20+less+less+more", "lines[0] ChoicesInvalid, lines[1] ChoicesInvalid");
    check("1 x 2/20+salt, 1 x 1/10+less", "lines[0] ChoicesInvalid, lines[1] ChoicesInvalid");
    check("1 x 1/10, 1 x 1/12, 1 x 2/20+less", "1=1200, 3=1500, lines[1] CurrencyMismatch");
    check("1 x 1/11", "lines[0] TooLarge");
    check("1 x 9/9, 5000 x 1/10, 1 x 1/10", "3=1200, lines[0] ItemUnknown, lines[1] TooLarge");
}

const SHOP: Location = Location { latitude: 31.23, longitude: 121.47 };
const NEAR: Location = Location { latitude: 31.24, longitude: 121.47 };

fn conditions() -> Conditions {
    let terms = Terms { delivery_radius_m: 2_000, order_minimum_minor: 1_000, ..Terms::default() };
    Conditions { terms, is_open: true, shop: Some(SHOP), ..Conditions::default() }
}

/// All problems of the shop, the address and the amount are reported at once.
#[test]
fn conditions_are_checked() {
    let lines = price_lines(&offers(), vec![requested("1 x 1/10")]);
    let far = Location { latitude: 32.0, longitude: 121.47 };
    let nowhere = Terms { delivery_radius_m: 0, ..conditions().terms };
    let strict = Terms { order_minimum_minor: 1_201, ..conditions().terms };
    let delivery = Conditions { is_delivery: true, address: Some(NEAR), ..conditions() };
    for (conditions, expected) in [
        (conditions(), ""),
        (delivery, ""),
        (Conditions { is_open: false, ..conditions() }, "ShopClosed"),
        (Conditions { address: Some(far), ..delivery }, "AddressOutside"),
        (Conditions { address: None, ..delivery }, "AddressOutside"),
        (Conditions { terms: nowhere, ..delivery }, "AddressOutside"),
        (Conditions { terms: strict, ..conditions() }, "BelowMinimum"),
        (
            Conditions { terms: strict, is_open: false, address: Some(far), ..delivery },
            "ShopClosed AddressOutside BelowMinimum",
        ),
    ] {
        let found: Vec<String> =
            check_conditions(&conditions, &lines).iter().map(|problem| format!("{:?}", problem.kind)).collect();
        assert_eq!(found.join(" "), expected);
    }
    let broken = price_lines(&offers(), vec![requested("1 x 9/9")]);
    assert!(
        check_conditions(&conditions(), &broken).is_empty(),
        "the minimum is not checked if a line could not be priced"
    );
}

fn parts(price: &Price) -> String {
    price.parts.iter().map(|part| format!("{:?} {}", part.kind, part.amount_minor)).collect::<Vec<_>>().join(", ")
}

/// PL-14: components that were computed by hand.
#[test]
fn prices_are_the_sum_of_their_parts() {
    let delivery = Conditions { is_delivery: true, address: Some(NEAR), tip_minor: 300, ..conditions() };
    let fees = Terms { packing_fee_minor: 100, delivery_fee_minor: 500, ..conditions().terms };
    let taxed = Terms { tax_basis_points: 650, ..fees };
    let included = Terms { is_tax_included: true, ..taxed };
    let free = Terms { delivery_free_from_minor: 2_400, ..fees };
    let coupon = Discount {
        coupon: CouponId::new(5),
        amount_minor: 333,
        reason: "a gift".to_owned(),
        shares: vec![(1, 111), (2, 222)],
    };
    for (terms, discounts, expected, total, tax_included) in [
        (conditions().terms, vec![], "Items 2400, Delivery 0, Tip 300", 2_700, 0),
        (fees, vec![], "Items 2400, Packing 100, Delivery 500, Tip 300", 3_300, 0),
        (free, vec![], "Items 2400, Packing 100, Delivery 0, Tip 300", 2_800, 0),
        // 6.5 % of 2667 is 173.355.
        (taxed, vec![coupon], "Items 2400, Discount -333, Packing 100, Delivery 500, Tax 173, Tip 300", 3_140, 0),
        // 3000 include 183.098.
        (included, vec![], "Items 2400, Packing 100, Delivery 500, Tip 300", 3_300, 183),
    ] {
        let mut lines = price_lines(&offers(), vec![requested("1 x 1/10"), requested("1 x 1/10")]);
        let price = total_price(&mut lines, &Conditions { terms, ..delivery }, &discounts, Locale::En).unwrap();
        assert_eq!(
            (parts(&price).as_str(), price.total_minor, price.tax_included_minor),
            (expected, total, tax_included)
        );
        let shares: i64 = lines.lines.iter().map(|line| line.discount_minor).sum();
        assert_eq!(shares, discounts.iter().map(|discount| discount.amount_minor).sum::<i64>());
    }
}

/// Half a minor unit of tax rounds up.
#[test]
fn tax_is_rounded_half_up() {
    for (price, basis_points, expected) in [(50, 100, 1), (49, 100, 0), (150, 100, 2), (149, 100, 1), (1, 10_000, 1)] {
        let offer = Offer { product_id: 1, variants: vec![variant(10, price, "CNY")], ..Offer::default() };
        let terms = Terms { tax_basis_points: basis_points, ..Terms::default() };
        let mut lines = price_lines(&[offer], vec![requested("1 x 1/10")]);
        let price = total_price(&mut lines, &Conditions { terms, ..conditions() }, &[], Locale::En).unwrap();
        assert_eq!(price.parts.last().unwrap().amount_minor, expected);
    }
}

/// Discounts that do not match the lines are refused.
#[test]
fn discounts_must_fit_the_lines() {
    let discount =
        |amount_minor, shares| Discount { amount_minor, shares, coupon: CouponId::new(5), reason: String::new() };
    for (discounts, is_accepted) in [
        (vec![discount(1_200, vec![(1, 1_200)])], true),
        (vec![discount(1_201, vec![(1, 1_201)])], false),
        (vec![discount(700, vec![(1, 700)]), discount(600, vec![(1, 600)])], false),
        (vec![discount(10, vec![(1, 9)])], false),
        (vec![discount(0, vec![(1, 9), (1, -9)])], false),
        (vec![discount(9, vec![(2, 9)])], false),
    ] {
        let mut lines = price_lines(&offers(), vec![requested("1 x 1/10")]);
        assert_eq!(
            total_price(&mut lines, &conditions(), &discounts, Locale::En).is_ok(),
            is_accepted,
            "{discounts:?}"
        );
    }
}

/// Every component is explained in both languages.
#[test]
fn reasons_are_in_the_language_of_the_caller() {
    let terms = Terms {
        tax_basis_points: 605,
        packing_fee_minor: 1,
        delivery_fee_minor: 1,
        delivery_free_from_minor: 1_200,
        ..conditions().terms
    };
    let conditions = Conditions { terms, is_delivery: true, address: Some(NEAR), tip_minor: 1, ..conditions() };
    for (locale, expected) in [
        (Locale::En, "1 item|Packing|Delivery is free from 12.00 CNY|Tax 6.05 %|Tip"),
        (Locale::Zh, "共 1 件|打包费|满 12.00 CNY 免配送费|税 6.05%|小费"),
    ] {
        let mut lines = price_lines(&offers(), vec![requested("1 x 1/10")]);
        let price = total_price(&mut lines, &conditions, &[], locale).unwrap();
        let reasons: Vec<&str> = price.parts.iter().map(|part| part.reason.as_str()).collect();
        assert_eq!(reasons.join("|"), expected);
    }
}

proptest! {
    /// PL-14: the components sum to the total, which is never negative; the shares of the lines sum to the discounts; the
    /// tax is within half a unit of the exact value.
    #[test]
    fn every_price_sums_exactly(
        items in prop::collection::vec((0..5_000_000_i64, 1..=999_i32), 1..8),
        share in 0..=100_i64,
        rates in (0..=10_000_u32, any::<bool>()),
        fees in (0..100_000_i64, 0..100_000_i64, 0..10_000_i64),
        is_delivery: bool,
    ) {
        let variants = items.iter().zip(1..).map(|((price, _), id)| variant(id, *price, "CNY")).collect();
        let offer = Offer { product_id: 1, variants, ..Offer::default() };
        let requests = items.iter().zip(1..).map(|((_, quantity), id)| {
            RequestedLine { product_id: 1, variant_id: id, quantity: *quantity, ..RequestedLine::default() }
        }).collect();
        let mut lines = price_lines(&[offer], requests);
        prop_assert_eq!(lines.problems.len(), 0);
        let shares: Vec<(i32, i64)> =
            lines.lines.iter().map(|line| (line.number, (line.subtotal_minor * share).div_euclid(100))).collect();
        let amount_minor = shares.iter().map(|(_, share)| share).sum();
        let discount = Discount { coupon: CouponId::new(1), amount_minor, reason: String::new(), shares };
        let terms = Terms {
            tax_basis_points: rates.0,
            is_tax_included: rates.1,
            delivery_radius_m: 5_000,
            delivery_fee_minor: fees.0,
            packing_fee_minor: fees.1,
            ..Terms::default()
        };
        let conditions = Conditions { terms, is_delivery, address: Some(NEAR), tip_minor: fees.2, ..conditions() };
        let price = total_price(&mut lines, &conditions, &[discount], Locale::En).unwrap();
        prop_assert_eq!(price.parts.iter().map(|part| part.amount_minor).sum::<i64>(), price.total_minor);
        prop_assert!(price.total_minor >= 0);
        prop_assert_eq!(lines.lines.iter().map(|line| line.discount_minor).sum::<i64>(), amount_minor);
        let tax: i64 = price.parts.iter().filter(|part| part.kind == PartKind::Tax).map(|part| part.amount_minor).sum();
        let taxed = i128::from(price.total_minor - fees.2 - tax);
        let rate = i128::from(rates.0);
        let (tax, numerator, denominator) = if rates.1 {
            (price.tax_included_minor, taxed * rate, 10_000 + rate)
        } else {
            (tax, taxed * rate, 10_000)
        };
        let error = numerator * 2 - i128::from(tax) * denominator * 2;
        prop_assert!(-denominator <= error && error < denominator, "{error} of {denominator}");
    }
}

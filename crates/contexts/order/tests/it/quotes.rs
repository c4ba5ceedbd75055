//! Quotes.

use pulse_contract::order::v1::*;
use pulse_kernel::Locale;
use pulse_testkit::{TestNode, place};

use crate::shop_fixtures::{ShopFixture, address, assert_clean, line};

fn parts(quote: &Quote) -> Vec<(PriceKind, i64)> {
    quote.price.as_ref().unwrap().parts.iter().map(|part| (part.kind(), part.amount_minor)).collect()
}

/// PL-14: every component with its explanation in the language of the caller; they sum to the total.
pub(crate) async fn a_quote_explains_its_price(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let coupon = fixture.coupon(node, 500, 1_000).await;
    let more = Choice { group: "sugar".to_owned(), modifier: "more".to_owned() };
    let sweet = CartLine { choices: vec![more], ..line(&fixture.tea, 2) };
    let draft = OrderDraft {
        lines: vec![sweet, line(&fixture.cake, 1)],
        coupon_ids: vec![coupon],
        tip_minor: 200,
        ..fixture.delivered(fixture.teas(1))
    };
    let quote = fixture.quote(node, &draft).await;
    assert_eq!(quote.problems, []);
    let expected = [
        (PriceKind::Items, 5_500),
        (PriceKind::Discount, -500),
        (PriceKind::PackingFee, 100),
        (PriceKind::DeliveryFee, 500),
        // 6 % of 56.00.
        (PriceKind::Tax, 336),
        (PriceKind::Tip, 200),
    ];
    assert_eq!(parts(&quote), expected);
    let price = quote.price.unwrap();
    assert_eq!((price.total_minor, price.currency.as_str()), (6_136, "CNY"));
    assert_eq!(price.parts.iter().map(|part| part.amount_minor).sum::<i64>(), price.total_minor);
    assert_eq!(quote.lines.iter().map(|line| line.discount_minor).sum::<i64>(), 500);
    let said: Vec<&str> = price.parts.iter().map(|part| part.reason.as_str()).collect();
    assert_eq!((said[0], said[2], said[3], said[4], said[5]), ("3 items", "Packing", "Delivery", "Tax 6.00 %", "Tip"));
    assert_eq!(price.parts[1].coupon_id, coupon);
    let chinese = pulse_kernel::Cx { locale: Locale::Zh, ..fixture.customer.cx() };
    let request = QuoteOrderRequest { draft: Some(draft) };
    let quote = node.orders().quote_order(&chinese, request).await.unwrap();
    assert_eq!(quote.price.unwrap().parts[0].reason, "共 3 件");
}

/// A quote reserves neither stock nor coupons.
pub(crate) async fn a_quote_reserves_nothing(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 2).await;
    let coupon = fixture.coupon(node, 500, 1_000).await;
    for _ in 0..3 {
        let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) };
        assert_eq!(fixture.quote(node, &draft).await.problems, []);
    }
    assert_eq!(fixture.tea_stock(node).await, (2, 0));
    let draft = OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) };
    fixture.place(node, draft).await.unwrap();
    node.settle().await;
    assert_clean(node).await;
}

/// A quote contains all problems that prevent placing the order.
pub(crate) async fn a_quote_lists_every_problem(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    let unknown = CartLine { variant_id: 4_711, ..line(&fixture.tea, 1) };
    let salt = Choice { group: "salt".to_owned(), modifier: "more".to_owned() };
    let salty = CartLine { choices: vec![salt], ..line(&fixture.tea, 1) };
    let far = DeliveryAddress { location: Some(place(31.5, 121.4737)), ..address() };
    let draft = OrderDraft {
        lines: vec![unknown, line(&fixture.cake, 1), salty],
        address: Some(far),
        ..fixture.delivered(fixture.teas(1))
    };
    let quote = fixture.quote(node, &draft).await;
    let found: Vec<(&str, &str)> =
        quote.problems.iter().map(|problem| (problem.field.as_str(), problem.code.as_str())).collect();
    let expected = [
        ("lines[0]", "ORDER_ITEM_UNKNOWN"),
        ("lines[2]", "ORDER_CHOICES_INVALID"),
        ("address", "ORDER_ADDRESS_OUTSIDE"),
    ];
    assert_eq!(found, expected);
    assert_eq!((quote.lines.len(), quote.lines[0].line_number, quote.price), (1, 2, None));
}

//! M5, M6: amounts in the unit of the provider, and amounts that it cannot charge.

use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::PaymentAttempt;
use pulse_contract::shop::v1::CreateProductRequest;
use pulse_testkit::{TestNode, product};
use serde_json::json;

use crate::code;
use crate::shop_fixtures::*;
use crate::stripe::{deliver_from_stripe, made, reply, run_everywhere, with_stripe_default};

/// Draft of an order of one product with this price.
async fn draft(fixture: &ShopFixture, node: &TestNode, minor: i64, currency: &str) -> OrderDraft {
    let mut wanted = product(&format!("{currency} {minor}"), minor);
    wanted.variants[0].price = Some(pulse_contract::Money { minor, currency: currency.to_owned() });
    let request = CreateProductRequest { shop_id: fixture.shop.id(), product: Some(wanted) };
    let made = node.catalog().create_product(&node.cx(), request).await.unwrap();
    let (product_id, variant_id) = (made.product_id, made.variants[0].variant_id);
    let line = CartLine { product_id, variant_id, quantity: 1, ..CartLine::default() };
    OrderDraft { shop_id: fixture.shop.id(), lines: vec![line], ..OrderDraft::default() }
}

async fn place(
    fixture: &ShopFixture,
    node: &TestNode,
    draft: OrderDraft,
    minor: i64,
) -> Result<Order, pulse_kernel::Error> {
    let request = PlaceOrderRequest {
        draft: Some(draft),
        expected_total_minor: Some(minor),
        payment_method: PaymentMethod::Online.into(),
        ..PlaceOrderRequest::default()
    };
    let placed = node.orders().place_order(&fixture.customer.cx(), request).await;
    node.settle().await;
    placed
}

/// M6: the quote names the problem, and the order is refused before anything is reserved.
#[test]
fn amounts_that_cannot_be_charged_are_refused_before_placing() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        for (minor, currency, rule) in [
            (5_124, "KWD", "takes multiples of 0.010 KWD, got 5.124 KWD"),
            (1, "BHD", "takes multiples of 0.010 BHD, got 0.001 BHD"),
            (30, "USD", "takes at least 0.50 USD, got 0.30 USD"),
            (150, "MGA", "takes multiples of 1.00 MGA, got 1.50 MGA"),
            (500, "IRR", "does not take the currency IRR"),
        ] {
            let draft = draft(&fixture, node, minor, currency).await;
            let request = QuoteOrderRequest { draft: Some(draft.clone()) };
            let quote = node.orders().quote_order(&fixture.customer.cx(), request).await.unwrap();
            let problems: Vec<&str> = quote.problems.iter().map(|problem| problem.code.as_str()).collect();
            assert_eq!(problems, ["ORDER_AMOUNT_NOT_PAYABLE"], "{minor} {currency}");
            assert!(quote.problems[0].detail.ends_with(rule), "{}", quote.problems[0].detail);
            let placed = place(&fixture, node, draft, minor).await;
            assert_eq!(code(&placed), "ORDER_AMOUNT_NOT_PAYABLE");
        }
        let mut terms = crate::paying::with_cash(fixture.shop.id());
        terms.terms.as_mut().unwrap().is_cash_accepted = true;
        node.catalog().set_terms(&node.cx(), terms).await.unwrap();
        let draft = draft(&fixture, node, 31, "USD").await;
        let request = QuoteOrderRequest { draft: Some(draft.clone()) };
        let quote = node.orders().quote_order(&fixture.customer.cx(), request).await.unwrap();
        assert_eq!(quote.problems, [], "it can be paid in cash");
        assert_eq!(code(&place(&fixture, node, draft, 31).await), "ORDER_AMOUNT_NOT_PAYABLE");
        assert_eq!(stripe.requests().len(), 0);
    });
}

/// M5: amounts are sent and read in the unit of Stripe.
#[test]
fn amounts_are_sent_in_the_unit_of_the_provider() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        for (minor, currency, sent) in
            [(50_000, "MGA", 500), (5_120, "KWD", 5_120), (900, "ISK", 90_000), (60, "JPY", 60)]
        {
            let draft = draft(&fixture, node, minor, currency).await;
            let order = place(&fixture, node, draft, minor).await.unwrap();
            let mut intent = made("requires_payment_method");
            (intent["id"], intent["currency"]) = (json!(currency), json!(currency.to_lowercase()));
            (intent["amount"], intent["amount_received"]) = (json!(sent), json!(sent));
            stripe.will_reply([reply(&intent)]);
            let request = with_stripe_default(order.order_id);
            node.payments().start_payment(&fixture.customer.cx(), request).await.unwrap();
            let body = stripe.requests()[0].body.clone();
            let expected = format!("amount={sent}&currency={}&", currency.to_lowercase());
            assert!(body.starts_with(&expected), "{body}");
            intent["status"] = json!("succeeded");
            deliver_from_stripe(node, currency, "payment_intent.succeeded", &intent).await;
            assert_eq!(fixture.see(node, order.order_id).await.state(), OrderState::Confirmed);
            let payment = fixture.payment(node, order.order_id).await;
            let received: Vec<_> =
                payment.attempts.iter().filter_map(|a: &PaymentAttempt| a.received.clone()).collect();
            assert_eq!(received, [payment.amount.unwrap()]);
        }
        check(node).await;
    });
}

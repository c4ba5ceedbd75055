//! Invalid input: each problem has its code, all are reported together, and nothing is reserved.

use pulse_contract::order::v1::*;
use pulse_contract::shop::v1::{Hours, HoursSpan, SetHoursRequest, ShopTerms};
use pulse_testkit::{TestNode, place};
use serde_json::{Value, json};

use crate::code;
use crate::shop_fixtures::{ShopFixture, address, assert_clean, line, placing, published, terms};

/// Over REST: invalid quantities, unknown variants, coupons of others, wrong totals, and so on.
pub(crate) async fn invalid_orders_are_refused_with_their_codes(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 5).await;
    let http = node.http();
    let total = ShopFixture::tea_total(1).to_string();
    let tea = |quantity: Value| {
        json!({
            "product_id": fixture.tea.product_id.to_string(),
            "variant_id": fixture.tea.variants[0].variant_id.to_string(),
            "quantity": quantity,
        })
    };
    let shop = fixture.shop.id().to_string();
    let with = |lines: Value| json!({ "draft": { "shop_id": shop, "lines": lines }, "expected_total_minor": total });
    let mut lies = with(json!([tea(json!(1))]));
    lies["expected_total_minor"] = json!("1");
    let mut own_price = tea(json!(1));
    own_price["unit_price_minor"] = json!("1");
    let mut unknown = tea(json!(1));
    unknown["variant_id"] = json!("4711");
    let mut foreign = with(json!([tea(json!(1))]));
    foreign["draft"]["coupon_ids"] = json!(["4711"]);
    let mut nowhere = with(json!([tea(json!(1))]));
    nowhere["draft"]["shop_id"] = json!("4711");
    let mut far = with(json!([tea(json!(1))]));
    far["draft"]["fulfilment"] = json!("FULFILMENT_DELIVERY");
    far["draft"]["address"] = json!({
        "recipient": "Li", "phone": "+8613800138001", "address": "x", "location": { "latitude": 32.0, "longitude": 121.0 },
    });
    // With packing, delivery and tax.
    far["expected_total_minor"] = json!("1908");
    let mut homeless = far.clone();
    homeless["draft"]["address"] = Value::Null;
    let mut gone = json!({ "expected_total_minor": total });
    gone["pre_order_id"] = json!("4711");
    for (body, status, expected) in [
        (with(json!([tea(json!(0))])), 400, "VALIDATION_FAILED"),
        (with(json!([tea(json!(-1))])), 400, "VALIDATION_FAILED"),
        (with(json!([tea(json!(1_000))])), 400, "VALIDATION_FAILED"),
        (with(json!([tea(json!(2_147_483_648_i64))])), 400, "VALIDATION_FAILED"),
        (with(json!([own_price])), 400, "VALIDATION_FAILED"),
        (with(json!([])), 400, "ORDER_EMPTY"),
        (json!({ "expected_total_minor": total }), 400, "ORDER_EMPTY"),
        // E7: a total cannot be confirmed by leaving it out.
        (json!({}), 400, "VALIDATION_FAILED"),
        (json!({ "draft": { "shop_id": shop, "lines": [tea(json!(1))] } }), 400, "VALIDATION_FAILED"),
        // E3: a whole number is an integer in each of its forms.
        (with(json!([tea(json!("+2"))])), 400, "VALIDATION_FAILED"),
        (with(json!([tea(json!("02"))])), 400, "VALIDATION_FAILED"),
        (with(json!([tea(json!(6.0))])), 409, "ORDER_PRICE_CHANGED"),
        (with(Value::Null), 400, "ORDER_EMPTY"),
        (with(json!([unknown])), 409, "ORDER_ITEM_UNKNOWN"),
        (foreign, 409, "ORDER_COUPON_REFUSED"),
        (nowhere, 404, "SHOP_NOT_FOUND"),
        (far, 409, "ORDER_ADDRESS_OUTSIDE"),
        (homeless, 409, "ORDER_ADDRESS_OUTSIDE"),
        (lies, 409, "ORDER_PRICE_CHANGED"),
        (gone, 404, "ORDER_DRAFT_NOT_FOUND"),
        (with(json!([tea(json!(6))])), 409, "ORDER_PRICE_CHANGED"),
    ] {
        let reply = http.post("/v1/orders", &body).by(&fixture.customer).send().await;
        assert_eq!((reply.status, reply.code().as_str()), (status, expected), "{body}");
    }
    let short = PlaceOrderRequest { ..placing(fixture.teas(6), ShopFixture::tea_total(6)) };
    assert_eq!(code(&node.orders().place_order(&fixture.customer.cx(), short).await), "ORDER_STOCK_SHORT");
    let nobody = http.post("/v1/orders", &with(json!([tea(json!(1))]))).send().await;
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "UNAUTHENTICATED"));
    node.settle().await;
    assert_eq!(fixture.tea_stock(node).await, (5, 0));
    assert_eq!(published::<OrderPlaced>(node).await, []);
    let fine = http.post("/v1/orders", &with(json!([tea(json!(1))]))).by(&fixture.customer).key("fine").send().await;
    assert_eq!(fine.ok::<Order>().state(), OrderState::AwaitingPayment);
}

/// A closed shop, a distant address, too low a sum, two currencies, cash that is not accepted: all together.
pub(crate) async fn all_problems_are_reported_together(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 5).await;
    fixture.set_terms(node, ShopTerms { is_cash_accepted: false, order_minimum_minor: 9_000, ..terms() }).await;
    // The shop opens on Mondays at 18:00; it is noon.
    let evening = HoursSpan { weekday: 1, opens_minute: 18 * 60, closes_minute: 22 * 60 };
    let hours = Hours { week: vec![evening], ..Hours::default() };
    let request = SetHoursRequest { shop_id: fixture.shop.id(), hours: Some(hours), ..Default::default() };
    node.shops().set_hours(&fixture.shop.owner.cx(), request).await.unwrap();
    let far = DeliveryAddress { location: Some(place(32.0, 121.4737)), ..address() };
    let draft = OrderDraft { address: Some(far), ..fixture.delivered(fixture.teas(1)) };
    let cash = PlaceOrderRequest {
        payment_method: PaymentMethod::CashOnDelivery.into(),
        ..placing(draft.clone(), fixture.quote(node, &draft).await.price.unwrap().total_minor)
    };
    let refused = node.orders().place_order(&fixture.customer.cx(), cash).await.unwrap_err();
    let codes: Vec<&str> = refused.violations().iter().map(|violation| violation.code.as_ref()).collect();
    let expected =
        ["ORDER_SHOP_CLOSED", "ORDER_ADDRESS_OUTSIDE", "ORDER_BELOW_MINIMUM", "ORDER_PAYMENT_METHOD_REFUSED"];
    assert_eq!((refused.code(), codes), ("ORDER_REFUSED", expected.into()));
    assert_eq!(fixture.tea_stock(node).await, (5, 0));
    // The product of another shop is unknown here; two problems of one kind have its code.
    let other = node.open_shop("+8613900000003", pulse_testkit::draft("Other")).await;
    let request = pulse_contract::shop::v1::CreateProductRequest {
        shop_id: other.id(),
        product: Some(pulse_testkit::product("Theirs", 500)),
    };
    let theirs = node.catalog().create_product(&other.owner.cx(), request).await.unwrap();
    node.advance(crate::MINUTE * 60 * 7);
    let draft = OrderDraft { lines: vec![line(&theirs, 1), line(&theirs, 2)], ..fixture.teas(1) };
    let refused = node.orders().place_order(&fixture.customer.cx(), placing(draft, 0)).await.unwrap_err();
    assert_eq!((refused.code(), refused.violations().len()), ("ORDER_ITEM_UNKNOWN", 2));
    assert_clean_of_orders(node).await;
}

async fn assert_clean_of_orders(node: &TestNode) {
    node.settle().await;
    assert_eq!(published::<OrderPlaced>(node).await, []);
    assert_eq!(pulse_order::verify(node.store("order"), false).await.unwrap().findings, []);
}

/// A price that changed since the quote is refused; the refusal contains the new quote.
pub(crate) async fn a_changed_price_comes_with_the_new_quote(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 5).await;
    let coupon = fixture.coupon(node, 200, 0).await;
    for draft in [fixture.teas(2), OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) }] {
        let stale = placing(draft.clone(), 4_711);
        let refused = node.orders().place_order(&fixture.customer.cx(), stale).await.unwrap_err();
        assert_eq!(refused.code(), "ORDER_PRICE_CHANGED");
        let said = |name: &str| {
            let found = refused.metadata().iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap()
        };
        let quote: Value = serde_json::from_str(&said("quote")).unwrap();
        let total = fixture.quote(node, &draft).await.price.unwrap().total_minor;
        assert_eq!(said("total_minor"), total.to_string());
        assert_eq!(quote["price"]["total_minor"], json!(total.to_string()));
        assert_eq!(quote["lines"].as_array().unwrap().len(), 1);
        node.orders().place_order(&fixture.customer.cx(), placing(draft, total)).await.unwrap();
    }
    node.settle().await;
    assert_clean(node).await;
}

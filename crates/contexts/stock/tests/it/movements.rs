//! Movements of units: replenishment, adjustment, transfer, rules, and access of shops.

use pulse_contract::stock::v1::*;
use pulse_testkit::{TestNode, draft, product};
use serde_json::json;

use crate::code;
use crate::stock_fixture::*;

/// A stock record requires a variant of the shop.
pub(crate) async fn stock_belongs_to_a_variant_of_the_shop(node: &mut TestNode) {
    let node = &*node;
    let shop = node.a_shop().await;
    let request =
        pulse_contract::shop::v1::CreateProductRequest { shop_id: shop.id(), product: Some(product("Oolong", 1_800)) };
    let tea = node.catalog().create_product(&shop.owner.cx(), request).await.unwrap();
    let variant_id = tea.variants[0].variant_id;
    let put = |product_id, variant_id| {
        let rules = Some(StockRules { warning_line: 2, ..StockRules::default() });
        let request = PutStockRequest { shop_id: shop.id(), product_id, variant_id, rules };
        let cx = shop.owner.cx();
        async move { node.stock().put_stock(&cx, request).await }
    };
    let stock = put(tea.product_id, variant_id).await.unwrap();
    assert_eq!((stock.shop_id, stock.resource, stock.on_hand, stock.version), (shop.id(), Some(sku(variant_id)), 0, 1));
    assert_eq!(put(tea.product_id, variant_id).await.unwrap(), stock, "the same again changes nothing");
    assert_eq!(code(&put(tea.product_id, variant_id + 1).await), "STOCK_NOT_FOUND");
    assert_eq!(code(&put(tea.product_id + 1, variant_id).await), "SHOP_PRODUCT_NOT_FOUND");
    check(node).await;
}

/// A replenishment starts to count a variant of the shop, with default rules; later ones keep its rules.
pub(crate) async fn a_replenishment_creates_the_stock_of_a_variant(node: &mut TestNode) {
    let node = &*node;
    let shop = node.a_shop().await;
    let other = node.open_shop("+8613800138001", draft("Other")).await;
    let request =
        pulse_contract::shop::v1::CreateProductRequest { shop_id: shop.id(), product: Some(product("Oolong", 1_800)) };
    let tea = node.catalog().create_product(&shop.owner.cx(), request).await.unwrap();
    let (product_id, variant_id) = (tea.product_id, tea.variants[0].variant_id);
    let replenish = |shop_id, resource| {
        let request = ReplenishStockRequest { shop_id, resource: Some(resource), quantity: 5, note: String::new() };
        let cx = shop.owner.cx();
        async move { node.stock().replenish_stock(&cx, request).await }
    };
    assert_eq!(code(&replenish(shop.id(), sku(variant_id + 1)).await), "STOCK_NOT_FOUND");
    assert_eq!(code(&replenish(other.id(), sku(variant_id)).await), "STOCK_NOT_FOUND", "a variant of another shop");
    let coupon = ResourceRef { kind: ResourceKind::Coupon.into(), id: variant_id };
    assert_eq!(code(&replenish(shop.id(), coupon).await), "STOCK_NOT_FOUND");
    let all = futures::future::join_all((0..4).map(|_| replenish(shop.id(), sku(variant_id)))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let get = GetStockRequest { shop_id: shop.id(), resource: Some(sku(variant_id)) };
    let stock = node.stock().get_stock(&shop.owner.cx(), get).await.unwrap();
    assert_eq!(
        (stock.on_hand, stock.rules),
        (20, Some(StockRules { deduct_at: DeductAt::Order.into(), ..Default::default() }))
    );
    let rules = Some(StockRules { warning_line: 3, deduct_at: DeductAt::Order.into(), ..StockRules::default() });
    let put = PutStockRequest { shop_id: shop.id(), product_id, variant_id, rules };
    node.stock().put_stock(&shop.owner.cx(), put).await.unwrap();
    assert_eq!(replenish(shop.id(), sku(variant_id)).await.unwrap().rules, rules);
    check(node).await;
}

/// Replenishment and adjustment; reserved units cannot be removed.
pub(crate) async fn quantities_are_replenished_and_adjusted(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let stock = replenish(node, 1, 7).await.unwrap();
    assert_eq!((stock.on_hand, stock.available, stock.version), (12, 12, 2));
    reserve(node, reserve_request(1, &[(1, 10)])).await;
    let refused = adjust(node, 1, -3).await;
    assert_eq!(code(&refused), "STOCK_SHORT");
    assert_eq!(refused.unwrap_err().metadata(), [("available".into(), "2".to_owned())]);
    assert_eq!(adjust(node, 1, -2).await.unwrap().available, 0);
    assert_eq!(quantities(node, 1).await, (10, 10, 0));
    check(node).await;
}

/// Overflow, unknown resources and missing fields are refused.
pub(crate) async fn invalid_movements_are_refused(node: &mut TestNode) {
    put_stock(node, 1, 1_000_000_000_000).await;
    assert_eq!(code(&replenish(node, 1, 1).await), "STOCK_TOO_MUCH");
    assert_eq!(code(&adjust(node, 1, 1).await), "STOCK_TOO_MUCH");
    assert_eq!(code(&replenish(node, 2, 1).await), "STOCK_NOT_FOUND");
    assert_eq!(code(&replenish(node, 1, 0).await), "VALIDATION_FAILED");
    let request = PutResourceRequest { shop_id: SHOP, resource: Some(sku(2)), rules: None, on_hand: 1 };
    assert_eq!(code(&node.stock().put_resource(&node.cx(), request).await), "VALIDATION_FAILED");
    let nothing = GetStockRequest { shop_id: SHOP, resource: None };
    assert_eq!(code(&node.stock().get_stock(&node.cx(), nothing).await), "VALIDATION_FAILED");
    check(node).await;
}

/// A transfer changes both resources or none.
pub(crate) async fn a_transfer_moves_both_or_none(node: &mut TestNode) {
    let node = &*node;
    put_stock(node, 1, 10).await;
    put_stock(node, 2, 0).await;
    reserve(node, reserve_request(1, &[(1, 4)])).await;
    let transfer = |from, to, quantity| {
        let note = "to the other variant".to_owned();
        let request = TransferStockRequest { shop_id: SHOP, from: Some(sku(from)), to: Some(sku(to)), quantity, note };
        let cx = node.cx();
        async move { node.stock().transfer_stock(&cx, request).await }
    };
    let both = transfer(1, 2, 6).await.unwrap();
    assert_eq!((both.from.unwrap().available, both.to.unwrap().available), (0, 6));
    assert_eq!(code(&transfer(1, 2, 1).await), "STOCK_SHORT");
    assert_eq!(code(&transfer(2, 2, 1).await), "STOCK_TRANSFER_INVALID");
    assert_eq!(code(&transfer(2, 3, 1).await), "STOCK_NOT_FOUND");
    let foreign = PutResourceRequest {
        shop_id: SHOP + 1,
        resource: Some(sku(4)),
        rules: Some(StockRules::default()),
        on_hand: 0,
    };
    node.stock().put_resource(&node.cx(), foreign).await.unwrap();
    assert_eq!(code(&transfer(2, 4, 1).await), "STOCK_TRANSFER_INVALID");
    assert_eq!((quantities(node, 1).await, quantities(node, 2).await), ((4, 4, 0), (6, 0, 6)));
    check(node).await;
}

/// Pages neither repeat nor skip resources; the list can be limited to low ones.
pub(crate) async fn lists_have_pages_and_a_filter_for_low_stock(node: &mut TestNode) {
    for id in 1..=7 {
        let rules = StockRules { warning_line: 5, ..StockRules::default() };
        put_stock_with(node, id, id * 2, rules).await;
    }
    let seat = ResourceRef { kind: ResourceKind::Seat.into(), id: 1 };
    let request =
        PutResourceRequest { shop_id: SHOP, resource: Some(seat), rules: Some(StockRules::default()), on_hand: 4 };
    node.stock().put_resource(&node.cx(), request).await.unwrap();
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListStockRequest { shop_id: SHOP, is_low: false, page_size: 3, page_token };
        let page = node.stock().list_stock(&node.cx(), request).await.unwrap();
        seen.extend(page.stock.iter().map(|stock| stock.resource.unwrap()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<ResourceRef> = (1..=7).map(sku).chain([seat]).collect();
    assert_eq!(seen, expected);
    let low = ListStockRequest { shop_id: SHOP, is_low: true, ..ListStockRequest::default() };
    let low = node.stock().list_stock(&node.cx(), low).await.unwrap().stock;
    assert_eq!(low.iter().map(|stock| stock.available).collect::<Vec<_>>(), [2, 4]);
}

/// For another shop, the stock of a shop does not exist.
pub(crate) async fn a_shop_does_not_see_the_stock_of_another(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let (shop_id, resource, cx) = (SHOP + 1, Some(sku(1)), node.cx());
    let stock = node.stock();
    let replenish = ReplenishStockRequest { shop_id, resource, quantity: 1, note: String::new() };
    let adjust = AdjustStockRequest { shop_id, resource, delta: 1, note: "x".to_owned() };
    let put = PutResourceRequest { shop_id, resource, rules: Some(StockRules::default()), on_hand: 0 };
    let then = GetStockAtRequest { shop_id, resource, at: Some(cx.now.into()) };
    let movements = ListMovementsRequest { shop_id, resource, ..ListMovementsRequest::default() };
    let explanation = ExplainStockRequest { shop_id, resource, quantity: 1, at: None };
    let codes = [
        code(&stock.get_stock(&cx, GetStockRequest { shop_id, resource }).await),
        code(&stock.replenish_stock(&cx, replenish).await),
        code(&stock.adjust_stock(&cx, adjust).await),
        code(&stock.put_resource(&cx, put).await),
        code(&stock.get_stock_at(&cx, then).await),
        code(&stock.list_movements(&cx, movements).await),
        code(&stock.explain_stock(&cx, explanation).await),
    ];
    assert_eq!(codes, ["STOCK_NOT_FOUND"; 7]);
    let list = ListStockRequest { shop_id, ..ListStockRequest::default() };
    assert_eq!(stock.list_stock(&cx, list).await.unwrap().stock, []);
    assert_eq!(quantities(node, 1).await, (5, 0, 5));
}

/// A change of rules keeps the quantities and adds no movement.
pub(crate) async fn a_change_of_rules_keeps_quantities(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    reserve(node, reserve_request(1, &[(1, 2)])).await;
    let rules = StockRules { deduct_at: DeductAt::Payment.into(), is_oversell_allowed: true, warning_line: 9 };
    let stock = put_stock_with(node, 1, 1_000, rules).await;
    assert_eq!((stock.on_hand, stock.reserved, stock.version, stock.rules), (5, 2, 2, Some(rules)));
    assert_eq!(journal(node, 1).await.len(), 2);
    check(node).await;
}

/// Staff of a shop over HTTP: access to its own stock, no access to reservations.
pub(crate) async fn staff_work_over_http(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let other = node.open_shop("+8613900000003", draft("Noodles")).await;
    let request = PutResourceRequest {
        shop_id: shop.id(),
        resource: Some(sku(1)),
        rules: Some(StockRules::default()),
        on_hand: 5,
    };
    node.stock().put_resource(&node.cx(), request).await.unwrap();
    let http = node.http();
    let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/1", shop.id());
    let replenish = |person, key: &str| {
        http.post(&format!("{path}:replenish"), &json!({ "quantity": "3", "note": "a box" })).by(person).key(key).send()
    };
    let first: Stock = replenish(&shop.owner, "box-1").await.ok();
    let again: Stock = replenish(&shop.owner, "box-1").await.ok();
    assert_eq!((first.on_hand, again), (8, first));
    assert_eq!(replenish(&other.owner, "box-1").await.code(), "PERMISSION_DENIED");
    let movements: ListMovementsResponse = http.get(&format!("{path}/movements")).by(&shop.owner).send().await.ok();
    assert_eq!(movements.movements[0].actor_account_id, shop.owner.id());
    let explanation: ExplainStockResponse =
        http.get(&format!("{path}:explain?quantity=9")).by(&shop.owner).send().await.ok();
    assert_eq!(explanation.status(), LineStatus::Insufficient);
    let body = json!({ "key": { "owner": "RESERVATION_OWNER_ORDER", "id": "1" }, "lines": [] });
    let reply = http.post("/v1/operator/stock/reservations", &body).by(&shop.owner).send().await;
    assert_eq!(reply.code(), "PERMISSION_DENIED");
    check(node).await;
}

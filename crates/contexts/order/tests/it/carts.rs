//! Carts and drafts.

use futures::future::join_all;
use pulse_contract::order::v1::*;
use pulse_testkit::TestNode;

use crate::shop_fixtures::{ShopFixture, assert_clean, line, placing, published};
use crate::{DAY, MINUTE, SECOND, code};

async fn put(node: &TestNode, fixture: &ShopFixture, shop_id: i64, lines: Vec<CartLine>) -> Cart {
    node.orders().put_cart(&fixture.customer.cx(), PutCartRequest { shop_id, lines }).await.unwrap()
}

async fn cart_of(node: &TestNode, fixture: &ShopFixture, shop_id: i64) -> Vec<CartLine> {
    node.orders().get_cart(&fixture.customer.cx(), GetCartRequest { shop_id }).await.unwrap().lines
}

/// A cart is replaced as a whole and deleted with its order, unless it was changed while the order was placed.
pub(crate) async fn a_cart_is_kept_per_shop(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let shop_id = fixture.shop.id();
    let lines = vec![line(&fixture.tea, 2), line(&fixture.cake, 1)];
    assert_eq!(cart_of(node, &fixture, shop_id).await, []);
    put(node, &fixture, shop_id, vec![line(&fixture.cake, 9)]).await;
    let cart = put(node, &fixture, shop_id, lines.clone()).await;
    assert_eq!((cart.lines.clone(), cart.updated_at), (lines.clone(), Some(node.now().into())));
    put(node, &fixture, 4_711, vec![line(&fixture.tea, 1)]).await;
    let listed = node.orders().list_carts(&fixture.customer.cx(), ListCartsRequest {}).await.unwrap();
    assert_eq!(listed.carts.len(), 2);
    let draft = OrderDraft { is_cart: true, lines: vec![], ..fixture.teas(1) };
    let order = fixture.place(node, draft.clone()).await.unwrap();
    assert_eq!((order.lines.len(), order.lines[0].quantity), (2, 2));
    assert_eq!(cart_of(node, &fixture, shop_id).await, []);
    assert_eq!(cart_of(node, &fixture, 4_711).await.len(), 1);
    assert_eq!(code(&node.orders().place_order(&fixture.customer.cx(), placing(draft, 0)).await), "ORDER_EMPTY");
    assert_eq!(put(node, &fixture, 4_711, vec![]).await.lines, []);
    let listed = node.orders().list_carts(&fixture.customer.cx(), ListCartsRequest {}).await.unwrap();
    assert_eq!(listed.carts, []);
}

/// The fifty-first cart replaces the cart with the oldest change.
pub(crate) async fn an_account_has_at_most_fifty_carts(node: &mut TestNode) {
    let fixture = ShopFixture::new(node).await;
    for shop_id in 1..=51 {
        node.advance(SECOND);
        put(node, &fixture, shop_id, vec![line(&fixture.tea, 1)]).await;
    }
    let listed = node.orders().list_carts(&fixture.customer.cx(), ListCartsRequest {}).await.unwrap();
    let shops: Vec<i64> = listed.carts.iter().map(|cart| cart.shop_id).collect();
    assert_eq!(shops, (2..=51).rev().collect::<Vec<_>>());
}

async fn open(node: &TestNode, fixture: &ShopFixture, draft: OrderDraft) -> Draft {
    let request = OpenDraftRequest { draft: Some(draft) };
    node.orders().open_draft(&fixture.customer.cx(), request).await.unwrap()
}

/// TR-27: a second tab finds the draft of the first one, with its latest lines; parallel tabs open one draft.
pub(crate) async fn a_second_tab_finds_the_draft(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let opened = join_all((0..8).map(|_| open(node, &fixture, fixture.teas(1)))).await;
    assert!(opened.iter().all(|draft| draft.pre_order_id == opened[0].pre_order_id));
    let request = GetDraftRequest { shop_id: fixture.shop.id() };
    let found = node.orders().get_draft(&fixture.customer.cx(), request).await.unwrap();
    assert_eq!(found.pre_order_id, opened[0].pre_order_id);
    let changed = open(node, &fixture, fixture.teas(3)).await;
    assert_eq!(changed.pre_order_id, found.pre_order_id);
    assert_eq!(changed.quote.unwrap().price.unwrap().total_minor, ShopFixture::tea_total(3));
    let stranger = node.sign_up("+8613800138009").await;
    assert_eq!(code(&node.orders().get_draft(&stranger.cx(), request).await), "ORDER_DRAFT_NOT_FOUND");
    let theirs = PlaceOrderRequest { pre_order_id: found.pre_order_id, ..placing(fixture.teas(1), 1) };
    assert_eq!(code(&node.orders().place_order(&stranger.cx(), theirs).await), "ORDER_DRAFT_NOT_FOUND");
}

/// A draft expires half an hour after its last change.
pub(crate) async fn a_draft_expires(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let draft = open(node, &fixture, fixture.teas(1)).await;
    let request = GetDraftRequest { shop_id: fixture.shop.id() };
    node.advance(MINUTE * 30 - SECOND);
    node.orders().get_draft(&fixture.customer.cx(), request).await.unwrap();
    node.advance(SECOND);
    assert_eq!(code(&node.orders().get_draft(&fixture.customer.cx(), request).await), "ORDER_DRAFT_NOT_FOUND");
    let late = PlaceOrderRequest {
        pre_order_id: draft.pre_order_id,
        expected_total_minor: Some(ShopFixture::tea_total(1)),
        ..PlaceOrderRequest::default()
    };
    let outcome = node.orders().place_order(&fixture.customer.cx(), late).await;
    assert_eq!(code(&outcome), "ORDER_DRAFT_NOT_FOUND");
    let again = open(node, &fixture, fixture.teas(1)).await;
    assert_ne!(again.pre_order_id, draft.pre_order_id);
    node.advance(MINUTE * 31);
    node.settle().await;
    let query = pulse_store::Statement::new("SELECT COUNT(*) FROM order_drafts", []);
    assert_eq!(node.store("order").one::<(i64,)>(query).await.unwrap(), (0,));
}

/// TR-26: a draft becomes one order, also if it is placed repeatedly and in parallel; all calls return that order.
pub(crate) async fn a_draft_becomes_one_order(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let draft = open(node, &fixture, fixture.teas(2)).await;
    let request = PlaceOrderRequest {
        pre_order_id: draft.pre_order_id,
        expected_total_minor: Some(ShopFixture::tea_total(2)),
        ..PlaceOrderRequest::default()
    };
    let cx = fixture.customer.cx();
    let outcomes = join_all((0..16).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    let first = outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|order| order == first)), "{outcomes:?}");
    let again = node.orders().place_order(&cx, request).await.unwrap();
    assert_eq!(again.order_id, first.order_id);
    assert_eq!(fixture.tea_stock(node).await, (100, 2));
    node.settle().await;
    assert_eq!(published::<OrderPlaced>(node).await.len(), 1);
    assert_ne!(open(node, &fixture, fixture.teas(2)).await.pre_order_id, draft.pre_order_id);
    assert_clean(node).await;
}

/// A cart without a change for 90 days is deleted; a changed one stays.
pub(crate) async fn a_cart_without_changes_is_deleted(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let lines = vec![line(&fixture.tea, 2)];
    for shop in [fixture.shop.id(), 4_711] {
        put(node, &fixture, shop, lines.clone()).await;
    }
    node.advance(DAY * 89);
    node.settle().await;
    put(node, &fixture, 4_711, lines.clone()).await;
    node.advance(DAY + MINUTE);
    node.settle().await;
    assert_eq!(cart_of(node, &fixture, fixture.shop.id()).await, []);
    assert_eq!(cart_of(node, &fixture, 4_711).await, lines);
}

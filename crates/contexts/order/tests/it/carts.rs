//! Carts and drafts.

use futures::future::join_all;
use pulse_contract::order::v1::*;
use pulse_testkit::TestNode;

use crate::street::{Street, assert_clean, line, placing, told};
use crate::{DAY, MINUTE, SECOND, code};

async fn put(node: &TestNode, street: &Street, shop_id: i64, lines: Vec<CartLine>) -> Cart {
    node.orders().put_cart(&street.customer.cx(), PutCartRequest { shop_id, lines }).await.unwrap()
}

async fn cart_of(node: &TestNode, street: &Street, shop_id: i64) -> Vec<CartLine> {
    node.orders().get_cart(&street.customer.cx(), GetCartRequest { shop_id }).await.unwrap().lines
}

/// A cart is replaced as a whole, is empty after its order, and keeps what was added while that was placed.
pub(crate) async fn a_cart_is_kept_per_shop(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let shop_id = street.shop.id();
    let lines = vec![line(&street.tea, 2), line(&street.cake, 1)];
    assert_eq!(cart_of(node, &street, shop_id).await, []);
    put(node, &street, shop_id, vec![line(&street.cake, 9)]).await;
    let cart = put(node, &street, shop_id, lines.clone()).await;
    assert_eq!((cart.lines.clone(), cart.updated_at), (lines.clone(), Some(node.now().into())));
    put(node, &street, 4_711, vec![line(&street.tea, 1)]).await;
    let listed = node.orders().list_carts(&street.customer.cx(), ListCartsRequest {}).await.unwrap();
    assert_eq!(listed.carts.len(), 2);
    let draft = OrderDraft { is_cart: true, lines: vec![], ..street.teas(1) };
    let order = street.place(node, draft.clone()).await.unwrap();
    assert_eq!((order.lines.len(), order.lines[0].quantity), (2, 2));
    assert_eq!(cart_of(node, &street, shop_id).await, []);
    assert_eq!(cart_of(node, &street, 4_711).await.len(), 1);
    assert_eq!(code(&node.orders().place_order(&street.customer.cx(), placing(draft, 0)).await), "ORDER_EMPTY");
    assert_eq!(put(node, &street, 4_711, vec![]).await.lines, []);
    let listed = node.orders().list_carts(&street.customer.cx(), ListCartsRequest {}).await.unwrap();
    assert_eq!(listed.carts, []);
}

/// The cart that was not touched for longest makes room for the fifty-first.
pub(crate) async fn there_is_room_for_fifty_carts(node: &mut TestNode) {
    let street = Street::new(node).await;
    for shop_id in 1..=51 {
        node.advance(SECOND);
        put(node, &street, shop_id, vec![line(&street.tea, 1)]).await;
    }
    let listed = node.orders().list_carts(&street.customer.cx(), ListCartsRequest {}).await.unwrap();
    let shops: Vec<i64> = listed.carts.iter().map(|cart| cart.shop_id).collect();
    assert_eq!(shops, (2..=51).rev().collect::<Vec<_>>());
}

async fn open(node: &TestNode, street: &Street, draft: OrderDraft) -> Draft {
    let request = OpenDraftRequest { draft: Some(draft) };
    node.orders().open_draft(&street.customer.cx(), request).await.unwrap()
}

/// TR-27: a second tab finds the first one's draft, with the lines that were said last; parallel tabs open one.
pub(crate) async fn a_second_tab_finds_the_draft(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let opened = join_all((0..8).map(|_| open(node, &street, street.teas(1)))).await;
    assert!(opened.iter().all(|draft| draft.pre_order_id == opened[0].pre_order_id));
    let request = GetDraftRequest { shop_id: street.shop.id() };
    let found = node.orders().get_draft(&street.customer.cx(), request).await.unwrap();
    assert_eq!(found.pre_order_id, opened[0].pre_order_id);
    let changed = open(node, &street, street.teas(3)).await;
    assert_eq!(changed.pre_order_id, found.pre_order_id);
    assert_eq!(changed.quote.unwrap().price.unwrap().total_minor, Street::tea_total(3));
    let stranger = node.sign_up("+8613800138009").await;
    assert_eq!(code(&node.orders().get_draft(&stranger.cx(), request).await), "ORDER_DRAFT_NOT_FOUND");
    let theirs = PlaceOrderRequest { pre_order_id: found.pre_order_id, ..placing(street.teas(1), 1) };
    assert_eq!(code(&node.orders().place_order(&stranger.cx(), theirs).await), "ORDER_DRAFT_NOT_FOUND");
}

/// A draft is forgotten half an hour after it was touched.
pub(crate) async fn a_draft_is_forgotten(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let draft = open(node, &street, street.teas(1)).await;
    let request = GetDraftRequest { shop_id: street.shop.id() };
    node.advance(MINUTE * 30 - SECOND);
    node.orders().get_draft(&street.customer.cx(), request).await.unwrap();
    node.advance(SECOND);
    assert_eq!(code(&node.orders().get_draft(&street.customer.cx(), request).await), "ORDER_DRAFT_NOT_FOUND");
    let late = PlaceOrderRequest {
        pre_order_id: draft.pre_order_id,
        expected_total_minor: Street::tea_total(1),
        ..PlaceOrderRequest::default()
    };
    let outcome = node.orders().place_order(&street.customer.cx(), late).await;
    assert_eq!(code(&outcome), "ORDER_DRAFT_NOT_FOUND");
    let again = open(node, &street, street.teas(1)).await;
    assert_ne!(again.pre_order_id, draft.pre_order_id);
    node.advance(MINUTE * 31);
    node.settle().await;
    let query = pulse_store::Statement::new("SELECT COUNT(*) FROM order_drafts", []);
    assert_eq!(node.store("order").one::<(i64,)>(query).await.unwrap(), (0,));
}

/// TR-26: a draft becomes one order, however often and however much at once it is placed; all get that order.
pub(crate) async fn a_draft_becomes_one_order(node: &mut TestNode) {
    let street = Street::with_tea(node, 100).await;
    let draft = open(node, &street, street.teas(2)).await;
    let request = PlaceOrderRequest {
        pre_order_id: draft.pre_order_id,
        expected_total_minor: Street::tea_total(2),
        ..PlaceOrderRequest::default()
    };
    let cx = street.customer.cx();
    let outcomes = join_all((0..16).map(|_| node.orders().place_order(&cx, request.clone()))).await;
    let first = outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|order| order == first)), "{outcomes:?}");
    let again = node.orders().place_order(&cx, request).await.unwrap();
    assert_eq!(again.order_id, first.order_id);
    assert_eq!(street.tea_stock(node).await, (100, 2));
    node.settle().await;
    assert_eq!(told::<OrderPlaced>(node).await.len(), 1);
    assert_ne!(open(node, &street, street.teas(2)).await.pre_order_id, draft.pre_order_id);
    assert_clean(node).await;
}

/// A cart that nobody touches for 90 days is forgotten; one that somebody does stays.
pub(crate) async fn a_cart_that_nobody_touches_is_forgotten(node: &mut TestNode) {
    let street = Street::with_tea(node, 10).await;
    let lines = vec![line(&street.tea, 2)];
    for shop in [street.shop.id(), 4_711] {
        put(node, &street, shop, lines.clone()).await;
    }
    node.advance(DAY * 89);
    node.settle().await;
    put(node, &street, 4_711, lines.clone()).await;
    node.advance(DAY + MINUTE);
    node.settle().await;
    assert_eq!(cart_of(node, &street, street.shop.id()).await, []);
    assert_eq!(cart_of(node, &street, 4_711).await, lines);
}

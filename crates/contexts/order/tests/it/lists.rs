//! Lists, counts, searches.

use pulse_contract::order::v1::*;
use pulse_store::{Commit, Statement};
use pulse_testkit::{Person, TestNode};

use crate::shop_fixtures::{ShopFixture, assert_clean, pay};
use crate::{MINUTE, SECOND, code};

const LISTS: &str = "order.lists";

async fn pause(node: &TestNode) {
    node.settle().await;
    node.bus().set_mode(LISTS, pulse_bus::Mode::Paused).await.unwrap();
}

async fn resume(node: &TestNode) {
    node.bus().set_mode(LISTS, pulse_bus::Mode::Running).await.unwrap();
    node.settle().await;
}

async fn mine(node: &TestNode, who: &Person, request: ListMyOrdersRequest) -> ListOrdersResponse {
    node.orders().list_my_orders(&who.cx(), request).await.unwrap()
}

async fn of_shop(node: &TestNode, fixture: &ShopFixture, filter: Option<OrderFilter>) -> ListOrdersResponse {
    let request = ListShopOrdersRequest { shop_id: fixture.shop.id(), filter, ..ListShopOrdersRequest::default() };
    node.orders().list_shop_orders(&fixture.shop.owner.cx(), request).await.unwrap()
}

fn ids(list: &ListOrdersResponse) -> Vec<i64> {
    list.orders.iter().map(|order| order.order_id).collect()
}

fn in_states(states: &[OrderState]) -> Option<OrderFilter> {
    Some(OrderFilter { states: states.iter().map(|state| i32::from(*state)).collect(), search: String::new() })
}

fn searching(search: &str) -> Option<OrderFilter> {
    Some(OrderFilter { states: vec![], search: search.to_owned() })
}

/// Customer, shop and operator see their orders, newest first, as of now.
pub(crate) async fn lists_follow_the_orders(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let operator = node.operator().await;
    let first = fixture.place(node, fixture.teas(2)).await.unwrap();
    node.advance(SECOND);
    let second = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &second).await;
    node.settle().await;
    let list = of_shop(node, &fixture, None).await;
    assert_eq!((ids(&list), list.as_of), (vec![second.order_id, first.order_id], Some(node.now().into())));
    let newest = &list.orders[0];
    assert_eq!((newest.state(), newest.version, newest.headline.as_str()), (OrderState::Confirmed, 2, "1 x Tea"));
    let total = newest.total.clone().unwrap();
    assert_eq!(
        (total.minor, newest.unit_count, newest.shop_name.as_str()),
        (ShopFixture::tea_total(1), 1, "Tea house")
    );
    for (states, expected) in [
        (vec![OrderState::Confirmed], vec![second.order_id]),
        (vec![OrderState::AwaitingPayment, OrderState::Ready], vec![first.order_id]),
        (vec![OrderState::Completed], vec![]),
    ] {
        let filter = in_states(&states);
        assert_eq!(ids(&of_shop(node, &fixture, filter.clone()).await), expected);
        let request = ListMyOrdersRequest { filter: filter.clone(), ..ListMyOrdersRequest::default() };
        assert_eq!(ids(&mine(node, &fixture.customer, request).await), expected);
        let request = ListOrdersRequest { filter, ..ListOrdersRequest::default() };
        assert_eq!(ids(&node.orders().list_orders(&operator.cx(), request).await.unwrap()), expected);
    }
    let stranger = node.sign_up("+8613800138009").await;
    assert!(ids(&mine(node, &stranger, ListMyOrdersRequest::default()).await).is_empty());
    assert_clean(node).await;
}

/// Read-your-writes: while the projection is paused, callers see the current state of their own orders; others see the list
/// and its `as_of`.
pub(crate) async fn callers_see_their_unprojected_orders(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let old = fixture.place(node, fixture.teas(1)).await.unwrap();
    let older = fixture.place(node, fixture.teas(1)).await.unwrap();
    pause(node).await;
    let known_at = node.now();
    node.advance(MINUTE);
    let new = fixture.place(node, fixture.teas(3)).await.unwrap();
    fixture.cancel(node, old.order_id).await.unwrap();
    let list = mine(node, &fixture.customer, ListMyOrdersRequest::default()).await;
    assert_eq!(ids(&list), [new.order_id, older.order_id, old.order_id]);
    assert_eq!((list.orders[2].state(), list.as_of), (OrderState::Cancelled, Some(known_at.into())));
    let request = ListMyOrdersRequest { filter: in_states(&[OrderState::AwaitingPayment]), ..Default::default() };
    assert_eq!(ids(&mine(node, &fixture.customer, request).await), [new.order_id, older.order_id]);
    let request = ListMyOrdersRequest { page_size: 1, ..Default::default() };
    let page = mine(node, &fixture.customer, request.clone()).await;
    assert_eq!(ids(&page), [new.order_id]);
    let next = ListMyOrdersRequest { page_token: page.next_page_token, ..request };
    assert_eq!(ids(&mine(node, &fixture.customer, next).await), [older.order_id]);
    let counts = node.orders().count_my_orders(&fixture.customer.cx(), CountMyOrdersRequest {}).await.unwrap();
    let counted: Vec<(OrderState, i64)> = counts.counts.iter().map(|count| (count.state(), count.count)).collect();
    assert_eq!(counted, [(OrderState::AwaitingPayment, 2), (OrderState::Cancelled, 1)]);
    let shop = of_shop(node, &fixture, None).await;
    assert_eq!((ids(&shop), shop.as_of), (vec![older.order_id, old.order_id], Some(known_at.into())));
    resume(node).await;
    let shop = of_shop(node, &fixture, None).await;
    assert_eq!(ids(&shop), [new.order_id, older.order_id, old.order_id]);
    assert_eq!(shop.as_of, Some(node.now().into()));
    assert_clean(node).await;
}

/// Pages contain every order once, also if orders are added between two pages.
pub(crate) async fn pages_neither_skip_nor_repeat(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let mut placed = Vec::new();
    for _ in 0..7 {
        placed.push(fixture.place(node, fixture.teas(1)).await.unwrap().order_id);
    }
    pay(node, &fixture.seen(node, placed[3]).await).await;
    node.settle().await;
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListMyOrdersRequest { page_size: 3, page_token: token, ..ListMyOrdersRequest::default() };
        let page = mine(node, &fixture.customer, request).await;
        assert!(page.orders.len() <= 3);
        found.extend(ids(&page));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        fixture.place(node, fixture.teas(1)).await.unwrap();
    }
    placed.reverse();
    assert_eq!(found, placed);
    let broken = ListMyOrdersRequest { page_token: "x".to_owned(), ..ListMyOrdersRequest::default() };
    assert_eq!(code(&node.orders().list_my_orders(&fixture.customer.cx(), broken).await), "PAGE_TOKEN_INVALID");
    assert_clean(node).await;
}

/// R35: two or more digits of the order ID or the phone number, in any notation.
pub(crate) async fn any_part_of_an_id_or_phone_number_finds_the_order(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let operator = node.operator().await;
    let pickup = fixture.place(node, fixture.teas(1)).await.unwrap().order_id;
    let brought = fixture.place(node, fixture.delivered(fixture.teas(1))).await.unwrap().order_id;
    node.settle().await;
    let number = pickup.to_string();
    let (head, tail) = number.split_at(9);
    for part in [&number, head, tail, head.split_at(4).1] {
        assert!(ids(&of_shop(node, &fixture, searching(part)).await).contains(&pickup), "{part}");
    }
    assert_eq!(ids(&of_shop(node, &fixture, searching(&format!("# {number}"))).await), [pickup]);
    // The address of the other order has the phone number +8801712345678.
    for part in ["880171", "+88 0171", "5678", "12-345 678", "+8801712345678"] {
        assert_eq!(ids(&of_shop(node, &fixture, searching(part)).await), [brought], "{part}");
        let request = ListOrdersRequest { filter: searching(part), ..ListOrdersRequest::default() };
        assert_eq!(ids(&node.orders().list_orders(&operator.cx(), request).await.unwrap()), [brought], "{part}");
        let request = ListMyOrdersRequest { filter: searching(part), ..ListMyOrdersRequest::default() };
        assert_eq!(ids(&mine(node, &fixture.customer, request).await), [brought], "{part}");
    }
    let request = ListMyOrdersRequest { filter: searching("7x"), ..ListMyOrdersRequest::default() };
    assert_eq!(code(&node.orders().list_my_orders(&fixture.customer.cx(), request).await), "VALIDATION_FAILED");
}

/// Missing, wrong and superfluous list entries are found, and repaired on request.
pub(crate) async fn lists_are_rebuilt_from_the_orders(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let operator = node.operator().await;
    let mut placed = Vec::new();
    for _ in 0..4 {
        placed.push(fixture.place(node, fixture.teas(1)).await.unwrap().order_id);
    }
    node.settle().await;
    let store = node.store("order");
    let broken = Commit::new()
        .write(Statement::new("DELETE FROM order_list WHERE order_id = ?", [placed[0].into()]))
        .write(Statement::new("UPDATE order_list SET state = 6 WHERE order_id = ?", [placed[1].into()]))
        .write(Statement::new("UPDATE order_list SET order_id = 4711 WHERE order_id = ?", [placed[2].into()]));
    store.commit(&node.cx(), broken).await.unwrap();
    let rebuild = async |is_repair| {
        let request = RebuildOrderListsRequest { is_repair };
        let done = node.orders().rebuild_order_lists(&operator.cx(), request).await.unwrap();
        (done.order_count, done.difference_count)
    };
    // Two entries are missing, one is wrong, one is superfluous; so two counters differ.
    assert_eq!(rebuild(false).await.0, 4);
    let (_, found) = rebuild(false).await;
    assert!(found >= 4, "{found}");
    assert!(rebuild(true).await.1 >= 4);
    assert_eq!(rebuild(false).await, (4, 0));
    placed.reverse();
    assert_eq!(ids(&of_shop(node, &fixture, None).await), placed);
    assert_clean(node).await;
}

/// Counts per state, for the shop and for the customer.
pub(crate) async fn counts_follow_the_orders(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    for _ in 0..3 {
        fixture.place(node, fixture.teas(1)).await.unwrap();
    }
    let fourth = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &fourth).await;
    node.settle().await;
    let shop = CountShopOrdersRequest { shop_id: fixture.shop.id() };
    let of_shop = node.orders().count_shop_orders(&fixture.shop.owner.cx(), shop).await.unwrap();
    let of_mine = node.orders().count_my_orders(&fixture.customer.cx(), CountMyOrdersRequest {}).await.unwrap();
    assert_eq!(of_shop, of_mine);
    let counted: Vec<(OrderState, i64)> = of_shop.counts.iter().map(|count| (count.state(), count.count)).collect();
    assert_eq!(counted, [(OrderState::AwaitingPayment, 3), (OrderState::Confirmed, 1)]);
    node.advance(MINUTE * 15);
    node.settle().await;
    let of_shop = node.orders().count_shop_orders(&fixture.shop.owner.cx(), shop).await.unwrap();
    let counted: Vec<(OrderState, i64)> = of_shop.counts.iter().map(|count| (count.state(), count.count)).collect();
    assert_eq!(counted, [(OrderState::Confirmed, 1), (OrderState::Cancelled, 3)]);
}

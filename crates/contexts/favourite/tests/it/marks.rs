//! Marks, counts, lists and nearby search.

use futures::future::join_all;
use pulse_contract::favourite::v1::*;
use pulse_contract::shop::v1::{CreateProductRequest, Product, Shop};
use pulse_favourite::{FavouriteDeps, MARKS_MAX};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Cx, Error, Principal, Role};
use pulse_store::{Commit, Statement, values};
use pulse_testkit::{OpenShop, TestNode, draft, product};

/// The position of the shops that `a_shop` opens is within this distance of the centre.
const EVERYWHERE_M: i32 = 50_000;

fn favourites(node: &TestNode) -> FavouriteClient {
    let deps = FavouriteDeps {
        store: node.store("favourite").clone(),
        shops: node.shops().clone(),
        catalog: node.catalog().clone(),
    };
    pulse_favourite::start(deps).0
}

/// The context of a request by a customer.
fn customer(node: &TestNode, account: i64) -> Cx {
    let account = AccountId::new(account);
    let principal = Principal { account, session: 0, roles: vec![Role::Consumer], shops: Vec::new() };
    node.cx().with_actor(Actor::Principal(principal.into()))
}

fn code<T>(outcome: &Result<T, Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Error::code)
}

async fn add(node: &TestNode, account: i64, shop_id: i64, product_id: i64) -> Result<Favourite, Error> {
    favourites(node).add_favourite(&customer(node, account), AddFavouriteRequest { shop_id, product_id }).await
}

async fn remove(node: &TestNode, account: i64, shop_id: i64, product_id: i64) {
    let request = RemoveFavouriteRequest { shop_id, product_id };
    favourites(node).remove_favourite(&customer(node, account), request).await.unwrap();
}

async fn count(node: &TestNode, shop_id: i64, product_id: i64) -> i64 {
    let request = CountFavouritesRequest { shop_id, product_id };
    favourites(node).count_favourites(&node.anonymous(), request).await.unwrap().account_count
}

async fn list(node: &TestNode, account: i64) -> Vec<(i64, i64)> {
    let request = ListFavouritesRequest { page_size: 100, ..ListFavouritesRequest::default() };
    let found = favourites(node).list_favourites(&customer(node, account), request).await.unwrap();
    found.favourites.iter().map(|favourite| (favourite.shop_id, favourite.product_id)).collect()
}

async fn on_menu(node: &TestNode, shop: &OpenShop, name: &str) -> Product {
    let request = CreateProductRequest { shop_id: shop.id(), product: Some(product(name, 500)) };
    node.catalog().create_product(&node.cx(), request).await.unwrap()
}

pub(crate) async fn a_mark_is_kept_once(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let tea = on_menu(node, &shop, "tea").await;
    let first = add(node, 1, shop.id(), 0).await.unwrap();
    node.advance(std::time::Duration::from_secs(60));
    assert_eq!(add(node, 1, shop.id(), 0).await.unwrap(), first, "the time of the first mark");
    add(node, 1, shop.id(), tea.product_id).await.unwrap();
    add(node, 2, shop.id(), tea.product_id).await.unwrap();
    assert_eq!(list(node, 1).await, [(shop.id(), tea.product_id), (shop.id(), 0)], "newest first");
    assert_eq!((count(node, shop.id(), 0).await, count(node, shop.id(), tea.product_id).await), (1, 2));
    node.assert_books_of("favourite").await;
}

pub(crate) async fn a_removed_mark_is_gone_and_can_be_made_again(node: &mut TestNode) {
    let shop = node.a_shop().await;
    remove(node, 1, shop.id(), 0).await;
    add(node, 1, shop.id(), 0).await.unwrap();
    remove(node, 1, shop.id(), 0).await;
    remove(node, 1, shop.id(), 0).await;
    assert_eq!((list(node, 1).await, count(node, shop.id(), 0).await), (vec![], 0));
    add(node, 1, shop.id(), 0).await.unwrap();
    assert_eq!((list(node, 1).await, count(node, shop.id(), 0).await), (vec![(shop.id(), 0)], 1));
    node.assert_books_of("favourite").await;
}

pub(crate) async fn a_hundred_parallel_marks_count_once(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let this = &*node;
    let outcomes = join_all((0..100).map(|_| add(this, 1, shop.id(), 0))).await;
    // A call that has lost too many races is refused, and can be repeated.
    assert!(outcomes.iter().all(|outcome| ["ok", "STORE_CONTENDED"].contains(&code(outcome))));
    assert!(outcomes.iter().any(Result::is_ok));
    let others = join_all((2..12).map(|account| add(this, account, shop.id(), 0))).await;
    let added = i64::try_from(others.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
    assert_eq!((list(node, 1).await.len(), count(node, shop.id(), 0).await), (1, 1 + added));
    node.assert_books_of("favourite").await;
}

pub(crate) async fn an_account_has_a_limited_number_of_marks(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let accounts = "INSERT INTO favourite_accounts (account_id, mark_count) VALUES (?, ?)";
    let commit = Commit::new().write(Statement::new(accounts, values![7_i64, MARKS_MAX]));
    node.store("favourite").commit(&node.cx(), commit).await.unwrap();
    assert_eq!(code(&add(node, 7, shop.id(), 0).await), "FAVOURITE_LIMIT");
    assert_eq!((list(node, 7).await, count(node, shop.id(), 0).await), (vec![], 0), "nothing is half done");
}

pub(crate) async fn lists_page_without_repeat_or_skip(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let marked = on_menu(node, &shop, &format!("product {number}")).await;
        add(node, 1, shop.id(), marked.product_id).await.unwrap();
        expected.insert(0, marked.product_id);
    }
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListFavouritesRequest { page_size: 3, page_token };
        let page = favourites(node).list_favourites(&customer(node, 1), request).await.unwrap();
        found.extend(page.favourites.iter().map(|favourite| favourite.product_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    // All were marked at the same instant, so their ids decide, which grow.
    assert_eq!(found, expected);
    let request = ListFavouritesRequest { page_token: "forged".to_owned(), ..ListFavouritesRequest::default() };
    let refused = favourites(node).list_favourites(&customer(node, 1), request).await;
    assert_eq!(code(&refused), "PAGE_TOKEN_INVALID");
}

/// A stranger cannot see, remove or count by the marks of another account.
pub(crate) async fn strangers_see_and_remove_only_their_own_marks(node: &mut TestNode) {
    let shop = node.a_shop().await;
    add(node, 1, shop.id(), 0).await.unwrap();
    remove(node, 2, shop.id(), 0).await;
    assert_eq!((list(node, 1).await, list(node, 2).await), (vec![(shop.id(), 0)], vec![]));
    let nearby = ListNearbyFavouritesRequest { latitude: Some(31.23), longitude: Some(121.47), ..Default::default() };
    let found = favourites(node).list_nearby_favourites(&customer(node, 2), nearby).await.unwrap();
    assert_eq!(found, ListNearbyFavouritesResponse::default());
    let anonymous = node.anonymous();
    let request = AddFavouriteRequest { shop_id: shop.id(), product_id: 0 };
    assert_eq!(code(&favourites(node).add_favourite(&anonymous, request).await), "UNAUTHENTICATED");
    let listed = favourites(node).list_favourites(&anonymous, ListFavouritesRequest::default()).await;
    assert_eq!(code(&listed), "UNAUTHENTICATED");
}

pub(crate) async fn subjects_that_the_caller_cannot_see_are_refused(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let tea = on_menu(node, &shop, "tea").await;
    let other = node.open_shop("+8613800138002", draft("Other")).await;
    assert_eq!(code(&add(node, 1, 99, 0).await), "SHOP_NOT_FOUND");
    assert_eq!(code(&add(node, 1, shop.id(), 99).await), "SHOP_PRODUCT_NOT_FOUND");
    assert_eq!(code(&add(node, 1, other.id(), tea.product_id).await), "SHOP_PRODUCT_NOT_FOUND");
    assert_eq!(list(node, 1).await, []);
}

pub(crate) async fn shops_nearby_are_marked_or_sell_a_marked_product(node: &mut TestNode) {
    let marked = node.a_shop().await;
    let selling = node.open_shop("+8613800138002", draft("Selling")).await;
    let unmarked = node.open_shop("+8613800138003", draft("Unmarked")).await;
    let tea = on_menu(node, &selling, "tea").await;
    let cake = on_menu(node, &selling, "cake").await;
    add(node, 1, marked.id(), 0).await.unwrap();
    add(node, 1, selling.id(), tea.product_id).await.unwrap();
    add(node, 1, selling.id(), cake.product_id).await.unwrap();
    let location = position(&marked.shop);
    let request = ListNearbyFavouritesRequest {
        latitude: Some(location.0),
        longitude: Some(location.1),
        radius_m: EVERYWHERE_M,
        page_size: 100,
        ..Default::default()
    };
    let found = favourites(node).list_nearby_favourites(&customer(node, 1), request).await.unwrap().favourites;
    let mut seen: Vec<(i64, bool, Vec<i64>)> =
        found.into_iter().map(|found| (found.shop_id, found.is_shop_marked, found.product_ids)).collect();
    seen.sort_unstable();
    let products = vec![tea.product_id, cake.product_id];
    assert_eq!(seen, [(marked.id(), true, vec![]), (selling.id(), false, products)]);
    assert!(seen.iter().all(|(shop, ..)| *shop != unmarked.id()));
}

fn position(shop: &Shop) -> (f64, f64) {
    let location = shop.location.unwrap();
    (location.latitude.unwrap(), location.longitude.unwrap())
}

pub(crate) async fn a_wrong_count_is_found(node: &mut TestNode) {
    let shop = node.a_shop().await;
    add(node, 1, shop.id(), 0).await.unwrap();
    let text = "UPDATE favourite_counts SET account_count = 5 WHERE shop_id = ?";
    let commit = Commit::new().write(Statement::new(text, values![shop.id()])).expect_rows(1);
    node.store("favourite").commit(&node.cx(), commit).await.unwrap();
    let violated = node.violations_of("favourite").await;
    let subject = format!("shop {}, product 0: the count is 5, there are 1 marks", shop.id());
    assert_eq!(violated, [("favourite.subject_counts", subject)]);
    add(node, 2, shop.id(), 0).await.unwrap();
    let fix = "UPDATE favourite_counts SET account_count = 2 WHERE shop_id = ?";
    let commit = Commit::new().write(Statement::new(fix, values![shop.id()])).expect_rows(1);
    node.store("favourite").commit(&node.cx(), commit).await.unwrap();
    node.assert_books_of("favourite").await;
}

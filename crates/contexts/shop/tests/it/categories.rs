//! The category tree: codes of new categories, moves in one step.

use futures::future::join_all;
use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{Engine, TestNode, draft, product};

use crate::{code, tally};

async fn create(node: &TestNode, parent_code: i64, name: &str) -> Result<Category, Error> {
    let request = CreateCategoryRequest { parent_code, name: name.to_owned(), ..Default::default() };
    node.shops().create_category(&node.cx(), request).await
}

async fn children(node: &TestNode, parent_code: i64) -> Result<Vec<Category>, Error> {
    let request = ListCategoriesRequest { parent_code };
    Ok(node.shops().list_categories(&node.anonymous(), request).await?.categories)
}

async fn put_below(node: &TestNode, code: i64, new_parent_code: i64) -> Result<Category, Error> {
    node.shops().move_category(&node.cx(), MoveCategoryRequest { code, new_parent_code }).await
}

/// The names of the tree as `parent/child`, ordered by code.
async fn tree(node: &TestNode) -> Vec<String> {
    let (mut names, mut open) = (Vec::new(), vec![(0, String::new())]);
    while let Some((parent, path)) = open.pop() {
        for category in children(node, parent).await.unwrap().into_iter().rev() {
            let path = format!("{path}/{}", category.name);
            open.push((category.code, path.clone()));
            names.push(path);
        }
    }
    names.sort();
    names
}

/// TR-77, TR-78: new categories get the next code, children are listed per parent, and a parent shows that it has some.
pub(crate) async fn codes_follow_the_law(node: &mut TestNode) {
    assert_eq!(children(node, 0).await.unwrap(), []);
    let food = create(node, 0, "Food").await.unwrap();
    let drinks = create(node, 0, "Drinks").await.unwrap();
    assert_eq!((food.code, drinks.code), (10_000_001, 20_000_001));
    assert!(!children(node, 0).await.unwrap()[0].has_children);
    let noodles = create(node, food.code, "Noodles").await.unwrap();
    assert_eq!((noodles.code, noodles.parent_code), (10_010_002, food.code));
    let ramen = create(node, noodles.code, "Ramen").await.unwrap();
    assert_eq!(ramen.code, 10_010_013);
    let first_level = children(node, 0).await.unwrap();
    assert_eq!(first_level.iter().map(|category| category.has_children).collect::<Vec<_>>(), [true, false]);
    assert_eq!(children(node, noodles.code).await.unwrap(), std::slice::from_ref(&ramen));
    assert_eq!(code(&create(node, ramen.code, "Too deep").await), "SHOP_CATEGORY_MOVE_INVALID");
    for nowhere in [30_000_001, 12_345, 10_020_002] {
        assert_eq!(code(&create(node, nowhere, "Nowhere").await), "SHOP_CATEGORY_NOT_FOUND", "{nowhere}");
        assert_eq!(code(&children(node, nowhere).await), "SHOP_CATEGORY_NOT_FOUND", "{nowhere}");
    }
}

/// TR-78: the 1001st child is refused. Tested on one engine, because the rule does not depend on it.
#[test]
fn the_1001st_child_is_refused() {
    pulse_testkit::run(Engine::Sqlite, async |node: &mut TestNode| {
        let parent = create(node, 0, "Full").await.unwrap();
        for number in 0..1_000 {
            create(node, parent.code, &number.to_string()).await.unwrap();
        }
        assert_eq!(code(&create(node, parent.code, "One too many").await), "SHOP_CATEGORY_FULL");
        assert_eq!(children(node, parent.code).await.unwrap().len(), 1_000);
    });
}

/// TR-78: concurrently created categories have different codes.
pub(crate) async fn parallel_categories_have_different_codes(node: &mut TestNode) {
    let parent = create(node, 0, "Busy").await.unwrap();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let outcomes = join_all(names.map(|name| create(node, parent.code, name))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 8)]);
    let mut codes: Vec<i64> = outcomes.into_iter().map(|outcome| outcome.unwrap().code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 8);
    assert_eq!(children(node, parent.code).await.unwrap().len(), 8);
}

/// TR-78: a move changes the codes of all categories below, of shops and of products, and the lists follow.
pub(crate) async fn a_move_recodes_everything_below(node: &mut TestNode) {
    let (food, asia) = (create(node, 0, "Food").await.unwrap(), create(node, 0, "Asia").await.unwrap());
    let noodles = create(node, food.code, "Noodles").await.unwrap();
    create(node, asia.code, "Rice").await.unwrap();
    let open = node.open_shop("+8613800138000", ShopDraft { category_code: noodles.code, ..draft("Ramen") }).await;
    let shop_id = open.id();
    let draft = ProductDraft { category_code: noodles.code, ..product("Ramen", 4_200) };
    let request = CreateProductRequest { shop_id, product: Some(draft) };
    let made = node.catalog().create_product(&open.owner.cx(), request).await.unwrap();
    let place = open.shop.location.unwrap();
    let nearby = async |category_code: i64| {
        let (latitude, longitude) = (place.latitude, place.longitude);
        let request = ListNearbyRequest { latitude, longitude, category_code, ..Default::default() };
        node.shops().list_nearby(&node.anonymous(), request).await.unwrap().shops.len()
    };
    assert_eq!((nearby(food.code).await, nearby(noodles.code).await, nearby(asia.code).await), (1, 1, 0));

    let moved = put_below(node, noodles.code, asia.code).await.unwrap();
    assert_eq!((moved.code, moved.parent_code, moved.name.as_str()), (20_020_002, asia.code, "Noodles"));
    assert_eq!(tree(node).await, ["/Asia", "/Asia/Noodles", "/Asia/Rice", "/Food"]);
    assert_eq!(children(node, food.code).await.unwrap(), []);
    assert!(!children(node, 0).await.unwrap()[0].has_children);
    let shop = node.shops().get_shop(&node.anonymous(), GetShopRequest { shop_id }).await.unwrap();
    assert_eq!(shop.category_code, moved.code);
    let request = GetProductRequest { shop_id, product_id: made.product_id };
    assert_eq!(node.catalog().get_product(&node.anonymous(), request).await.unwrap().category_code, moved.code);
    assert_eq!((nearby(food.code).await, nearby(noodles.code).await, nearby(asia.code).await), (0, 0, 1));

    // A branch with all its levels.
    let deep = put_below(node, asia.code, food.code).await.unwrap();
    assert_eq!(tree(node).await, ["/Food", "/Food/Asia", "/Food/Asia/Noodles", "/Food/Asia/Rice"]);
    assert_eq!((nearby(food.code).await, nearby(deep.code).await), (1, 1));
    node.restart().await;
    assert_eq!(tree(node).await.len(), 4);
    let shop = node.shops().get_shop(&node.anonymous(), GetShopRequest { shop_id }).await.unwrap();
    assert_eq!(children(node, deep.code).await.unwrap()[1].code, shop.category_code);
}

/// TR-78: a move below itself, too deep or to a missing parent is refused and changes nothing.
pub(crate) async fn impossible_moves_are_refused(node: &mut TestNode) {
    let a = create(node, 0, "A").await.unwrap();
    let b = create(node, a.code, "B").await.unwrap();
    let c = create(node, b.code, "C").await.unwrap();
    let other = create(node, 0, "Other").await.unwrap();
    for (what, below, expected) in [
        (a.code, a.code, "SHOP_CATEGORY_MOVE_INVALID"),
        (a.code, b.code, "SHOP_CATEGORY_MOVE_INVALID"),
        (a.code, c.code, "SHOP_CATEGORY_MOVE_INVALID"),
        (a.code, other.code, "SHOP_CATEGORY_MOVE_INVALID"),
        (other.code, c.code, "SHOP_CATEGORY_MOVE_INVALID"),
        (b.code, 90_000_001, "SHOP_CATEGORY_NOT_FOUND"),
        (90_000_001, a.code, "SHOP_CATEGORY_NOT_FOUND"),
    ] {
        assert_eq!(code(&put_below(node, what, below).await), expected, "{what} below {below}");
    }
    assert_eq!(tree(node).await, ["/A", "/A/B", "/A/B/C", "/Other"]);
    assert_eq!(
        put_below(node, b.code, a.code).await.unwrap(),
        Category { has_children: true, ..b.clone() },
        "it is there"
    );
}

/// TR-78: concurrent moves, new categories and applications below the moved branch lose nothing.
pub(crate) async fn nothing_is_lost_below_a_moving_branch(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let (one, two) = (create(node, 0, "One").await.unwrap(), create(node, 0, "Two").await.unwrap());
    let mut moving = create(node, one.code, "Moving").await.unwrap();
    let (mut made_count, mut applied) = (0, Vec::new());
    for round in 0..12 {
        let target = if round % 2 == 0 { two.code } else { one.code };
        let apply = async || {
            let shop = ShopDraft { category_code: moving.code, ..draft("Busy") };
            let request = SubmitShopApplicationRequest { merchant_id: merchant.merchant_id, shop: Some(shop) };
            node.shops().submit_shop_application(&owner.cx(), request).await
        };
        let name = format!("child {round:02}");
        let (moved, made, shop) =
            tokio::join!(put_below(node, moving.code, target), create(node, moving.code, &name), apply());
        moving = moved.unwrap();
        match made {
            Ok(_) => made_count += 1,
            Err(error) => assert_eq!(error.code(), "SHOP_CATEGORY_NOT_FOUND", "it had moved already"),
        }
        match shop {
            Ok(shop) => applied.push(shop.shop_id),
            Err(error) => assert_eq!(error.code(), "SHOP_CATEGORY_NOT_FOUND", "it had moved already"),
        }
        assert_eq!(children(node, moving.code).await.unwrap().len(), made_count, "round {round}");
        for shop_id in &applied {
            let shop = node.shops().get_shop(&owner.cx(), GetShopRequest { shop_id: *shop_id }).await.unwrap();
            assert_eq!(shop.category_code, moving.code, "round {round}");
        }
    }
}

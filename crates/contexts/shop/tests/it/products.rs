//! Products, menus and shared catalogues.

use futures::future::join_all;
use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{OpenShop, TestNode, cny, draft, product};

use crate::{code, tally};

async fn create(node: &TestNode, shop: &OpenShop, product: ProductDraft) -> Result<Product, Error> {
    let request = CreateProductRequest { shop_id: shop.id(), product: Some(product) };
    node.catalog().create_product(&shop.owner.cx(), request).await
}

async fn update(node: &TestNode, shop: &OpenShop, seen: &Product, draft: ProductDraft) -> Result<Product, Error> {
    let (product_id, version) = (seen.product_id, seen.version);
    let request = UpdateProductRequest { shop_id: shop.id(), product_id, version, product: Some(draft) };
    node.catalog().update_product(&shop.owner.cx(), request).await
}

async fn menu(node: &TestNode, shop: &OpenShop) -> Vec<(String, Vec<String>)> {
    let request = GetMenuRequest { shop_id: shop.id() };
    let menu = node.catalog().get_menu(&node.anonymous(), request).await.unwrap();
    let names = |section: MenuSection| section.products.into_iter().map(|product| product.name).collect();
    menu.sections.into_iter().map(|section| (section.name.clone(), names(section))).collect()
}

fn variant(name: &str, minor: i64) -> VariantDraft {
    VariantDraft { name: name.to_owned(), price: Some(cny(minor)), ..Default::default() }
}

fn group(name: &str, choices_min: i32, choices_max: i32, modifiers: &[&str]) -> ModifierGroup {
    let modifiers =
        modifiers.iter().map(|name| Modifier { name: (*name).to_owned(), price_delta_minor: 100 }).collect();
    ModifierGroup { name: name.to_owned(), choices_min, choices_max, modifiers }
}

/// A product is returned as it was created; a product that is not on sale is visible to staff only.
pub(crate) async fn products_are_seen_when_they_are_on_sale(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let draft = ProductDraft {
        variants: vec![variant("small", 1_200), variant("large", 1_800)],
        modifier_groups: vec![group("sugar", 0, 1, &["less", "more"])],
        section: "Tea".to_owned(),
        ..product("Oolong", 0)
    };
    let made = create(node, &shop, draft.clone()).await.unwrap();
    assert_eq!(
        (made.version, made.variants.len(), made.modifier_groups.clone()),
        (1, 2, draft.modifier_groups.clone())
    );
    let request = GetProductRequest { shop_id: shop.id(), product_id: made.product_id };
    assert_eq!(node.catalog().get_product(&node.anonymous(), request).await.unwrap(), made);
    let hidden = update(node, &shop, &made, ProductDraft { is_on_sale: false, ..draft }).await.unwrap();
    assert_eq!(code(&node.catalog().get_product(&node.anonymous(), request).await), "SHOP_PRODUCT_NOT_FOUND");
    assert_eq!(node.catalog().get_product(&shop.owner.cx(), request).await.unwrap(), hidden);
    let elsewhere = GetProductRequest { shop_id: 42, ..request };
    assert_eq!(code(&node.catalog().get_product(&node.anonymous(), elsewhere).await), "SHOP_NOT_FOUND");
}

/// A variant leads to its product, with the visibility of the product.
pub(crate) async fn a_product_is_found_by_its_variant(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let other = node.open_shop("+8613800138001", draft("Other")).await;
    let made = create(node, &shop, product("Oolong", 1_200)).await.unwrap();
    create(node, &shop, product("Puer", 1_500)).await.unwrap();
    let request = GetProductByVariantRequest { shop_id: shop.id(), variant_id: made.variants[0].variant_id };
    assert_eq!(node.catalog().get_product_by_variant(&node.anonymous(), request).await.unwrap(), made);
    for missing in [
        GetProductByVariantRequest { shop_id: other.id(), ..request },
        GetProductByVariantRequest { variant_id: 42, ..request },
    ] {
        let refused = node.catalog().get_product_by_variant(&node.anonymous(), missing).await;
        assert_eq!(code(&refused), "SHOP_PRODUCT_NOT_FOUND");
    }
    let hidden = ProductDraft { is_on_sale: false, ..product("Oolong", 1_200) };
    let variants = vec![VariantDraft { variant_id: made.variants[0].variant_id, ..hidden.variants[0].clone() }];
    let hidden = update(node, &shop, &made, ProductDraft { variants, ..hidden }).await.unwrap();
    for stranger in [node.anonymous(), other.owner.cx()] {
        let refused = node.catalog().get_product_by_variant(&stranger, request).await;
        assert_eq!(code(&refused), "SHOP_PRODUCT_NOT_FOUND");
    }
    assert_eq!(node.catalog().get_product_by_variant(&shop.owner.cx(), request).await.unwrap(), hidden);
}

/// An invalid product is refused with all violations, and nothing is stored.
pub(crate) async fn everything_that_is_wrong_is_said_at_once(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let dollars = pulse_contract::Money { minor: -1, currency: "USD".to_owned() };
    let wrong = ProductDraft {
        variants: vec![
            variant("small", 1_200),
            variant("small", -5),
            VariantDraft { variant_id: 42, price: Some(dollars), ..variant("large", 0) },
        ],
        modifier_groups: vec![group("sugar", 3, 1, &["less"]), group("milk", 0, 1, &["oat", "oat"])],
        ..product("Broken", 0)
    };
    let refused = create(node, &shop, wrong).await.unwrap_err();
    assert_eq!(refused.code(), "SHOP_PRODUCT_INVALID");
    let said: Vec<(&str, &str)> =
        refused.violations().iter().map(|violation| (violation.field.as_ref(), violation.code.as_ref())).collect();
    for expected in [
        ("product.variants[1].name", "variant.name_twice"),
        ("product.variants[1].price.minor", "variant.price_negative"),
        ("product.variants[2].price.minor", "variant.price_negative"),
        ("product.variants[2].price.currency", "variant.currency_mixed"),
        ("product.variants[2].variant_id", "variant.unknown"),
    ] {
        assert!(said.contains(&expected), "{expected:?} in {said:?}");
    }
    assert!(said.iter().any(|(field, _)| field.starts_with("product.modifier_groups[0]")), "{said:?}");
    assert!(said.iter().any(|(field, _)| field.starts_with("product.modifier_groups[1]")), "{said:?}");
    assert_eq!(menu(node, &shop).await, []);
    let nowhere = ProductDraft { category_code: 10_000_001, ..product("Nowhere", 100) };
    assert_eq!(code(&create(node, &shop, nowhere).await), "SHOP_CATEGORY_NOT_FOUND");
}

/// Variants keep the IDs that the request names, get new IDs otherwise, and cannot use IDs of other products.
pub(crate) async fn variants_keep_their_ids(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let made = create(node, &shop, product("Oolong", 1_200)).await.unwrap();
    let other = create(node, &shop, product("Puer", 1_500)).await.unwrap();
    let kept = VariantDraft { variant_id: made.variants[0].variant_id, ..variant("small", 1_300) };
    let draft = ProductDraft { variants: vec![kept.clone(), variant("large", 1_800)], ..product("Oolong", 0) };
    let changed = update(node, &shop, &made, draft).await.unwrap();
    assert_eq!((changed.version, changed.product_id), (2, made.product_id));
    assert_eq!(changed.variants[0].variant_id, made.variants[0].variant_id);
    assert_eq!(changed.variants[0].price, Some(cny(1_300)));
    assert!(changed.variants[1].variant_id > other.variants[0].variant_id);
    let stolen = VariantDraft { variant_id: other.variants[0].variant_id, ..kept.clone() };
    for variants in [vec![stolen], vec![kept.clone(), VariantDraft { name: "twice".into(), ..kept }]] {
        let draft = ProductDraft { variants, ..product("Oolong", 0) };
        assert_eq!(code(&update(node, &shop, &changed, draft).await), "SHOP_PRODUCT_INVALID");
    }
    assert_eq!(code(&update(node, &shop, &made, product("Old", 1)).await), "SHOP_VERSION_STALE");
}

/// One of several concurrent changes of the same version wins.
pub(crate) async fn one_of_parallel_product_changes_wins(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let made = create(node, &shop, product("Oolong", 1_200)).await.unwrap();
    let outcomes = join_all(["A", "B", "C", "D"].map(|name| update(node, &shop, &made, product(name, 1)))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("SHOP_VERSION_STALE", 3), ("ok", 1)]);
    let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(menu(node, &shop).await, [(String::new(), vec![winner.name])]);
}

/// The menu shows products on sale by section, oldest first; a second deletion changes nothing.
pub(crate) async fn a_menu_shows_what_is_on_sale(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let in_section = |name: &str, section: &str| ProductDraft { section: section.to_owned(), ..product(name, 1_000) };
    for (name, section) in [("Oolong", "Tea"), ("Bun", "Food"), ("Puer", "Tea"), ("Gift", "")] {
        create(node, &shop, in_section(name, section)).await.unwrap();
    }
    let secret = ProductDraft { is_on_sale: false, ..in_section("Secret", "Tea") };
    create(node, &shop, secret).await.unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("Tea".to_owned(), names(&["Oolong", "Puer"])),
        ("Food".to_owned(), names(&["Bun"])),
        (String::new(), names(&["Gift"])),
    ];
    assert_eq!(menu(node, &shop).await, expected);
    let request = ListCatalogRequest { shop_id: shop.id(), ..Default::default() };
    let catalog = node.catalog().list_catalog(&shop.owner.cx(), request).await.unwrap().products;
    let request = DeleteProductRequest { shop_id: shop.id(), product_id: catalog[0].product_id };
    for _ in 0..2 {
        node.catalog().delete_product(&shop.owner.cx(), request).await.unwrap();
        assert_eq!(menu(node, &shop).await[1], ("Tea".to_owned(), names(&["Puer"])));
    }
    node.shops().close_shop(&node.cx(), CloseShopRequest { shop_id: shop.id() }).await.unwrap();
    let request = GetMenuRequest { shop_id: shop.id() };
    assert_eq!(code(&node.catalog().get_menu(&node.anonymous(), request).await), "SHOP_NOT_FOUND");
}

/// TR-79: a shop lists its own products and shared products of others, page by page, and changes only its own.
pub(crate) async fn a_catalogue_is_ones_own_and_what_is_shared(node: &mut TestNode) {
    let mine = node.open_shop("+8613800138000", draft("Mine")).await;
    let theirs = node.open_shop("+8613800138001", draft("Theirs")).await;
    let shared = |name: &str| ProductDraft { is_shared: true, ..product(name, 1_000) };
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.push(create(node, &mine, product(&format!("mine {number}"), 1)).await.unwrap());
        create(node, &theirs, product(&format!("theirs {number}"), 1)).await.unwrap();
        expected.push(create(node, &theirs, shared(&format!("theirs, shared {number}"))).await.unwrap());
        expected.push(create(node, &mine, shared(&format!("mine, shared {number}"))).await.unwrap());
    }
    for page_size in [1, 4, 15, 100] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListCatalogRequest { shop_id: mine.id(), page_size, page_token };
            let page = node.catalog().list_catalog(&mine.owner.cx(), request).await.unwrap();
            seen.extend(page.products);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected, "{page_size}");
    }
    let theirs_shared = &expected[1];
    assert_eq!(code(&update(node, &mine, theirs_shared, product("Taken", 1)).await), "SHOP_PRODUCT_NOT_FOUND");
    let request = DeleteProductRequest { shop_id: mine.id(), product_id: theirs_shared.product_id };
    node.catalog().delete_product(&mine.owner.cx(), request).await.unwrap();
    let request = GetProductRequest { shop_id: theirs.id(), product_id: theirs_shared.product_id };
    assert_eq!(code(&node.catalog().get_product(&node.anonymous(), request).await), "ok", "it is still there");
}

/// The limit of products holds under concurrent creations.
pub(crate) async fn a_shop_has_a_limit_of_products(node: &mut TestNode) {
    let shop = node.a_shop().await;
    // The default limit is 500; six concurrent creations when two are left.
    for number in 0..498 {
        create(node, &shop, product(&format!("Dish {number}"), 100)).await.unwrap();
    }
    let outcomes = join_all((0..6).map(|_| create(node, &shop, product("One too many", 100)))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("SHOP_PRODUCT_LIMIT", 4), ("ok", 2)]);
}

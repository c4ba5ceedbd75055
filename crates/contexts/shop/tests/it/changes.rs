//! Changes of shops: versions, opening hours, visibility.

use futures::future::join_all;
use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{TestNode, draft, place, product};

use crate::{SECOND, code, tally};

async fn get(node: &TestNode, shop_id: i64) -> Shop {
    node.shops().get_shop(&node.anonymous(), GetShopRequest { shop_id }).await.unwrap()
}

async fn update(node: &TestNode, request: UpdateShopRequest) -> Result<Shop, Error> {
    node.shops().update_shop(&node.cx(), request).await
}

async fn set_hours(node: &TestNode, shop_id: i64, hours: Hours) -> Result<Shop, Error> {
    node.shops().set_hours(&node.cx(), SetHoursRequest { shop_id, hours: Some(hours), ..Default::default() }).await
}

fn rename(shop: &Shop, name: &str) -> UpdateShopRequest {
    let name = Some(name.to_owned());
    UpdateShopRequest { shop_id: shop.shop_id, version: shop.version, name, ..Default::default() }
}

fn days(time_zone: &str, weekdays: &[i32], opens_minute: i32, closes_minute: i32) -> Hours {
    let week = weekdays.iter().map(|weekday| HoursSpan { weekday: *weekday, opens_minute, closes_minute });
    Hours { time_zone: time_zone.to_owned(), week: week.collect(), ..Default::default() }
}

/// E1, E14: hours and terms are not erased by a request without a body; every path of a violation is one of the body.
pub(crate) async fn nothing_is_erased_without_a_body(node: &mut TestNode) {
    let open = node.a_shop().await;
    let (id, http) = (open.id(), node.http());
    let terms = serde_json::json!({ "tax_basis_points": 825, "packing_fee_minor": 100 });
    let put = |path: &str| http.ask("PUT", &format!("/v1/shops/{id}/{path}")).by(&open.owner);
    assert_eq!(put("terms").json(&terms).send().await.status, 200);
    let before = get(node, id).await;
    for path in ["terms", "hours"] {
        for reply in [put(path).send().await, put(path).body("null").send().await] {
            assert_eq!((reply.status, reply.code().as_str()), (400, "VALIDATION_FAILED"), "{path}");
            assert_eq!(reply.json()["errors"][0]["field"], "body", "{path}");
        }
    }
    let wrong = put("terms").json(&serde_json::json!({ "tax_basis_points": -1 })).send().await;
    assert_eq!(wrong.json()["errors"][0]["field"], "tax_basis_points");
    assert_eq!(get(node, id).await, before);
    let offers = http.get(&format!("/v1/shops/{id}/offers")).send().await.json();
    assert_eq!(offers["terms"]["tax_basis_points"], 825);
}

/// E1: hours and terms are replaced in the version that the caller has read; without a version the last write wins.
pub(crate) async fn hours_and_terms_have_a_version(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    let hours = |expected_version| {
        let hours = Some(days("Asia/Shanghai", &[1], 9 * 60, 17 * 60));
        SetHoursRequest { shop_id: shop.shop_id, hours, expected_version }
    };
    let terms = |expected_version| {
        let terms = Some(ShopTerms::default());
        SetTermsRequest { shop_id: shop.shop_id, terms, expected_version }
    };
    let changed = node.shops().set_hours(&node.cx(), hours(shop.version)).await.unwrap();
    assert_eq!(changed.version, shop.version + 1);
    assert_eq!(code(&node.shops().set_hours(&node.cx(), hours(shop.version)).await), "SHOP_VERSION_STALE");
    assert_eq!(code(&node.catalog().set_terms(&node.cx(), terms(shop.version)).await), "SHOP_VERSION_STALE");
    node.catalog().set_terms(&node.cx(), terms(changed.version)).await.unwrap();
    node.shops().set_hours(&node.cx(), hours(0)).await.unwrap();
    assert_eq!(get(node, shop.shop_id).await.version, shop.version + 3);
}

/// Given fields change and absent fields stay; readers see the change at once, also from the cache.
pub(crate) async fn changes_are_seen_at_once(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    assert_eq!(get(node, shop.shop_id).await, shop);
    let request = UpdateShopRequest {
        phone: Some("021-555".to_owned()),
        location: Some(place(31.0, 121.0)),
        price_level: Some(0),
        ..rename(&shop, "茶馆")
    };
    let changed = update(node, request).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.phone.as_str(), changed.price_level), ("茶馆", "021-555", 0));
    assert_eq!((changed.version, changed.location), (shop.version + 1, Some(place(31.0, 121.0))));
    assert_eq!(get(node, shop.shop_id).await, changed);
    let near = ListNearbyRequest { latitude: Some(31.0), longitude: Some(121.0), radius_m: 1, ..Default::default() };
    let near = node.shops().list_nearby(&node.anonymous(), near).await.unwrap().shops;
    assert_eq!(near.iter().map(|shop| shop.name.as_str()).collect::<Vec<_>>(), ["茶馆"]);
    node.restart().await;
    assert_eq!(get(node, shop.shop_id).await, changed);
}

/// A change requires the current version.
pub(crate) async fn a_stale_version_changes_nothing(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    let changed = update(node, rename(&shop, "First")).await.unwrap();
    let stale = update(node, rename(&shop, "Second")).await.unwrap_err();
    assert_eq!(stale.code(), "SHOP_VERSION_STALE");
    assert_eq!(get(node, shop.shop_id).await, changed);
    let future = UpdateShopRequest { version: changed.version + 1, ..rename(&shop, "Third") };
    assert_eq!(code(&update(node, future).await), "SHOP_VERSION_STALE");
}

/// One of several concurrent changes of the same version wins, and readers see it.
pub(crate) async fn one_of_parallel_changes_of_a_version_wins(node: &mut TestNode) {
    let mut shop = node.a_shop().await.shop;
    for _ in 0..5 {
        let names = ["A", "B", "C", "D", "E", "F"];
        let outcomes = join_all(names.map(|name| update(node, rename(&shop, name)))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("SHOP_VERSION_STALE", 5), ("ok", 1)]);
        let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
        assert_eq!(get(node, shop.shop_id).await, winner);
        shop = winner;
    }
}

/// Invalid hours and unknown time zones are refused and change nothing.
pub(crate) async fn impossible_hours_are_refused(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    let day = |business_date: &str, spans: &[(i32, i32)]| HoursException {
        business_date: business_date.to_owned(),
        spans: spans
            .iter()
            .map(|(opens_minute, closes_minute)| HoursInterval {
                opens_minute: *opens_minute,
                closes_minute: *closes_minute,
            })
            .collect(),
    };
    let with = |exception| Hours { exceptions: vec![exception], ..days("UTC", &[1], 540, 1_020) };
    for (hours, expected) in [
        (days("Mars/Olympus", &[1], 540, 1_020), "SHOP_TIME_ZONE_UNKNOWN"),
        (
            Hours { time_zone: "Mars/Olympus".into(), osm: "24/7".into(), ..Default::default() },
            "SHOP_TIME_ZONE_UNKNOWN",
        ),
        (days("UTC", &[1], 540, 540), "SHOP_HOURS_INVALID"),
        (days("UTC", &[1], 1_020, 540), "SHOP_HOURS_INVALID"),
        (days("UTC", &[1, 1], 540, 1_020), "SHOP_HOURS_INVALID"),
        (with(day("2026-02-30", &[])), "SHOP_HOURS_INVALID"),
        (with(day("2026-05-05", &[(600, 300)])), "SHOP_HOURS_INVALID"),
        // H4: one date twice.
        (
            Hours {
                exceptions: vec![day("2026-05-05", &[]), day("2026-05-05", &[(600, 700)])],
                ..days("UTC", &[1], 540, 1_020)
            },
            "SHOP_HOURS_INVALID",
        ),
        (with(day("2026-05-05", &[(600, 700), (650, 800)])), "SHOP_HOURS_INVALID"),
    ] {
        let outcome = set_hours(node, shop.shop_id, hours.clone()).await;
        assert_eq!(code(&outcome), expected, "{hours:?}");
    }
    assert_eq!(get(node, shop.shop_id).await, shop);
    let request = SubmitShopApplicationRequest { merchant_id: shop.merchant_id, shop: Some(draft("No zone")) };
    let request = SubmitShopApplicationRequest {
        shop: request.shop.map(|shop| ShopDraft { hours: Some(days("Nowhere", &[1], 1, 2)), ..shop }),
        ..request
    };
    assert_eq!(code(&node.shops().submit_shop_application(&node.cx(), request).await), "SHOP_TIME_ZONE_UNKNOWN");
}

/// Text in OpenStreetMap syntax is stored unchanged; days that it does not tell are unknown.
pub(crate) async fn texts_of_hours_are_kept_as_they_came(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    assert_eq!((shop.is_open, shop.next_change_at), (None, None), "no hours, no answer");
    // The clock shows Monday noon in Shanghai, the default time zone.
    for (osm, is_open) in [
        ("Mo-Fr 09:00-18:00; PH off", Some(true)),
        ("Mo-Fr 13:00-18:00", Some(false)),
        ("24/7", Some(true)),
        ("Su off", None),
        ("Mo-Su 07:00-23:00; Easter off", Some(true)),
    ] {
        let hours = Hours { osm: osm.to_owned(), ..Default::default() };
        set_hours(node, shop.shop_id, hours.clone()).await.unwrap();
        let seen = get(node, shop.shop_id).await;
        assert_eq!((seen.is_open, seen.hours), (is_open, Some(hours)), "{osm}");
    }
}

/// H2: text that cannot be read is refused with its position and changes nothing; an import keeps it, and the hours are
/// unknown and said to be so.
pub(crate) async fn hours_that_cannot_be_read_are_refused(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    for (osm, position) in [("ten to ten", "1"), ("Mo-Fr 9am-5pm", "7"), ("ask the owner, he is nice", "1")] {
        let hours = Hours { osm: osm.to_owned(), ..Default::default() };
        let error = set_hours(node, shop.shop_id, hours.clone()).await.unwrap_err();
        assert_eq!(error.code(), "SHOP_HOURS_INVALID");
        assert!(error.detail().contains(&format!("at character {position}")), "{}", error.detail());
        let draft = ShopDraft { hours: Some(hours), ..draft("Riddle") };
        let request = SubmitShopApplicationRequest { merchant_id: shop.merchant_id, shop: Some(draft) };
        assert_eq!(code(&node.shops().submit_shop_application(&node.cx(), request).await), "SHOP_HOURS_INVALID");
    }
    assert_eq!(get(node, shop.shop_id).await, shop);
    let hours = Hours { osm: "Mo-Fr 9am-5pm; Sa 10:00-12:00".into(), ..Default::default() };
    let draft = ShopDraft { hours: Some(hours.clone()), ..draft("Imported") };
    let imported = ImportedShop { external_id: "test:1".into(), shop: Some(draft), ..Default::default() };
    let response = node.shops().import_shops(&node.cx(), ImportShopsRequest { shops: vec![imported] }).await.unwrap();
    let [notice] = &response.notices[..] else { panic!("{response:?}") };
    assert!(notice.text.contains("\"9am-5pm\" at character 7"), "{notice:?}");
    let near = ListNearbyRequest { latitude: Some(31.2304), longitude: Some(121.4737), ..Default::default() };
    let near = node.shops().list_nearby(&node.anonymous(), near).await.unwrap().shops;
    let found = near.iter().find(|shop| shop.name == "Imported").unwrap();
    let seen = get(node, found.shop_id).await;
    assert_eq!((seen.is_open, seen.hours.as_ref()), (None, Some(&hours)));
    assert_eq!(seen.hours_mistakes, [HoursMistake { position: 7, text: "9am-5pm".into() }]);
}

/// T1, T2: names are visible and trimmed, and addresses are those of web pages, for shops, merchants, products, categories
/// and imports.
pub(crate) async fn names_are_visible_and_addresses_are_of_web_pages(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    let (merchant_id, shop_id) = (shop.merchant_id, shop.shop_id);
    let shops = node.shops();
    for name in ["   ", "\u{200b}", "\u{202e}gnp.exe", "\u{2800}\u{2800}", "a\nb"] {
        assert_eq!(code(&update(node, rename(&shop, name)).await), "VALIDATION_FAILED", "{name:?}");
        let request = SubmitShopApplicationRequest { merchant_id, shop: Some(draft(name)) };
        assert_eq!(code(&shops.submit_shop_application(&node.cx(), request).await), "VALIDATION_FAILED", "{name:?}");
        let request = CreateMerchantRequest { name: name.to_owned(), ..Default::default() };
        assert_eq!(code(&shops.create_merchant(&node.cx(), request).await), "VALIDATION_FAILED", "{name:?}");
        let request = CreateCategoryRequest { name: name.to_owned(), ..Default::default() };
        assert_eq!(code(&shops.create_category(&node.cx(), request).await), "VALIDATION_FAILED", "{name:?}");
        let request = CreateProductRequest { shop_id, product: Some(product(name, 100)) };
        assert_eq!(code(&node.catalog().create_product(&node.cx(), request).await), "VALIDATION_FAILED", "{name:?}");
    }
    for address in ["javascript:alert(1)", "data:text/html,x", "www.anker.example", "images/1", "https://a@b.example"] {
        let request = UpdateShopRequest { website: Some(address.to_owned()), ..rename(&shop, "Tea") };
        assert_eq!(code(&update(node, request).await), "VALIDATION_FAILED", "{address}");
        let pictures = vec!["https://a.example/1.png".to_owned(), address.to_owned()];
        let shop = ShopDraft { image_urls: pictures.clone(), ..draft("Tea") };
        let request = SubmitShopApplicationRequest { merchant_id, shop: Some(shop) };
        let error = shops.submit_shop_application(&node.cx(), request).await.unwrap_err();
        assert_eq!(error.violations()[0].field, "shop.image_urls[1]", "{address}");
        let request =
            CreateProductRequest { shop_id, product: Some(ProductDraft { image_urls: pictures, ..product("Tea", 1) }) };
        assert_eq!(code(&node.catalog().create_product(&node.cx(), request).await), "VALIDATION_FAILED", "{address}");
    }
    assert_eq!(get(node, shop_id).await, shop);
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} Familie";
    let request =
        UpdateShopRequest { website: Some("https://a.example".into()), ..rename(&shop, &format!(" {family} ")) };
    let changed = update(node, request).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.website.as_str()), (family, "https://a.example"));
    let imported = |number: i32, name: &str, website: &str| ImportedShop {
        external_id: format!("test:{number}"),
        shop: Some(ShopDraft { website: website.to_owned(), ..draft(name) }),
        ..Default::default()
    };
    let batch = vec![
        imported(1, " padded ", ""),
        imported(2, "\u{202e}gnp.exe", ""),
        imported(3, "Evil", "javascript:alert(document.cookie)"),
        imported(4, "\u{200b}", ""),
    ];
    let response = shops.import_shops(&node.cx(), ImportShopsRequest { shops: batch }).await.unwrap();
    assert_eq!(response.created_count, 1);
    let reasons: Vec<&str> = response.refused.iter().map(|refused| refused.reason.as_str()).collect();
    assert!(reasons[0].contains("U+202E") && reasons[1].contains("javascript"), "{reasons:?}");
    assert_eq!(reasons[2], "shop.name must contain a visible character");
}

/// H2: a shop whose hours are unknown takes no orders, unless it says so.
pub(crate) async fn unknown_hours_take_no_orders(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    for (osm, is_orderable_when_unknown, is_open) in [
        ("Su off", false, false),
        ("Su off", true, true),
        ("", false, false),
        ("", true, true),
        ("Mo-Fr 13:00-18:00", true, false),
        ("Mo-Fr 09:00-18:00", false, true),
    ] {
        let hours = Hours { osm: osm.to_owned(), is_orderable_when_unknown, ..Default::default() };
        set_hours(node, shop.shop_id, hours).await.unwrap();
        let request = GetOffersRequest { shop_id: shop.shop_id, ..Default::default() };
        let offers = node.catalog().get_offers(&node.cx(), request).await.unwrap();
        assert_eq!(offers.is_open, is_open, "{osm:?} {is_orderable_when_unknown}");
    }
}

/// PL-03: a shop opens and closes by the local time of its zone, also on days with a clock change.
pub(crate) async fn hours_follow_the_clocks_of_the_place(node: &mut TestNode) {
    let shop = node.a_shop().await.shop;
    let every_day = [1, 2, 3, 4, 5, 6, 7];
    set_hours(node, shop.shop_id, days("America/New_York", &every_day, 9 * 60, 17 * 60)).await.unwrap();
    for (instant, is_open, next) in [
        ("2026-03-07T13:59:59Z", false, "2026-03-07T14:00:00Z"),
        ("2026-03-07T14:00:00Z", true, "2026-03-07T22:00:00Z"),
        ("2026-03-07T22:00:00Z", false, "2026-03-08T13:00:00Z"),
        ("2026-03-08T13:00:00Z", true, "2026-03-08T21:00:00Z"),
        ("2026-11-01T13:30:00Z", false, "2026-11-01T14:00:00Z"),
        ("2026-11-01T14:00:00Z", true, "2026-11-01T22:00:00Z"),
    ] {
        node.set_time(instant);
        let seen = get(node, shop.shop_id).await;
        assert_eq!(seen.is_open, Some(is_open), "{instant}");
        assert_eq!(seen.next_change_at.unwrap().to_string(), next, "{instant}");
        let place = seen.location.unwrap();
        let open = ListNearbyRequest {
            latitude: place.latitude,
            longitude: place.longitude,
            is_open_now: true,
            ..Default::default()
        };
        let open = node.shops().list_nearby(&node.anonymous(), open).await.unwrap().shops;
        assert_eq!(open.len(), usize::from(is_open), "{instant}");
    }
    // A span past midnight, and a holiday.
    let holiday = HoursException { business_date: "2026-12-24".into(), spans: vec![] };
    let hours = Hours { exceptions: vec![holiday], ..days("Europe/Berlin", &every_day, 20 * 60, 26 * 60) };
    set_hours(node, shop.shop_id, hours).await.unwrap();
    for (instant, is_open) in [
        ("2026-12-23T23:30:00Z", true),
        ("2026-12-24T00:59:59Z", true),
        ("2026-12-24T01:00:00Z", false),
        ("2026-12-24T20:00:00Z", false),
        ("2026-12-25T19:00:00Z", true),
    ] {
        node.set_time(instant);
        assert_eq!(get(node, shop.shop_id).await.is_open, Some(is_open), "{instant}");
    }
}

/// A closed shop is not public and not found nearby until it is reopened.
pub(crate) async fn closed_shops_vanish_and_come_back(node: &mut TestNode) {
    let open = node.a_shop().await;
    let shop_id = open.id();
    let place = open.shop.location.unwrap();
    let nearby = ListNearbyRequest { latitude: place.latitude, longitude: place.longitude, ..Default::default() };
    for _ in 0..2 {
        assert_eq!(node.shops().list_nearby(&node.anonymous(), nearby.clone()).await.unwrap().shops.len(), 1);
        node.shops().close_shop(&open.owner.cx(), CloseShopRequest { shop_id }).await.unwrap();
        assert_eq!(node.shops().list_nearby(&node.anonymous(), nearby.clone()).await.unwrap().shops, []);
        let outcome = node.shops().get_shop(&node.anonymous(), GetShopRequest { shop_id }).await;
        assert_eq!(code(&outcome), "SHOP_NOT_FOUND");
        assert_eq!(code(&node.shops().get_shop(&open.owner.cx(), GetShopRequest { shop_id }).await), "ok");
        node.restart().await;
        assert_eq!(node.shops().list_nearby(&node.anonymous(), nearby.clone()).await.unwrap().shops, []);
        node.shops().reopen_shop(&open.owner.cx(), ReopenShopRequest { shop_id }).await.unwrap();
        node.advance(SECOND);
        assert_eq!(get(node, shop_id).await.state(), ShopState::Active);
    }
}

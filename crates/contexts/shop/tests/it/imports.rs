//! Import and export of shops.

use futures::TryStreamExt;
use futures::future::join_all;
use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{TestNode, draft, place};

use crate::{code, tally};

fn shop(number: usize) -> ImportedShop {
    ImportedShop {
        external_id: format!("osm:node/{number}"),
        shop: Some(ShopDraft {
            location: Some(place(31.0, 121.0)),
            hours: Some(Hours { osm: "Mo-Su 09:00-18:00".to_owned(), ..Default::default() }),
            ..draft(&format!("Shop {number}"))
        }),
        rating_hundredths: 450,
        rating_count: 12,
        tags: [("cuisine".to_owned(), "tea".to_owned()), ("wifi".to_owned(), "yes".to_owned())].into(),
        ..Default::default()
    }
}

async fn import(node: &TestNode, shops: Vec<ImportedShop>) -> Result<ImportShopsResponse, Error> {
    node.shops().import_shops(&node.cx(), ImportShopsRequest { shops }).await
}

fn counts(response: &ImportShopsResponse) -> (i32, i32, i32, usize) {
    (response.created_count, response.updated_count, response.unchanged_count, response.refused.len())
}

async fn export(node: &TestNode, request: ExportShopsRequest) -> Vec<Shop> {
    let stream = node.shops().export_shops(&node.cx(), request).await.unwrap();
    stream.try_collect().await.unwrap()
}

/// TR-67, TR-68: the same batch again changes nothing; a changed shop is replaced and keeps its ID.
pub(crate) async fn the_same_batch_again_changes_nothing(node: &mut TestNode) {
    let batch: Vec<ImportedShop> = (0..120).map(shop).collect();
    assert_eq!(counts(&import(node, batch.clone()).await.unwrap()), (120, 0, 0, 0));
    let before = export(node, ExportShopsRequest::default()).await;
    assert_eq!(counts(&import(node, batch.clone()).await.unwrap()), (0, 0, 120, 0));
    assert_eq!(export(node, ExportShopsRequest::default()).await, before);
    assert_eq!(before[7].tags.len(), 2);
    assert_eq!((before[7].rating_hundredths, before[7].rating_count, before[7].merchant_id), (450, 12, 0));

    let mut changed = batch;
    changed[3].rating_count = 13;
    changed[4].shop.as_mut().unwrap().name = "Renamed".to_owned();
    changed[5].is_closed = true;
    changed.push(shop(120));
    assert_eq!(counts(&import(node, changed).await.unwrap()), (1, 3, 117, 0));
    let after = export(node, ExportShopsRequest::default()).await;
    assert_eq!((after.len(), after[4].shop_id, after[4].version), (121, before[4].shop_id, 2));
    assert_eq!((after[4].name.as_str(), after[5].state(), after[6].version), ("Renamed", ShopState::Closed, 1));
    let seen = GetShopRequest { shop_id: before[4].shop_id };
    assert_eq!(node.shops().get_shop(&node.anonymous(), seen).await.unwrap().name, "Renamed", "the cache knows");
}

/// An invalid shop is listed with its index, code and reason; the others are imported.
pub(crate) async fn refused_rows_are_named_and_the_rest_is_taken_in(node: &mut TestNode) {
    let mut batch: Vec<ImportedShop> = (0..7).map(shop).collect();
    batch[1].shop.as_mut().unwrap().hours = Some(Hours { time_zone: "Mars/Olympus".into(), ..Default::default() });
    batch[2].external_id = "osm:node/0".to_owned();
    batch[4].shop.as_mut().unwrap().category_code = 12_345;
    // A valid code of a category that does not exist.
    batch[6].shop.as_mut().unwrap().category_code = 10_000_001;
    let response = import(node, batch).await.unwrap();
    assert_eq!(counts(&response), (3, 0, 0, 4));
    let refused: Vec<(i32, &str, &str)> = response
        .refused
        .iter()
        .map(|refused| (refused.index, refused.external_id.as_str(), refused.code.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (1, "osm:node/1", "SHOP_TIME_ZONE_UNKNOWN"),
            (2, "osm:node/0", "VALIDATION_FAILED"),
            (4, "osm:node/4", "SHOP_CATEGORY_NOT_FOUND"),
            (6, "osm:node/6", "SHOP_CATEGORY_NOT_FOUND"),
        ]
    );
    assert!(response.refused.iter().all(|refused| !refused.reason.is_empty()));
}

/// Concurrent imports of one batch create each shop once.
pub(crate) async fn parallel_imports_make_no_duplicates(node: &mut TestNode) {
    let batch: Vec<ImportedShop> = (0..50).map(shop).collect();
    let outcomes = join_all((0..4).map(|_| import(node, batch.clone()))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 4)]);
    let created: i32 = outcomes.iter().flatten().map(|response| response.created_count).sum();
    let unchanged: i32 = outcomes.iter().flatten().map(|response| response.unchanged_count).sum();
    assert_eq!((created, unchanged), (50, 150));
    let mut ids: Vec<String> =
        export(node, ExportShopsRequest::default()).await.into_iter().map(|shop| shop.external_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    let around =
        ListNearbyRequest { latitude: Some(31.0), longitude: Some(121.0), page_size: 100, ..Default::default() };
    assert_eq!(node.shops().list_nearby(&node.anonymous(), around).await.unwrap().shops.len(), 50);
}

/// TR-68: `pulse:` and an ID is the shop with that ID. It is updated and keeps its owner and state.
pub(crate) async fn a_shop_of_ours_comes_back_as_itself(node: &mut TestNode) {
    let open = node.open_shop("+8613800138000", draft("Ours")).await;
    let before = node.shops().get_shop(&open.owner.cx(), GetShopRequest { shop_id: open.id() }).await.unwrap();
    let named = |external_id: String, name: &str| {
        let shop = ShopDraft { location: before.location, hours: before.hours.clone(), ..draft(name) };
        ImportedShop { external_id, shop: Some(shop), ..Default::default() }
    };
    let ours = |name: &str| named(format!("pulse:{}", before.shop_id), name);
    assert_eq!(counts(&import(node, vec![ours("Ours")]).await.unwrap()), (0, 0, 1, 0));
    // An import does not change the state of an own shop.
    let closed = ImportedShop { is_closed: true, ..ours("Renamed") };
    assert_eq!(counts(&import(node, vec![closed]).await.unwrap()), (0, 1, 0, 0));
    let after = export(node, ExportShopsRequest::default()).await;
    let expected = Shop { name: "Renamed".into(), version: before.version + 1, ..before.clone() };
    assert_eq!(after, [Shop { is_open: after[0].is_open, next_change_at: after[0].next_change_at, ..expected }]);

    let close = CloseShopRequest { shop_id: before.shop_id };
    node.shops().close_shop(&open.owner.cx(), close).await.unwrap();
    assert_eq!(counts(&import(node, vec![ours("Renamed")]).await.unwrap()), (0, 0, 1, 0));
    // An unknown ID is an external ID like any other, also the second time.
    let elsewhere = || vec![named("pulse:17".into(), "Elsewhere"), named("pulse:+17".into(), "Odd")];
    assert_eq!(counts(&import(node, elsewhere()).await.unwrap()), (2, 0, 0, 0));
    assert_eq!(counts(&import(node, elsewhere()).await.unwrap()), (0, 0, 2, 0));

    // Two external IDs of one shop in one batch.
    let all = export(node, ExportShopsRequest::default()).await;
    let odd = all.iter().find(|shop| shop.external_id == "pulse:+17").unwrap();
    let twice = vec![named("pulse:+17".into(), "Odd"), named(format!("pulse:{}", odd.shop_id), "Twice")];
    assert_eq!(counts(&import(node, twice).await.unwrap()), (0, 0, 1, 1));
}

/// TR-78: shops that are imported during a move of their category are in it afterwards, or are refused.
pub(crate) async fn no_import_lands_in_a_category_that_is_gone(node: &mut TestNode) {
    let create = async |parent_code: i64, name: &str| {
        let request = CreateCategoryRequest { parent_code, name: name.to_owned(), ..Default::default() };
        node.shops().create_category(&node.cx(), request).await.unwrap()
    };
    let (one, two) = (create(0, "One").await, create(0, "Two").await);
    let mut moving = create(one.code, "Moving").await;
    let mut taken_in = 0;
    for round in 0..12_usize {
        let new_parent_code = if round % 2 == 0 { two.code } else { one.code };
        let batch = |number: usize, code: i64| {
            let mut shop = shop(number);
            shop.shop.as_mut().unwrap().category_code = code;
            shop
        };
        let shops = vec![batch(round * 2, moving.code), batch(round * 2 + 1, one.code)];
        let request = MoveCategoryRequest { code: moving.code, new_parent_code };
        let cx = node.cx();
        let (moved, outcome) = tokio::join!(node.shops().move_category(&cx, request), import(node, shops));
        moving = moved.unwrap();
        let outcome = outcome.unwrap();
        assert!(outcome.refused.iter().all(|refused| refused.code == "SHOP_CATEGORY_NOT_FOUND"), "{outcome:?}");
        assert_eq!(
            (outcome.created_count, outcome.refused.len()),
            if outcome.refused.is_empty() { (2, 0) } else { (1, 1) }
        );
        taken_in += outcome.created_count - 1;
        let all = export(node, ExportShopsRequest::default()).await;
        let count = |code: i64| all.iter().filter(|shop| shop.category_code == code).count();
        assert_eq!((count(moving.code), count(one.code)), (usize::try_from(taken_in).unwrap(), round + 1), "{round}");
    }
}

/// An export returns all shops once and in order, also over REST, and resumes after the last received shop.
pub(crate) async fn an_export_streams_everything(node: &mut TestNode) {
    for batch in 0..2 {
        import(node, (batch * 600..(batch + 1) * 600).map(shop).collect()).await.unwrap();
    }
    let all = export(node, ExportShopsRequest::default()).await;
    assert_eq!(all.len(), 1_200, "more than a batch of the reader");
    assert!(all.is_sorted_by(|a, b| a.shop_id < b.shop_id));
    let rest = ExportShopsRequest { after_shop_id: all[1_150].shop_id, ..Default::default() };
    assert_eq!(export(node, rest).await, all[1_151..]);
    let closed = ExportShopsRequest { state: ShopState::Closed.into(), ..Default::default() };
    assert_eq!(export(node, closed).await, []);
    let operator = node.operator().await;
    let reply = node.http().get("/v1/operator/shops:export").by(&operator).send().await;
    let events = reply.text().lines().filter(|line| line.starts_with("data:")).count();
    assert_eq!((reply.status, events), (200, 1_200));
}

//! Items that are out (86).

use futures::future::join_all;
use pulse_contract::Event as _;
use pulse_contract::kitchen::v1::*;
use pulse_contract::shop::v1::Product;
use pulse_kernel::Error;
use pulse_testkit::{TestNode, draft};

use crate::{KitchenFixture, assert_consistent, code, on_menu, tally};

fn request(product: &Product, is_out: bool) -> SetItemOutRequest {
    SetItemOutRequest {
        shop_id: product.shop_id,
        product_id: product.product_id,
        variant_id: product.variants[0].variant_id,
        is_out,
    }
}

async fn set(node: &TestNode, request: SetItemOutRequest) -> Result<ItemOut, Error> {
    node.kitchens().set_item_out(&node.cx(), request).await
}

/// The published changes of items in order: out or available, and the version.
async fn changes(node: &TestNode) -> Vec<(bool, i64)> {
    let events = node.store("kitchen").events_after(0, 1_000).await.unwrap();
    let events = events.into_iter().filter(|event| &*event.topic == ItemOutChanged::TOPIC);
    let events = events.map(|event| <ItemOutChanged as prost::Message>::decode(event.payload).unwrap());
    events.map(|event| (event.is_out, event.version)).collect()
}

/// Each change of an item is published once, with a growing version.
pub(crate) async fn what_is_out_is_told_with_growing_versions(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let product = &place.products[0];
    for is_out in [false, true, true, false, false, true] {
        let answer = set(node, request(product, is_out)).await.unwrap();
        assert_eq!(answer, ItemOut { variant_id: product.variants[0].variant_id, is_out });
    }
    assert_eq!(changes(node).await, [(true, 1), (false, 2), (true, 3)]);
    assert_consistent(node).await;
}

/// R24: only the shop of an item and operators mark it as out.
pub(crate) async fn items_of_others_are_not_put_out(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea", "cake"]).await;
    let other = node.open_shop("+8613900000003", draft("Other")).await;
    let [tea, cake] = [&place.products[0], &place.products[1]];
    let theirs = on_menu(node, other.id(), "tea").await;
    for wrong in [
        SetItemOutRequest { shop_id: other.id(), ..request(tea, true) },
        SetItemOutRequest { variant_id: theirs.variants[0].variant_id, ..request(tea, true) },
        SetItemOutRequest { product_id: cake.product_id, ..request(tea, true) },
        SetItemOutRequest { product_id: 4_711, ..request(tea, true) },
        SetItemOutRequest { variant_id: 4_711, ..request(tea, true) },
        SetItemOutRequest { shop_id: 4_711, ..request(tea, true) },
    ] {
        assert_eq!(code(&set(node, wrong).await), "KITCHEN_ITEM_UNKNOWN", "{wrong:?}");
    }
    let http = node.http();
    let path = format!("/v1/shops/{}/kitchen/items/{}:out", place.id(), tea.variants[0].variant_id);
    let body = serde_json::json!({ "product_id": tea.product_id.to_string(), "is_out": true });
    assert_eq!(http.post(&path, &body).by(&other.owner).send().await.code(), "PERMISSION_DENIED");
    assert_eq!(changes(node).await, []);
    assert!(http.post(&path, &body).by(&place.shop.owner).send().await.ok::<ItemOut>().is_out);
    assert_eq!(changes(node).await, [(true, 1)]);
}

/// Concurrent changes of an item are serialized: each version once.
pub(crate) async fn parallel_changes_of_an_item_are_one_line(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let outcomes = join_all((0..6).map(|index| set(node, request(&place.products[0], index % 2 == 0)))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 6)]);
    let changes = changes(node).await;
    let expected: Vec<(bool, i64)> = (1..).map(|version| (version % 2 == 1, version)).take(changes.len()).collect();
    assert_eq!(changes, expected);
    assert!(!changes.is_empty());
    assert_consistent(node).await;
}

/// A repeated idempotency key has the first answer, also for a call without a change, and has no effect.
pub(crate) async fn a_repeated_key_puts_out_once(node: &mut TestNode) {
    let place = KitchenFixture::with(node, &["tea"]).await;
    let back = request(&place.products[0], false);
    let nothing = node.keyed(node.cx(), "nothing", "SetItemOut", &back);
    node.kitchens().set_item_out(&nothing, back).await.unwrap();
    let out = request(&place.products[0], true);
    let key = node.keyed(node.cx(), "out", "SetItemOut", &out);
    for _ in 0..2 {
        assert!(node.kitchens().set_item_out(&key, out).await.unwrap().is_out);
        assert!(!node.kitchens().set_item_out(&nothing, back).await.unwrap().is_out);
    }
    assert_eq!(changes(node).await, [(true, 1)]);
}

//! Stations of a kitchen.

use pulse_contract::kitchen::v1::*;
use pulse_testkit::TestNode;

use crate::{code, put_stations, station};

async fn get(node: &TestNode, shop_id: i64) -> Stations {
    node.kitchens().get_stations(&node.cx(), GetStationsRequest { shop_id }).await.unwrap()
}

/// The last write replaces all stations; an empty list is allowed.
pub(crate) async fn stations_are_replaced_as_a_whole(node: &mut TestNode) {
    let shop_id = node.a_shop().await.id();
    assert_eq!(get(node, shop_id).await, Stations { shop_id, stations: vec![] });
    for stations in [
        vec![station("bar", &["tea", "咖啡"], 3), station("grill", &[], 0)],
        vec![station("grill", &["tea"], 600)],
        vec![],
    ] {
        let put = put_stations(node, shop_id, stations.clone()).await.unwrap();
        assert_eq!(put, Stations { shop_id, stations });
        assert_eq!(get(node, shop_id).await, put);
    }
}

/// Duplicate names, duplicate sections and unknown shops are refused and change nothing.
pub(crate) async fn impossible_stations_are_refused(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let before = put_stations(node, shop.id(), vec![station("bar", &["tea"], 3)]).await.unwrap();
    for stations in [
        vec![station("bar", &[], 0), station("bar", &[], 0)],
        vec![station("bar", &["tea"], 0), station("grill", &["tea"], 0)],
        vec![station("bar", &["tea", "tea"], 0)],
    ] {
        assert_eq!(code(&put_stations(node, shop.id(), stations).await), "KITCHEN_STATIONS_INVALID");
    }
    assert_eq!(get(node, shop.id()).await, before);
    assert_eq!(code(&put_stations(node, 4_711, vec![]).await), "SHOP_NOT_FOUND");
    let http = node.http();
    let path = format!("/v1/shops/{}/kitchen/stations", shop.id());
    let many: Vec<_> = (0..21).map(|index| serde_json::json!({ "name": format!("s{index}") })).collect();
    for stations in [serde_json::json!(many), serde_json::json!([{ "name": "" }])] {
        let reply = http.ask("PUT", &path).by(&shop.owner).json(&serde_json::json!({ "stations": stations })).send();
        assert_eq!(reply.await.code(), "VALIDATION_FAILED");
    }
}

//! The stations of shops.

use prost::Message;
use pulse_contract::kitchen::v1::Stations;
use pulse_kernel::id::ShopId;
use pulse_store::{Insert, Statement, Store, StoreError, values};

/// The stations of a shop; none when nobody named any.
pub(crate) async fn of_shop(store: &Store, shop: ShopId) -> Result<Stations, StoreError> {
    let query = Statement::new("SELECT stations FROM kitchen_stations WHERE shop_id = ?", values![shop]);
    let row: Option<(Vec<u8>,)> = store.optional(query).await?;
    match row {
        Some((stations,)) => super::decode(stations),
        None => Ok(Stations { shop_id: shop.get(), stations: Vec::new() }),
    }
}

/// The write that replaces the stations of a shop.
pub(crate) fn put(stations: &Stations) -> Insert {
    Insert::into("kitchen_stations", &["shop_id", "stations"])
        .row(values![stations.shop_id, stations.encode_to_vec()])
        .on_conflict_update(&["shop_id"], &["stations"])
}

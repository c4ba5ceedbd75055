//! Stations of shops.

use pulse_contract::kitchen::v1::Stations;
use pulse_kernel::id::ShopId;
use pulse_store::{Insert, Row, Statement, Store, StoreError, Value, values};

/// The stations of a shop; empty when none are configured.
pub(crate) async fn of_shop(store: &Store, shop: ShopId) -> Result<Stations, StoreError> {
    let query = Statement::new("SELECT stations FROM kitchen_stations WHERE shop_id = ?", values![shop]);
    let row: Option<Row> = store.optional(query).await?;
    match row {
        Some(row) => row.message("stations"),
        None => Ok(Stations { shop_id: shop.get(), stations: Vec::new() }),
    }
}

/// The write that replaces the stations of a shop.
pub(crate) fn put(stations: &Stations) -> Insert {
    Insert::into("kitchen_stations", &["shop_id", "stations"])
        .row(values![stations.shop_id, Value::message(stations)])
        .on_conflict_update(&["shop_id"], &["stations"])
}

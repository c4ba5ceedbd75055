//! Replaces and returns the stations of a kitchen.

use pulse_contract::kitchen::v1::{GetStationsRequest, PutStationsRequest, Stations, errors};
use pulse_contract::shop::v1::GetOffersRequest;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, view};
use crate::domain::stations::{self as rules, Refusal};
use crate::store::stations;

/// Replaces all stations; the last write wins. Existing tickets keep their stations.
pub(crate) async fn put_stations(app: &App, cx: &Cx, request: PutStationsRequest) -> Result<Stations, Error> {
    rules::check(&view::stations(request.stations.clone())).map_err(|refusal| invalid(&refusal))?;
    // Operators can name any shop, so it may not exist.
    let shop = GetOffersRequest { shop_id: request.shop_id, product_ids: Vec::new() };
    app.deps.catalog.get_offers(&cx.as_system("kitchen.put_stations"), shop).await?;
    let stations = Stations { shop_id: request.shop_id, stations: request.stations };
    app.deps.store.commit(cx, Commit::new().insert(stations::put(&stations))).await?;
    Ok(stations)
}

fn invalid(refusal: &Refusal) -> Error {
    let detail = match refusal {
        Refusal::NameTwice(name) => format!("names of stations must be unique, got {name:?} twice"),
        Refusal::SectionTwice(section) => format!("a section can belong to one station only, got {section:?} twice"),
    };
    errors::KITCHEN_STATIONS_INVALID.error(detail)
}

pub(crate) async fn get_stations(app: &App, _cx: &Cx, request: GetStationsRequest) -> Result<Stations, Error> {
    Ok(stations::of_shop(&app.deps.store, ShopId::new(request.shop_id)).await?)
}

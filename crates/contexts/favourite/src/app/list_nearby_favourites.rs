//! Lists the shops around a position that the caller has marked, or that sell a marked product.

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::favourite::v1::{ListNearbyFavouritesRequest, ListNearbyFavouritesResponse, NearbyFavourite};
use pulse_contract::shop::v1::{ListNearbyRequest, NearbyShop};
use pulse_kernel::{Cx, Error};

use super::{App, MARKS_MAX, caller};
use crate::store::marks;

/// One search by the shop context, restricted to the shops of the caller's favourites: the cost grows with the shops
/// within the radius, and with the favourites of one account, which are bounded.
pub(crate) async fn list_nearby_favourites(
    app: &App,
    cx: &Cx,
    request: ListNearbyFavouritesRequest,
) -> Result<ListNearbyFavouritesResponse, Error> {
    let account = caller(cx)?;
    let mut marked: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for row in marks::newest(&app.deps.store, account, marks::START, MARKS_MAX).await? {
        marked.entry(row.subject.shop.get()).or_default().insert(row.subject.product);
    }
    if marked.is_empty() {
        return Ok(ListNearbyFavouritesResponse::default());
    }
    let search = ListNearbyRequest {
        latitude: request.latitude,
        longitude: request.longitude,
        radius_m: request.radius_m,
        is_open_now: request.is_open_now,
        page_size: request.page_size,
        page_token: request.page_token,
        shop_ids: marked.keys().copied().collect(),
        ..ListNearbyRequest::default()
    };
    let found = app.deps.shops.list_nearby(cx, search).await?;
    let favourites = found.shops.into_iter().map(|shop| {
        let products = marked.get(&shop.shop_id);
        let product_ids = products.into_iter().flatten().copied().filter(|product| *product != 0).collect();
        let is_shop_marked = products.is_some_and(|products| products.contains(&0));
        let NearbyShop { shop_id, name, distance_m, is_open, .. } = shop;
        NearbyFavourite { shop_id, name, distance_m, is_open, is_shop_marked, product_ids }
    });
    Ok(ListNearbyFavouritesResponse { favourites: favourites.collect(), next_page_token: found.next_page_token })
}

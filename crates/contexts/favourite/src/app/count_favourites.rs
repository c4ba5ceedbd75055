//! Counts the accounts that have marked a shop or a product.

use pulse_contract::favourite::v1::{CountFavouritesRequest, CountFavouritesResponse};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::App;
use crate::store::marks::{self, Subject};

pub(crate) async fn count_favourites(
    app: &App,
    _cx: &Cx,
    request: CountFavouritesRequest,
) -> Result<CountFavouritesResponse, Error> {
    let subject = Subject { shop: ShopId::new(request.shop_id), product: request.product_id };
    Ok(CountFavouritesResponse { account_count: marks::account_count(&app.deps.store, subject).await? })
}

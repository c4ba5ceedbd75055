//! Removes a mark.

use pulse_contract::favourite::v1::{RemoveFavouriteRequest, RemoveFavouriteResponse};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, caller};
use crate::store::marks::{self, Subject};

/// Does not ask whether the shop exists: a mark of a shop that is gone can be removed, too.
pub(crate) async fn remove_favourite(
    app: &App,
    cx: &Cx,
    request: RemoveFavouriteRequest,
) -> Result<RemoveFavouriteResponse, Error> {
    let account = caller(cx)?;
    let subject = Subject { shop: ShopId::new(request.shop_id), product: request.product_id };
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            if marks::marked_at(store, account, subject).await?.is_some() {
                store.commit(cx, marks::delete(account, subject)).await?;
            }
            Ok::<_, Error>(RemoveFavouriteResponse {})
        })
        .await
}

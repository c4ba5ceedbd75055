//! Marks a shop or a product.

use pulse_contract::favourite::v1::{AddFavouriteRequest, Favourite};
use pulse_contract::shop::v1::{GetProductRequest, GetShopRequest};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, MARKS_MAX, caller};
use crate::store::marks::{self, Subject};

pub(crate) async fn add_favourite(app: &App, cx: &Cx, request: AddFavouriteRequest) -> Result<Favourite, Error> {
    let (account, AddFavouriteRequest { shop_id, product_id }) = (caller(cx)?, request);
    let subject = Subject { shop: ShopId::new(shop_id), product: product_id };
    check_exists(app, cx, subject).await?;
    let store = &app.deps.store;
    let marked_at = store
        .attempt(cx, || async {
            if let Some(marked_at) = marks::marked_at(store, account, subject).await? {
                return Ok::<_, Error>(marked_at);
            }
            store.commit(cx, marks::insert(account, subject, MARKS_MAX, cx.now)).await?;
            Ok(cx.now)
        })
        .await?;
    Ok(Favourite { shop_id, product_id, marked_at: Some(marked_at.into()) })
}

/// The shop context decides whether the caller may see the shop and the product.
async fn check_exists(app: &App, cx: &Cx, Subject { shop, product }: Subject) -> Result<(), Error> {
    let shop_id = shop.get();
    if product == 0 {
        app.deps.shops.get_shop(cx, GetShopRequest { shop_id }).await?;
    } else {
        app.deps.catalog.get_product(cx, GetProductRequest { shop_id, product_id: product }).await?;
    }
    Ok(())
}

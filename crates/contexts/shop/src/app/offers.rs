//! Returns the current prices and terms of a shop, from which orders are priced; sets the terms.

use std::sync::Arc;

use pulse_contract::shop::v1::{GetOffersRequest, Offers, SetTermsRequest, ShopTerms};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, KnownProduct, KnownShop, change_shop, get_shop, products, view};
use crate::store::products::{self as rows, ProductId};

pub(crate) async fn get_offers(app: &App, cx: &Cx, request: GetOffersRequest) -> Result<Offers, Error> {
    let shop = ShopId::new(request.shop_id);
    let known = get_shop::visible(app, cx, shop).await?;
    let mut offers = offers(app, &known, cx);
    for id in request.product_ids {
        if let Some(product) = known_product(app, shop, ProductId::new(id)).await?
            && product.is_on_sale
        {
            offers.products.push(products::view(product.as_ref().clone()));
        }
    }
    Ok(offers)
}

fn offers(app: &App, known: &KnownShop, cx: &Cx) -> Offers {
    let details = &known.row.details;
    let zone = details.hours.as_ref().map(|hours| hours.time_zone.as_str()).unwrap_or_default();
    let is_open = known.hours.as_ref().and_then(|hours| hours.is_open(cx.now));
    Offers {
        shop_id: known.row.id.get(),
        shop_name: known.row.name.clone(),
        location: Some(view::point(known.row.at)),
        is_open: is_open.unwrap_or_else(|| details.hours.as_ref().is_some_and(|hours| hours.is_orderable_when_unknown)),
        time_zone: if zone.is_empty() { app.deps.config.time_zone.clone() } else { zone.to_owned() },
        terms: Some(details.terms.unwrap_or_default()),
        products: Vec::new(),
    }
}

/// A product of the shop, from the cache.
async fn known_product(app: &App, shop: ShopId, id: ProductId) -> Result<Option<KnownProduct>, Error> {
    let load = || {
        let app = app.clone();
        async move { Ok(rows::by_id(&app.deps.store, shop, id).await?.map(Arc::new)) }
    };
    app.products.get_or_load(&(shop, id), load).await
}

pub(crate) async fn set_terms(app: &App, cx: &Cx, request: SetTermsRequest) -> Result<ShopTerms, Error> {
    let (id, terms) = (ShopId::new(request.shop_id), request.terms.unwrap_or_default());
    app.deps
        .store
        .attempt(cx, || async {
            let mut row = change_shop::load_expected(app, id, request.expected_version).await?;
            row.details.terms = Some(terms);
            change_shop::commit(app, cx, row, Commit::new()).await?;
            Ok(terms)
        })
        .await
}

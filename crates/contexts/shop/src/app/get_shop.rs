//! Returns a shop from the cache. A shop that is not active is visible to its owner, its staff and operators only.

use std::sync::Arc;

use pulse_contract::shop::v1::{GetShopRequest, Shop, ShopState, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::merchants::is_owner;
use super::{App, KnownShop, view};
use crate::store::{merchants, shops};

pub(crate) async fn get_shop(app: &App, cx: &Cx, request: GetShopRequest) -> Result<Shop, Error> {
    let known = visible(app, cx, ShopId::new(request.shop_id)).await?;
    Ok(view::shop(&known, cx.now))
}

/// The shop, when the caller may see it.
///
/// # Errors
/// `SHOP_NOT_FOUND` for a shop that does not exist or that the caller may not see.
pub(super) async fn visible(app: &App, cx: &Cx, id: ShopId) -> Result<Arc<KnownShop>, Error> {
    let load = || {
        let app = app.clone();
        async move { Ok(shops::by_id(&app.deps.store, id).await?.map(|row| Arc::new(view::known(&app, row)))) }
    };
    let known = app.cache.get_or_load(&id, load).await?.ok_or_else(|| not_found(id))?;
    if known.row.state == ShopState::Active || cx.actor.works_for(id) {
        return Ok(known);
    }
    let merchant = merchants::by_id(&app.deps.store, known.row.merchant).await?;
    match merchant {
        Some(merchant) if is_owner(cx, merchant.owner) => Ok(known),
        _ => Err(not_found(id)),
    }
}

pub(super) fn not_found(id: ShopId) -> Error {
    errors::SHOP_NOT_FOUND.error(format!("shop {} does not exist", id.get())).with("shop_id", id.get())
}

//! Lists the shops of a merchant for its owner, and the shops of a state for operators.

use pulse_contract::page::{self, Page};
use pulse_contract::shop::v1::{
    ListMerchantShopsRequest, ListMerchantShopsResponse, ListShopsRequest, ListShopsResponse, Shop,
};
use pulse_kernel::id::{MerchantId, ShopId};
use pulse_kernel::{Cx, Error};

use super::merchants::owned;
use super::{App, view};
use crate::store::shops::{self, ShopRow};

pub(crate) async fn list_merchant_shops(
    app: &App,
    cx: &Cx,
    request: ListMerchantShopsRequest,
) -> Result<ListMerchantShopsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let merchant = owned(app, cx, MerchantId::new(request.merchant_id)).await?;
    let rows = shops::of_merchant(&app.deps.store, merchant.id, after(&page)?, page.limit_plus_one()).await?;
    let (shops, next_page_token) = cut(app, cx, &page, rows);
    Ok(ListMerchantShopsResponse { shops, next_page_token })
}

pub(crate) async fn list_shops(app: &App, cx: &Cx, request: ListShopsRequest) -> Result<ListShopsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let rows = shops::in_state(&app.deps.store, request.state(), after(&page)?, page.limit_plus_one()).await?;
    let (shops, next_page_token) = cut(app, cx, &page, rows);
    Ok(ListShopsResponse { shops, next_page_token })
}

fn after(page: &Page<'_>) -> Result<ShopId, Error> {
    Ok(page.after::<1>()?.map_or(ShopId::new(0), |[id]| ShopId::new(id)))
}

fn cut(app: &App, cx: &Cx, page: &Page<'_>, rows: Vec<ShopRow>) -> (Vec<Shop>, String) {
    let (rows, next) = page.cut(rows, |row| page::token(&[row.id.get()]));
    (rows.into_iter().map(|row| view::shop(&view::known(app, row), cx.now)).collect(), next)
}

//! Returns the stock of one resource, or of all resources of a shop.

use pulse_contract::page::{self, Page};
use pulse_contract::stock::v1::{GetStockRequest, ListStockRequest, ListStockResponse, Stock};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, counted, resource};
use crate::store::resources::{self, ResourceRow};
use crate::view;

pub(crate) async fn get_stock(app: &App, _cx: &Cx, request: GetStockRequest) -> Result<Stock, Error> {
    let resource = resource(request.resource.as_ref())?;
    let row = counted(app, ShopId::new(request.shop_id), resource).await?;
    Ok(view::stock(resource, &row))
}

pub(crate) async fn list_stock(app: &App, _cx: &Cx, request: ListStockRequest) -> Result<ListStockResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let (shop, after) = (ShopId::new(request.shop_id), page.after::<2>()?.unwrap_or([0, 0]));
    let rows = resources::of_shop(&app.deps.store, shop, request.is_low, after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&position(row)));
    let stock = rows.iter().map(|found| view::stock(found.resource, &found.row)).collect();
    Ok(ListStockResponse { stock, next_page_token })
}

/// Position of a resource in the list.
fn position(found: &ResourceRow) -> [i64; 2] {
    let kind: i32 = found.resource.kind.into();
    [kind.into(), found.resource.id]
}

//! Returns one sale, or the sales of a shop.

use pulse_contract::page::{self, Page};
use pulse_contract::sale::v1::{GetSaleRequest, ListSalesRequest, ListSalesResponse, Sale};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, not_found, view};
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;
use crate::store::sales;

pub(crate) async fn get_sale(app: &App, cx: &Cx, request: GetSaleRequest) -> Result<Sale, Error> {
    let store = &app.deps.store;
    let row = sales::by_id(store, request.sale_id).await?;
    let is_seen = |row: &sales::SaleRow| row.status != SaleStatus::Draft || cx.actor.works_for(row.shop);
    let row = row.filter(is_seen).ok_or_else(|| not_found(request.sale_id))?;
    Ok(view::sale(&row, &counts::of(store, row.id).await?, cx))
}

pub(crate) async fn list_sales(app: &App, cx: &Cx, request: ListSalesRequest) -> Result<ListSalesResponse, Error> {
    let store = &app.deps.store;
    let page = Page::new(request.page_size, &request.page_token)?;
    let before = page.after::<1>()?.map_or(i64::MAX, |[id]| id);
    let shop = ShopId::new(request.shop_id);
    let rows = sales::of_shop(store, shop, (before, page.limit_plus_one()), cx.actor.works_for(shop)).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id]));
    let counted = counts::of_all(store, rows.iter().map(|row| row.id)).await?;
    let count = |id: i64| counted.iter().find(|count| count.sale == id).copied().unwrap_or_default();
    let sales = rows.iter().map(|row| view::sale(row, &count(row.id), cx)).collect();
    Ok(ListSalesResponse { sales, next_page_token })
}

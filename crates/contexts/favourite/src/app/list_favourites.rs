//! Lists the caller's favourites, newest first, by a cursor that new marks do not move.

use pulse_contract::favourite::v1::{Favourite, ListFavouritesRequest, ListFavouritesResponse};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp};

use super::{App, caller};
use crate::store::marks::{self, MarkRow};

pub(crate) async fn list_favourites(
    app: &App,
    cx: &Cx,
    request: ListFavouritesRequest,
) -> Result<ListFavouritesResponse, Error> {
    let account = caller(cx)?;
    let page = Page::new(request.page_size, &request.page_token)?;
    let position = match page.after::<3>()? {
        Some([at, shop, product]) => (Timestamp::from_millis(at), ShopId::new(shop), product),
        None => marks::START,
    };
    let rows = marks::newest(&app.deps.store, account, position, page.limit_plus_one()).await?;
    let token = |row: &MarkRow| page::token(&[row.marked_at.as_millis(), row.subject.shop.get(), row.subject.product]);
    let (rows, next_page_token) = page.cut(rows, token);
    Ok(ListFavouritesResponse { favourites: rows.into_iter().map(favourite).collect(), next_page_token })
}

fn favourite(MarkRow { marked_at, subject }: MarkRow) -> Favourite {
    Favourite { shop_id: subject.shop.get(), product_id: subject.product, marked_at: Some(marked_at.into()) }
}

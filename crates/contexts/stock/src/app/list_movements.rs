//! Lists the movements of a resource, newest first.

use pulse_contract::page::{self, Page};
use pulse_contract::stock::v1::{ListMovementsRequest, ListMovementsResponse};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, counted, resource};
use crate::store::movements;
use crate::view;

pub(crate) async fn list_movements(
    app: &App,
    _cx: &Cx,
    request: ListMovementsRequest,
) -> Result<ListMovementsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let resource = resource(request.resource.as_ref())?;
    let row = counted(app, ShopId::new(request.shop_id), resource).await?;
    let newest = page.after::<1>()?.map_or(row.version, |[version]| version.saturating_sub(1));
    let rows = movements::until(&app.deps.store, resource, newest, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.movement.version]));
    Ok(ListMovementsResponse { movements: rows.into_iter().map(view::movement).collect(), next_page_token })
}

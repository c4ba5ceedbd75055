//! Returns the quantities of a resource at an instant in the past, from the journal.

use pulse_contract::errors as common;
use pulse_contract::stock::v1::{GetStockAtRequest, StockAt};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, counted, resource};
use crate::store::movements;
use crate::view;

pub(crate) async fn get_stock_at(app: &App, _cx: &Cx, request: GetStockAtRequest) -> Result<StockAt, Error> {
    let resource = resource(request.resource.as_ref())?;
    let at = request.at.ok_or_else(|| common::VALIDATION_FAILED.error("at is required"))?.into();
    let row = counted(app, ShopId::new(request.shop_id), resource).await?;
    let cause = movements::last_at(&app.deps.store, resource, row.version, at).await?;
    Ok(view::stock_at(resource, at, cause))
}

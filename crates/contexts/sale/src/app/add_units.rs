//! Adds units from the stock of the shop, also while a sale runs (TR-21).

use pulse_contract::sale::v1::{AddSaleUnitsRequest, Sale};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, RECOVER_AFTER, conflict, managed, next, put, timer, transfer_units, view};
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;

pub(crate) async fn add_sale_units(app: &App, cx: &Cx, request: AddSaleUnitsRequest) -> Result<Sale, Error> {
    let row = managed(app, request.shop_id, request.sale_id).await?;
    if !row.status.is_running() {
        return Err(conflict("units can be added only to a sale that is scheduled or open"));
    }
    // First completes a transfer that an earlier request began.
    let row = transfer_units::execute_transfer(app, cx, row).await?;
    let planned = next(&row, cx, |row| transfer_units::plan(row, request.units));
    put(app, cx, &planned, Commit::new().timer(timer(row.id, cx.now.plus(RECOVER_AFTER)))).await?;
    let row = transfer_units::execute_transfer(app, cx, planned).await?;
    if row.status == SaleStatus::Ready {
        app.deps.sales.add(row.id, request.units).await?;
    }
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}

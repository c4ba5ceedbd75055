//! Closes a sale before its end.

use pulse_contract::sale::v1::{CloseSaleRequest, Sale, errors};
use pulse_kernel::{Cx, Error};

use super::{App, advance, conflict, managed, transfer_units, view};
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;

pub(crate) async fn close_sale(app: &App, cx: &Cx, request: CloseSaleRequest) -> Result<Sale, Error> {
    let close = || async {
        let row = managed(app, request.shop_id, request.sale_id).await?;
        match row.status {
            SaleStatus::Draft => Err(conflict("a draft is not open; delete it instead")),
            SaleStatus::Scheduled | SaleStatus::Ready => {
                // Completes a pending transfer first: otherwise its units would arrive after the end.
                let row = match transfer_units::execute_transfer(app, cx, row).await {
                    Err(error) if error.code() == errors::SALE_STOCK_SHORT.code => {
                        managed(app, request.shop_id, request.sale_id).await?
                    }
                    outcome => outcome?,
                };
                match row.status.is_running() {
                    true => advance::close(app, cx, row).await,
                    false => Ok(row),
                }
            }
            SaleStatus::Closed | SaleStatus::Settled => Ok(row),
        }
    };
    let row = app.deps.store.attempt(cx, close).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}

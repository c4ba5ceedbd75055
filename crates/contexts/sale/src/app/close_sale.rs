//! Ends a sale before its time.

use pulse_contract::sale::v1::{CloseSaleRequest, Sale, errors};
use pulse_kernel::{Cx, Error};

use super::{App, advance, conflict, managed, transfer_units, view};
use crate::domain::stage::Stage;
use crate::store::counts;

pub(crate) async fn close_sale(app: &App, cx: &Cx, request: CloseSaleRequest) -> Result<Sale, Error> {
    let close = || async {
        let row = managed(app, request.shop_id, request.sale_id).await?;
        match row.stage {
            Stage::Draft => Err(conflict("a draft is not open; delete it instead")),
            Stage::Scheduled | Stage::Warm => {
                // Units on their way into the sale would come after its end.
                let row = match transfer_units::execute_transfer(app, cx, row).await {
                    Err(error) if error.code() == errors::SALE_STOCK_SHORT.code => {
                        managed(app, request.shop_id, request.sale_id).await?
                    }
                    outcome => outcome?,
                };
                match row.stage.is_running() {
                    true => advance::close(app, cx, row).await,
                    false => Ok(row),
                }
            }
            Stage::Closed | Stage::Settled => Ok(row),
        }
    };
    let row = app.deps.store.attempt(cx, close).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}

//! Deletes a draft.

use pulse_contract::sale::v1::{DeleteSaleRequest, DeleteSaleResponse};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, conflict, managed};
use crate::domain::sale_status::SaleStatus;
use crate::store::{counts, sales};

pub(crate) async fn delete_sale(app: &App, cx: &Cx, request: DeleteSaleRequest) -> Result<DeleteSaleResponse, Error> {
    let row = managed(app, request.shop_id, request.sale_id).await?;
    if row.status != SaleStatus::Draft {
        return Err(conflict("only a draft can be deleted; close the sale instead"));
    }
    app.deps.store.commit(cx, counts::delete(sales::delete(Commit::new(), &row), row.id)).await?;
    Ok(DeleteSaleResponse {})
}

//! Pauses and resumes the admissions of a sale.

use pulse_contract::sale::v1::{PauseSaleRequest, ResumeSaleRequest, Sale};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, conflict, managed, next, put, view};
use crate::store::counts;

pub(crate) async fn pause_sale(app: &App, cx: &Cx, request: PauseSaleRequest) -> Result<Sale, Error> {
    set(app, cx, (request.shop_id, request.sale_id), true).await
}

pub(crate) async fn resume_sale(app: &App, cx: &Cx, request: ResumeSaleRequest) -> Result<Sale, Error> {
    set(app, cx, (request.shop_id, request.sale_id), false).await
}

async fn set(app: &App, cx: &Cx, (shop, sale): (i64, i64), is_paused: bool) -> Result<Sale, Error> {
    let set = || async {
        let row = managed(app, shop, sale).await?;
        if !row.status.is_running() {
            return Err(conflict("only a sale that is scheduled or open can be paused"));
        }
        if row.is_paused == is_paused {
            return Ok(row);
        }
        let row = next(&row, cx, |row| row.is_paused = is_paused);
        put(app, cx, &row, Commit::new()).await?;
        Ok(row)
    };
    let row = app.deps.store.attempt(cx, set).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}

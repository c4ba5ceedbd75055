//! Returns the result of an admission.

use std::time::Duration;

use pulse_contract::sale::v1::{GetResultRequest, ResultState, SaleResult, errors};
use pulse_kernel::{Clock, Cx, Error};
use pulse_store::Store;

use super::{App, caller, not_found, view};
use crate::active_sales::ActiveSale;
use crate::store::admissions::{self, AdmissionRow, AdmissionState};
use crate::store::sales;

pub(crate) async fn get_result(app: &App, cx: &Cx, request: GetResultRequest) -> Result<SaleResult, Error> {
    let account = caller(cx)?.get();
    let store = &app.deps.store;
    let wait = Duration::from_millis(u64::try_from(request.wait_ms).unwrap_or(0));
    let row = match wait.is_zero() {
        true => find(store, request.sale_id, account).await?,
        false => wait_for(app, (request.sale_id, account), wait).await?,
    };
    let sale = sales::by_id(store, row.sale).await?.ok_or_else(|| not_found(row.sale))?;
    let (state, reason) = match row.state {
        AdmissionState::Waiting => (ResultState::Processing, ""),
        AdmissionState::Placed => (ResultState::Placed, ""),
        AdmissionState::Late => (ResultState::Failed, errors::SALE_ENDED.code),
        AdmissionState::Short => (ResultState::Failed, errors::SALE_SOLD_OUT.code),
        AdmissionState::Dead => (ResultState::Failed, pulse_contract::errors::INTERNAL.code),
        AdmissionState::Returned => (ResultState::Released, ""),
    };
    Ok(SaleResult {
        state: state.into(),
        admission: Some(view::admission(&ActiveSale::of(&sale), row.order, row.units, false)),
        reason: reason.to_owned(),
    })
}

async fn find(store: &Store, sale: i64, account: i64) -> Result<AdmissionRow, Error> {
    let row = admissions::of(store, sale, account).await?;
    row.ok_or_else(|| errors::SALE_ADMISSION_NOT_FOUND.error("the account has no admission to this sale"))
}

/// Returns the admission as soon as it has a result, at the latest after `wait`.
async fn wait_for(app: &App, (sale, account): (i64, i64), wait: Duration) -> Result<AdmissionRow, Error> {
    let mut subscription = app.results.subscribe((sale, account))?;
    let until = Clock::system().now().plus(wait);
    let mut is_over = false;
    loop {
        subscription.begin_read();
        let row = find(&app.deps.store, sale, account).await?;
        if row.state != AdmissionState::Waiting || is_over {
            return Ok(row);
        }
        is_over = !subscription.changed(until).await;
    }
}

//! Says what became of an admission.

use std::time::{Duration, Instant};

use pulse_contract::sale::v1::{GetResultRequest, ResultState, SaleResult, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Store;
use tokio::time::timeout;

use super::{App, caller, not_found, view};
use crate::floor::Running;
use crate::store::admissions::{self, AdmissionRow, AdmissionState};
use crate::store::sales;

/// How often somebody who waits looks by themselves.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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
        admission: Some(view::admission(&Running::of(&sale), row.order, row.units, false)),
        reason: reason.to_owned(),
    })
}

async fn find(store: &Store, sale: i64, account: i64) -> Result<AdmissionRow, Error> {
    let row = admissions::of(store, sale, account).await?;
    row.ok_or_else(|| errors::SALE_ADMISSION_NOT_FOUND.error("the account was not admitted to this sale"))
}

/// The admission when it has come to an end, or as it is when the time is over.
async fn wait_for(app: &App, (sale, account): (i64, i64), wait: Duration) -> Result<AdmissionRow, Error> {
    let waiting = app.results.wait(sale, account);
    let until = Instant::now() + wait;
    loop {
        let bell = waiting.bell();
        let rung = bell.notified();
        let row = find(&app.deps.store, sale, account).await?;
        let left = until.saturating_duration_since(Instant::now());
        if row.state != AdmissionState::Waiting || left.is_zero() {
            return Ok(row);
        }
        // Another node may have made the order, and rings nothing here.
        timeout(left.min(LOOK_EVERY), rung).await.unwrap_or_default();
    }
}

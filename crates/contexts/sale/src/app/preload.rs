//! Loads a sale into the admission engine: existing admissions and the number of free units.

use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_limiter::admission::ExistingAdmission;

use super::App;
use crate::store::admissions::{self, AdmissionRow};
use crate::store::counts;

/// Maximum number of admissions that are read at once.
const PAGE: usize = 4_096;

/// Loads a sale into the admission engine from the database.
pub(crate) async fn preload(app: &App, sale: i64) -> Result<(), Error> {
    let (store, engine) = (&app.deps.store, &app.deps.sales);
    let loading = engine.prepare(sale).await?;
    let mut after = 0;
    loop {
        let rows = admissions::page(store, sale, after, i64::try_from(PAGE).unwrap_or(i64::MAX)).await?;
        let known: Vec<ExistingAdmission> = rows.iter().map(known).collect();
        if !engine.load(loading, &known).await? {
            return Err(overtaken());
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.account,
            Some(_) | None => break,
        }
    }
    let free = counts::of(store, sale).await?.free();
    match engine.open(loading, u64::try_from(free).unwrap_or(0)).await? {
        true => Ok(()),
        false => Err(overtaken()),
    }
}

/// Error of a load that another node has replaced. The caller retries.
fn overtaken() -> Error {
    errors::GATE_UNAVAILABLE.error("another node is loading the sale into the admission engine, or the engine lost it")
}

fn known(row: &AdmissionRow) -> ExistingAdmission {
    let units = if row.state.has_units() { u32::try_from(row.units).unwrap_or(u32::MAX) } else { 0 };
    ExistingAdmission { buyer: row.account, admission: row.order, units }
}

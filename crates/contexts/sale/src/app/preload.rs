//! Brings into memory what admissions need: who was admitted, how many units are free.

use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_limiter::admission::ExistingAdmission;

use super::App;
use crate::store::admissions::{self, AdmissionRow};
use crate::store::counts;

/// How many admissions are read at a time.
const PAGE: usize = 4_096;

/// Loads the gate of a sale from its rows.
pub(crate) async fn preload(app: &App, sale: i64) -> Result<(), Error> {
    let (store, gate) = (&app.deps.store, &app.deps.sales);
    let loading = gate.prepare(sale).await?;
    let mut after = 0;
    loop {
        let rows = admissions::page(store, sale, after, i64::try_from(PAGE).unwrap_or(i64::MAX)).await?;
        let known: Vec<ExistingAdmission> = rows.iter().map(known).collect();
        if !gate.load(loading, &known).await? {
            return Err(overtaken());
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.account,
            Some(_) | None => break,
        }
    }
    let free = counts::of(store, sale).await?.free();
    match gate.open(loading, u64::try_from(free).unwrap_or(0)).await? {
        true => Ok(()),
        false => Err(overtaken()),
    }
}

/// Whoever loads the sale now opens it; whoever needs it tries again.
fn overtaken() -> Error {
    errors::GATE_UNAVAILABLE.error("another node is loading the sale into the admission engine, or the engine lost it")
}

fn known(row: &AdmissionRow) -> ExistingAdmission {
    let units = if row.state.has_units() { u32::try_from(row.units).unwrap_or(u32::MAX) } else { 0 };
    ExistingAdmission { buyer: row.account, admission: row.order, units }
}

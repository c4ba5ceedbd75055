//! Creates the orders of admitted buyers in batches (TR-31 to TR-37).
//!
//! Only admissions in the state `Waiting` are processed, and the ID of the order is assigned with the admission. A
//! repetition, after a crash or by another node, therefore creates the same order and not a second one.

use std::collections::BTreeMap;

use pulse_contract::order::v1::{
    OrderKind, PlaceSaleOrdersRequest, SaleOffer, SaleOrder, SaleOrderOutcome, SaleOrderState,
};
use pulse_kernel::{Cx, Error, Kind, snowflake};
use pulse_store::{Commit, Store};

use super::{App, not_found, view};
use crate::active_sales::ActiveSale;
use crate::admission_writer;
use crate::store::admissions::{self, AdmissionRow, AdmissionState};
use crate::store::sales::{self, SaleRow};
use crate::store::{counts, dead_letters};

/// Maximum number of admissions per round.
pub(crate) const BATCH: usize = 1_000;
/// Maximum number of attempts for an admission with a permanent error.
const ATTEMPTS_MAX: u32 = 5;
/// Name of this step in commits and dead letters.
const CONSUMER: &str = "sale.make_orders";

/// Number of failed attempts by order ID. Admissions without a failure are absent.
pub(crate) type Failures = BTreeMap<i64, u32>;

/// Result of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// Number of admissions that were read.
    pub(crate) seen: usize,
    /// Number of admissions that have a result now.
    pub(crate) ended: usize,
}

/// Creates the orders of the oldest admissions without an order.
///
/// # Errors
/// A temporary error of another context or of the store. The admissions stay pending.
pub(crate) async fn make_orders(app: &App, failures: &mut Failures) -> Result<Round, Error> {
    let store = &app.deps.store;
    let rows = admissions::waiting(store, 0, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
    let mut round = Round { seen: rows.len(), ended: 0 };
    let mut by_sale: BTreeMap<i64, Vec<AdmissionRow>> = BTreeMap::new();
    rows.into_iter().for_each(|row| by_sale.entry(row.sale).or_default().push(row));
    for (sale, rows) in by_sale {
        let sale = sales::by_id(store, sale).await?.ok_or_else(|| not_found(sale))?;
        match place_batch(app, &sale, &rows).await {
            Ok(()) => round.ended += rows.len(),
            // One admission fails the batch: individual attempts isolate it.
            Err(error) if !is_transient(&error) => {
                tracing::warn!(
                    error = error.report(),
                    sale = sale.id,
                    "batch of admissions failed; creating their orders individually"
                );
                round.ended += place_individually(app, &sale, &rows, failures).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(round)
}

async fn place_individually(
    app: &App,
    sale: &SaleRow,
    rows: &[AdmissionRow],
    failures: &mut Failures,
) -> Result<usize, Error> {
    let mut ended = 0;
    for row in rows {
        match place_batch(app, sale, std::slice::from_ref(row)).await {
            Ok(()) => {
                failures.remove(&row.order);
                ended += 1;
            }
            Err(error) if !is_transient(&error) => {
                let attempts = failures.entry(row.order).or_default();
                *attempts += 1;
                if *attempts >= ATTEMPTS_MAX {
                    dead_letter(app, row, &error, *attempts).await?;
                    failures.remove(&row.order);
                    ended += 1;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

/// Returns whether a retry can succeed without an intervention.
fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Aborted | Kind::ResourceExhausted)
}

/// Ends an admission as a dead letter for operators, and returns its units to the sale.
async fn dead_letter(app: &App, row: &AdmissionRow, error: &Error, attempts: u32) -> Result<(), Error> {
    let cx = Cx::system(CONSUMER, app.deps.store.clock().now());
    tracing::error!(
        error = error.report(),
        order = row.order,
        sale = row.sale,
        "order creation failed after all attempts; admission dead-lettered"
    );
    let commit = admissions::change(Commit::new(), row, AdmissionState::Dead);
    let commit = dead_letters::insert(commit, row, (CONSUMER, &error.report()), (attempts, cx.now));
    app.deps.store.commit(&cx, counts::return_units(commit, row.sale, row.units, 0)).await?;
    app.deps.sales.release(admission_writer::request(row)).await?;
    app.results.notify(&(row.sale, row.account));
    Ok(())
}

/// Creates the orders of some admissions of one sale, and records the outcomes.
async fn place_batch(app: &App, sale: &SaleRow, rows: &[AdmissionRow]) -> Result<(), Error> {
    let cx = Cx::system(CONSUMER, app.deps.store.clock().now());
    let running = ActiveSale::of(sale);
    let request = PlaceSaleOrdersRequest {
        offer: Some(offer(sale)),
        orders: rows.iter().map(|row| order(&running, row)).collect(),
    };
    let outcomes = app.deps.orders.place_sale_orders(&cx, request).await?.outcomes;
    record_outcomes(&app.deps.store, &cx, rows, &outcomes).await?;
    for (row, outcome) in rows.iter().zip(&outcomes) {
        // Only expired admissions release their units: units that the stock lacks are not available to another buyer.
        if outcome.state() == SaleOrderState::Expired {
            app.deps.sales.release(admission_writer::request(row)).await?;
        }
        app.results.notify(&(row.sale, row.account));
    }
    metrics::counter!("pulse_sale_orders_total").increment(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    Ok(())
}

/// Writes the outcomes of all admissions with one commit.
async fn record_outcomes(
    store: &Store,
    cx: &Cx,
    rows: &[AdmissionRow],
    outcomes: &[SaleOrderOutcome],
) -> Result<(), Error> {
    let placed = outcomes.iter().filter(|outcome| outcome.state() == SaleOrderState::Placed);
    let mut commit = Commit::new();
    let placed: Vec<i64> = placed.map(|outcome| outcome.order_id).collect();
    if !placed.is_empty() {
        commit = commit.write(admissions::place(placed));
    }
    for (row, outcome) in rows.iter().zip(outcomes) {
        let (state, lost) = match outcome.state() {
            SaleOrderState::Expired => (AdmissionState::Late, 0),
            SaleOrderState::StockShort => (AdmissionState::Short, row.units),
            SaleOrderState::Placed | SaleOrderState::Unspecified => continue,
        };
        commit = counts::return_units(admissions::change(commit, row, state), row.sale, row.units, lost);
    }
    Ok(store.commit(cx, commit).await?)
}

fn order(running: &ActiveSale, row: &AdmissionRow) -> SaleOrder {
    SaleOrder {
        order_id: row.order,
        account_id: row.account,
        quantity: i32::try_from(row.units).unwrap_or(i32::MAX),
        admitted_at: Some(snowflake::timestamp_of(row.order).into()),
        pay_until: Some(view::pay_until(running, row.order).into()),
    }
}

fn offer(sale: &SaleRow) -> SaleOffer {
    let draft = sale.draft();
    let item = draft.item.unwrap_or_default();
    let is_voucher = item.template_id != 0;
    SaleOffer {
        sale_id: sale.id,
        shop_id: sale.shop.get(),
        shop_name: sale.stored.shop_name.clone(),
        kind: if is_voucher { OrderKind::VirtualVoucher } else { OrderKind::Goods }.into(),
        product_id: if is_voucher { item.template_id } else { item.product_id },
        variant_id: item.variant_id,
        product_name: sale.stored.item_name.clone(),
        variant_name: sale.stored.variant_name.clone(),
        unit_price: draft.price,
        category_code: sale.stored.category_code,
    }
}

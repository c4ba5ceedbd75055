//! Makes orders of those who were admitted, many at a time (TR-31 to TR-37).
//!
//! The row of an admission is the sieve: only what still waits is made an order of, and the number of the order was given
//! with the admission, so that whatever is repeated, after a crash or by two nodes, ends as one order.

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

/// How many admissions are made orders of at a time.
pub(crate) const BATCH: usize = 1_000;
/// How often an admission is tried that brings down whatever it is part of.
const ATTEMPTS_MAX: u32 = 5;
/// Who does it, for dead letters.
const CONSUMER: &str = "sale.make_orders";

/// How often each admission has failed; only those that did are in it.
pub(crate) type Failures = BTreeMap<i64, u32>;

/// What a round came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// How many admissions were looked at.
    pub(crate) seen: usize,
    /// How many have come to an end.
    pub(crate) ended: usize,
}

/// Makes orders of the oldest admissions that wait.
///
/// # Errors
/// When a context does not answer; nothing is lost, and the same admissions wait on.
pub(crate) async fn make_orders(app: &App, failures: &mut Failures) -> Result<Round, Error> {
    let store = &app.deps.store;
    let rows = admissions::waiting(store, 0, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
    let mut round = Round { seen: rows.len(), ended: 0 };
    let mut by_sale: BTreeMap<i64, Vec<AdmissionRow>> = BTreeMap::new();
    rows.into_iter().for_each(|row| by_sale.entry(row.sale).or_default().push(row));
    for (sale, rows) in by_sale {
        let sale = sales::by_id(store, sale).await?.ok_or_else(|| not_found(sale))?;
        match make(app, &sale, &rows).await {
            Ok(()) => round.ended += rows.len(),
            // One of them brings down all: each for itself, so that it is the only one.
            Err(error) if !is_passing(&error) => {
                tracing::warn!(
                    error = error.report(),
                    sale = sale.id,
                    "batch of admissions failed; creating their orders individually"
                );
                round.ended += one_by_one(app, &sale, &rows, failures).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(round)
}

async fn one_by_one(app: &App, sale: &SaleRow, rows: &[AdmissionRow], failures: &mut Failures) -> Result<usize, Error> {
    let mut ended = 0;
    for row in rows {
        match make(app, sale, std::slice::from_ref(row)).await {
            Ok(()) => {
                failures.remove(&row.order);
                ended += 1;
            }
            Err(error) if !is_passing(&error) => {
                let attempts = failures.entry(row.order).or_default();
                *attempts += 1;
                if *attempts >= ATTEMPTS_MAX {
                    bury(app, row, &error, *attempts).await?;
                    failures.remove(&row.order);
                    ended += 1;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

/// Whether the same may work later without anybody doing something about it.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Aborted | Kind::ResourceExhausted)
}

/// Gives up on an admission: its units can be had again, and somebody has to look at it.
async fn bury(app: &App, row: &AdmissionRow, error: &Error, attempts: u32) -> Result<(), Error> {
    let cx = Cx::system(CONSUMER, app.deps.store.clock().now());
    tracing::error!(
        error = error.report(),
        order = row.order,
        sale = row.sale,
        "order creation failed after all attempts; admission dead-lettered"
    );
    let commit = admissions::change(Commit::new(), row, AdmissionState::Dead);
    let commit = dead_letters::insert(commit, row, (CONSUMER, &error.report()), (attempts, cx.now));
    app.deps.store.commit(&cx, counts::give_back(commit, row.sale, row.units, 0)).await?;
    app.deps.sales.release(admission_writer::request(row)).await?;
    app.results.notify(&(row.sale, row.account));
    Ok(())
}

/// Makes orders of some admissions of one sale, and notes what became of each.
async fn make(app: &App, sale: &SaleRow, rows: &[AdmissionRow]) -> Result<(), Error> {
    let cx = Cx::system(CONSUMER, app.deps.store.clock().now());
    let running = ActiveSale::of(sale);
    let request = PlaceSaleOrdersRequest {
        offer: Some(offer(sale)),
        orders: rows.iter().map(|row| order(&running, row)).collect(),
    };
    let outcomes = app.deps.orders.place_sale_orders(&cx, request).await?.outcomes;
    note(&app.deps.store, &cx, rows, &outcomes).await?;
    for (row, outcome) in rows.iter().zip(&outcomes) {
        // What stock does not have cannot be had by somebody else either.
        if outcome.state() == SaleOrderState::Expired {
            app.deps.sales.release(admission_writer::request(row)).await?;
        }
        app.results.notify(&(row.sale, row.account));
    }
    metrics::counter!("pulse_sale_orders_total").increment(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    Ok(())
}

/// Writes what became of each with one commit.
async fn note(store: &Store, cx: &Cx, rows: &[AdmissionRow], outcomes: &[SaleOrderOutcome]) -> Result<(), Error> {
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
        commit = counts::give_back(admissions::change(commit, row, state), row.sale, row.units, lost);
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

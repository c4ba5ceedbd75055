//! The use cases, one file each.

mod add_units;
mod admit;
mod advance;
mod close_sale;
mod create_sale;
mod delete_sale;
mod get_challenge;
mod get_fairness_report;
mod get_result;
mod get_sale;
mod make_orders;
mod offer;
mod order_creation;
mod pause_sale;
mod preload;
mod return_units;
mod schedule_sale;
mod take_ticket;
mod transfer_units;
mod update_sale;
mod view;
mod watch_queue_position;
mod watch_result;

use std::sync::Arc;
use std::time::Duration;

use pulse_contract::errors as common;
use pulse_contract::sale::v1::errors;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError, Timer};
use tokio::sync::Notify;

use crate::active_sales::{ActiveSale, ActiveSales};
use crate::admission_writer::AdmissionWriter;
use crate::deps::SaleDeps;
use crate::domain::sale_status::SaleStatus;
use crate::result_subscribers::{ResultSubscribers, result_subscribers};
use crate::store::sales::{self, SaleRow};
use crate::waiting_rooms::WaitingRooms;

pub(crate) use add_units::add_sale_units;
pub(crate) use admit::admit;
pub(crate) use advance::{advance, resume};
pub(crate) use close_sale::close_sale;
pub(crate) use create_sale::create_sale;
pub(crate) use delete_sale::delete_sale;
pub(crate) use get_challenge::get_challenge;
pub(crate) use get_fairness_report::get_fairness_report;
pub(crate) use get_result::get_result;
pub(crate) use get_sale::{get_sale, list_sales};
pub(crate) use make_orders::{BATCH, Failures, Round, make_orders};
pub(crate) use order_creation::{
    COUNTED_MAX, dismiss_dead_letter, get_order_creation_status, list_dead_letters, set_order_creation_paused,
};
pub(crate) use pause_sale::{pause_sale, resume_sale};
pub(crate) use preload::preload;
pub(crate) use return_units::return_units;
pub(crate) use schedule_sale::schedule_sale;
pub(crate) use take_ticket::take_ticket;
pub(crate) use update_sale::update_sale;
pub(crate) use watch_queue_position::watch_queue_position;
pub(crate) use watch_result::watch_result;

/// Kind of the timer for the next automatic step of a sale.
pub(crate) const ADVANCE: &str = "sale.advance";

/// Delay after which the timer of a sale completes a step whose process stopped.
const RECOVER_AFTER: Duration = Duration::from_secs(30);

/// Dependencies and shared state of the use cases.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<SaleDeps>,
    pub(crate) active_sales: Arc<ActiveSales>,
    pub(crate) admission_writer: AdmissionWriter,
    /// Notified after admissions were written.
    pub(crate) admitted: Arc<Notify>,
    /// Subscribers to the results of admissions.
    pub(crate) results: Arc<ResultSubscribers>,
    /// Buyers who wait for a ticket.
    pub(crate) rooms: Arc<WaitingRooms>,
}

impl App {
    pub(crate) fn new(deps: SaleDeps) -> Self {
        let admitted = Arc::new(Notify::new());
        let admission_writer =
            AdmissionWriter::start((deps.store.clone(), Arc::clone(&deps.sales)), Arc::clone(&admitted), &deps.config);
        Self {
            deps: Arc::new(deps),
            active_sales: Arc::default(),
            admission_writer,
            admitted,
            results: result_subscribers(),
            rooms: Arc::default(),
        }
    }
}

/// Returns the account of the caller.
fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("sign in first"))
}

/// Returns a sale that is not a draft, from memory if it is present there.
///
/// # Errors
/// `SALE_NOT_FOUND` if the sale does not exist or is a draft.
async fn active_sale(app: &App, sale: i64) -> Result<Arc<ActiveSale>, Error> {
    if let Some(running) = app.active_sales.get(sale) {
        return Ok(running);
    }
    let row = sales::by_id(&app.deps.store, sale).await?;
    let row = row.filter(|row| row.status != SaleStatus::Draft).ok_or_else(|| not_found(sale))?;
    // A sale that has ended is requested rarely and is not kept in memory.
    Ok(match row.status.is_running() {
        true => app.active_sales.upsert(ActiveSale::of(&row)),
        false => Arc::new(ActiveSale::of(&row)),
    })
}

/// Returns a sale of a shop.
async fn managed(app: &App, shop: i64, sale: i64) -> Result<SaleRow, Error> {
    let row = sales::by_id(&app.deps.store, sale).await?;
    row.filter(|row| row.shop == ShopId::new(shop)).ok_or_else(|| not_found(sale))
}

fn not_found(sale: i64) -> Error {
    errors::SALE_NOT_FOUND.error("no sale has this id").with("sale_id", sale)
}

fn conflict(detail: &'static str) -> Error {
    errors::SALE_STATE_CONFLICT.error(detail)
}

/// Returns the next version of a sale, with the changes of `change`.
fn next(row: &SaleRow, cx: &Cx, change: impl FnOnce(&mut SaleRow)) -> SaleRow {
    let mut next = SaleRow { version: row.version + 1, updated_at: cx.now, ..row.clone() };
    change(&mut next);
    next
}

/// Writes the next version of a sale together with `commit`. Admissions use the new version afterwards.
async fn put(app: &App, cx: &Cx, row: &SaleRow, commit: Commit) -> Result<(), StoreError> {
    app.deps.store.commit(cx, sales::update(commit, row)).await?;
    if row.status.is_running() {
        app.active_sales.upsert(ActiveSale::of(row));
    }
    Ok(())
}

/// Timer for the next automatic step of a sale.
fn timer(sale: i64, due_at: pulse_kernel::Timestamp) -> Timer {
    Timer { kind: ADVANCE, key: sale, due_at, payload: Default::default() }
}

//! Flash sales: many people want few units at the same instant.
//!
//! **Invariants:** a buyer has one admission per sale, kept by a unique key; the units that buyers have are never more
//! than those that were moved into the sale, kept by the count that every group of admissions changes; an admission is
//! on disk before anybody hears of it; every admission ends as one order or as one reason why there is none, and units
//! that nobody pays for can be had again.

mod api;
mod app;
pub mod domain;
mod events;
mod floor;
mod keeper;
mod register;
mod results;
mod rooms;
mod store;
mod timers;
mod verify;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use pulse_bus::Consumer;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::sale::v1::{SaleClient, SaleService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Error;
use pulse_limiter::Limiter;
use pulse_limiter::admission::AdmissionEngine;
use pulse_store::{Store, TimerPump};

pub use domain::challenge::{Challenge, Quiz};
pub use keeper::Keeper;
pub use store::MIGRATIONS;
pub use verify::{verify, verify_orders};
pub use worker::Worker;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct SaleConfig {
    /// How long before its start a sale is brought into memory.
    pub warm_before: Duration,
    /// How many admissions wait to be written at most; beyond it people are told to come again.
    pub queue_max: usize,
    /// How many admissions are written with one commit at most.
    pub batch_max: usize,
    /// After how long without a word an admission of a shared gate counts as left by a dead node.
    pub take_over_after: Duration,
    /// What this node is called among those that share the database.
    pub holder: String,
}

impl Default for SaleConfig {
    fn default() -> Self {
        Self {
            warm_before: Duration::from_secs(60),
            queue_max: 65_536,
            batch_max: 1_024,
            take_over_after: Duration::from_secs(5),
            holder: String::new(),
        }
    }
}

/// What the context needs.
#[derive(Clone)]
pub struct SaleDeps {
    /// Its own tables.
    pub store: Store,
    /// What is sold, by whom.
    pub catalog: CatalogClient,
    /// Which vouchers are sold.
    pub coupons: CouponClient,
    /// Counts the units of sales.
    pub stock: StockClient,
    /// Makes the orders of those who are admitted.
    pub orders: OrderClient,
    /// How often somebody may ask.
    pub limiter: Arc<dyn Limiter>,
    /// Who gets units.
    pub sales: Arc<dyn AdmissionEngine>,
    /// What is asked before a ticket.
    pub challenge: Arc<dyn Challenge>,
    /// How it behaves.
    pub config: SaleConfig,
}

/// The context, running.
pub struct Sales {
    /// Its service.
    pub client: SaleClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
    /// Makes orders of those who are admitted.
    pub worker: Worker,
    /// Keeps gate, rows and memory in step.
    pub keeper: Keeper,
}

/// Starts the context. Sales that were running go on as soon as they are in memory again.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: SaleDeps) -> Result<Sales, Error> {
    let (answers, holder) = (Arc::new(deps.store.clone()), deps.config.holder.clone());
    let app = app::App::new(deps);
    // On the heap: whoever starts a node holds everything that its start may wait for.
    Box::pin(app::resume(&app)).await?;
    let (consumers, timers) = (events::consumers(&app), timers::pump(&app));
    let (worker, keeper) = (Worker::new(app.clone(), holder), Keeper::new(app.clone()));
    let client = SaleClient::local(Arc::new(SaleService::new(Arc::new(api::Api(app)), answers)));
    Ok(Sales { client, consumers, timers, worker, keeper })
}

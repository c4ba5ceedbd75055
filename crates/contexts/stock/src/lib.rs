//! Counted resources: what is there, what is spoken for, and every movement between.

mod api;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::{StockClient, StockService};
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct StockConfig {}

/// What the context needs.
#[derive(Clone)]
pub struct StockDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub catalog: CatalogClient,
    /// How it behaves.
    pub config: StockConfig,
}

/// The context, running.
pub struct Stocks {
    /// Its service.
    pub client: StockClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: StockDeps) -> Result<Stocks, Error> {
    let answers = Arc::new(deps.store.clone());
    let timers = TimerPump::new(&deps.store);
    let client = StockClient::local(Arc::new(StockService::new(Arc::new(api::Api(deps)), answers)));
    Ok(Stocks { client, consumers: Vec::new(), timers })
}

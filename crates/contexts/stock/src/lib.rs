//! Counted resources: what is there, what is spoken for, and every movement between.
//!
//! **Invariants:** every movement is one row of the journal, written by the commit that changes the resource; the version
//! of a resource grows by one with each; nothing reserves more than there is, unless overselling is allowed; a reservation
//! is confirmed once, released once, or expires once, however often and in whatever order it is asked for.

mod api;
mod app;
pub mod bench;
mod desk;
pub mod domain;
mod events;
mod store;
mod verify;
mod view;
mod wire;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::{StockClient, StockService};
use pulse_kernel::Error;
use pulse_limiter::Limiter;
use pulse_store::{Store, TimerPump};

use app::App;

pub use store::MIGRATIONS;
pub use verify::verify;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct StockConfig {
    /// How many commands wait at most; above it callers are refused.
    pub queue_max: usize,
    /// How many commands are written with one commit at most.
    pub batch_max: usize,
    /// How many reservations of one resource are under way at once; above it callers are refused. Less than `queue_max`,
    /// so that what everybody wants leaves room for the rest. All nodes behind one gate share the number.
    pub permits_per_resource: u32,
}

impl Default for StockConfig {
    fn default() -> Self {
        Self { queue_max: 4_096, batch_max: 256, permits_per_resource: 2_048 }
    }
}

/// What the context needs.
#[derive(Clone)]
pub struct StockDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub catalog: CatalogClient,
    /// Lends the permits in front of the desk.
    pub limiter: Arc<dyn Limiter>,
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

/// How many reservations expire at the same time: the desk writes those that come together with one commit.
const EXPIRING_MAX: usize = 128;

/// Starts the context.
///
/// # Errors
/// None for now: nothing is read before it is asked for.
pub async fn start(deps: StockDeps) -> Result<Stocks, Error> {
    let answers = Arc::new(deps.store.clone());
    let app = App::new(deps);
    let (consumers, timers) = (events::consumers(&app), timers(&app));
    let client = StockClient::local(Arc::new(StockService::new(Arc::new(api::Api(app)), answers)));
    Ok(Stocks { client, consumers, timers })
}

fn timers(app: &App) -> TimerPump {
    let pump = TimerPump::new(&app.deps.store).firing_max(EXPIRING_MAX);
    store::changes::EXPIRY_KINDS.into_iter().fold(pump, |pump, (kind, owner)| {
        let app = app.clone();
        pump.on(kind, move |due| {
            let app = app.clone();
            async move { app::expire_reservation(&app, owner, due).await }
        })
    })
}

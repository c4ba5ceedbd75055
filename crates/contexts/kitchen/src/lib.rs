//! Kitchens: tickets of orders that are to be made, by station.
//!
//! **Invariants:** an order that is paid has one ticket at each station that makes something of it, however often and
//! however late the news comes, and none when it was cancelled before; a ticket moves one step at a time; the first start
//! and the last ready of an order are told once.

mod api;
mod app;
pub mod domain;
mod events;
mod screens;
mod store;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use pulse_bus::Consumer;
use pulse_contract::kitchen::v1::{KitchenClient, KitchenService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use screens::Screens;
pub use store::MIGRATIONS;
pub use verify::verify;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct KitchenConfig {
    /// How long orders are kept whose tickets have left the screens.
    pub keep_for: Duration,
}

impl Default for KitchenConfig {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(30 * 86_400) }
    }
}

/// What the context needs.
#[derive(Clone)]
pub struct KitchenDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub catalog: CatalogClient,
    /// How it behaves.
    pub config: KitchenConfig,
}

/// The context, running.
pub struct Kitchens {
    /// Its service.
    pub client: KitchenClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
    /// Who watches tickets in this process, for watching their number.
    pub screens: Arc<Screens>,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: KitchenDeps) -> Result<Kitchens, Error> {
    let answers = Arc::new(deps.store.clone());
    let app = app::App::new(deps);
    app::start_forgetting(&app.deps.store).await?;
    let forgets = app.clone();
    let timers = TimerPump::new(&app.deps.store).on(app::FORGET, move |due| {
        let app = forgets.clone();
        async move { app::forget_orders(&app, &due).await }
    });
    let (consumers, screens) = (events::consumers(&app), Arc::clone(&app.screens));
    let client = KitchenClient::local(Arc::new(KitchenService::new(Arc::new(api::Api(app)), answers)));
    Ok(Kitchens { client, consumers, timers, screens })
}

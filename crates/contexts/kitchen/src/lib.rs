//! Kitchens: tickets of orders that are to be made, by station.

mod api;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::kitchen::v1::{KitchenClient, KitchenService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct KitchenConfig {}

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
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: KitchenDeps) -> Result<Kitchens, Error> {
    let answers = Arc::new(deps.store.clone());
    let timers = TimerPump::new(&deps.store);
    let client = KitchenClient::local(Arc::new(KitchenService::new(Arc::new(api::Api(deps)), answers)));
    Ok(Kitchens { client, consumers: Vec::new(), timers })
}

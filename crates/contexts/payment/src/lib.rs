//! Payments of orders: attempts, refunds, webhooks of providers, and the books.

mod api;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::{PaymentClient, PaymentService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct PaymentConfig {}

/// What the context needs.
#[derive(Clone)]
pub struct PaymentDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub orders: OrderClient,
    /// What it asks of others.
    pub catalog: CatalogClient,
    /// How it behaves.
    pub config: PaymentConfig,
}

/// The context, running.
pub struct Payments {
    /// Its service.
    pub client: PaymentClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: PaymentDeps) -> Result<Payments, Error> {
    let answers = Arc::new(deps.store.clone());
    let timers = TimerPump::new(&deps.store);
    let client = PaymentClient::local(Arc::new(PaymentService::new(Arc::new(api::Api(deps)), answers)));
    Ok(Payments { client, consumers: Vec::new(), timers })
}

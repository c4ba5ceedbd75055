//! Carts, quotes, drafts and orders: what a customer wants, what it costs, and what becomes of it.

mod api;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::{OrderClient, OrderService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct OrderConfig {}

/// What the context needs.
#[derive(Clone)]
pub struct OrderDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub catalog: CatalogClient,
    /// What it asks of others.
    pub stock: StockClient,
    /// What it asks of others.
    pub coupons: CouponClient,
    /// How it behaves.
    pub config: OrderConfig,
}

/// The context, running.
pub struct Orders {
    /// Its service.
    pub client: OrderClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: OrderDeps) -> Result<Orders, Error> {
    let answers = Arc::new(deps.store.clone());
    let timers = TimerPump::new(&deps.store);
    let client = OrderClient::local(Arc::new(OrderService::new(Arc::new(api::Api(deps)), answers)));
    Ok(Orders { client, consumers: Vec::new(), timers })
}

//! Coupons: what they are worth, who has them, and what they were used for.

mod api;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::marketing::v1::{CouponClient, CouponService};
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct CouponConfig {}

/// What the context needs.
#[derive(Clone)]
pub struct CouponDeps {
    /// Its own tables.
    pub store: Store,
    /// What it asks of others.
    pub stock: StockClient,
    /// How it behaves.
    pub config: CouponConfig,
}

/// The context, running.
pub struct Coupons {
    /// Its service.
    pub client: CouponClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: CouponDeps) -> Result<Coupons, Error> {
    let answers = Arc::new(deps.store.clone());
    let timers = TimerPump::new(&deps.store);
    let client = CouponClient::local(Arc::new(CouponService::new(Arc::new(api::Api(deps)), answers)));
    Ok(Coupons { client, consumers: Vec::new(), timers })
}

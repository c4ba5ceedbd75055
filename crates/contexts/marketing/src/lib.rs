//! Coupons: what they are worth, who has them, and what they were used for.
//!
//! **Invariants:** a coupon is held by one order or used by one order, never two; whatever gives a coupon (a claim, a
//! grant, an order that was paid or completed) gives it once; a customer never has more coupons of a template than its
//! limit, whether it was given or bought, and nobody gets one that its quota, a resource of the stock context, does not have.

mod api;
mod app;
pub mod domain;
mod events;
mod store;
mod timers;
mod verify;
mod verify_quotas;

use std::sync::Arc;
use std::time::Duration;

use pulse_bus::Consumer;
use pulse_contract::marketing::v1::{CouponClient, CouponService};
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store, TimerPump};

pub use store::MIGRATIONS;
pub use verify::verify;
pub use verify_quotas::verify_quotas;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct CouponConfig {
    /// How long a unit of a quota is reserved for a coupon that is being given. It outlasts the delivery of the event that
    /// confirms it, and after a crash in between the unit is free again by then.
    pub quota_reservation_ttl: Duration,
    /// How many coupons of one grant are given at the same time.
    pub grant_concurrency: usize,
    /// How long it is remembered that an order gave its coupons back. It outlasts everything that may still be told of the
    /// order.
    pub returned_kept_for: Duration,
}

impl Default for CouponConfig {
    fn default() -> Self {
        Self {
            quota_reservation_ttl: Duration::from_secs(600),
            grant_concurrency: 16,
            returned_kept_for: Duration::from_secs(90 * 86_400),
        }
    }
}

/// What the context needs.
#[derive(Clone)]
pub struct CouponDeps {
    /// Its own tables.
    pub store: Store,
    /// Counts the quotas of templates.
    pub stock: StockClient,
    /// How it behaves.
    pub config: CouponConfig,
}

/// The context, running.
pub struct Coupons {
    /// Its service.
    pub client: CouponClient,
    /// What it does when other contexts' events arrive, and its own.
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
    let cx = Cx::system("marketing.start", deps.store.clock().now());
    deps.store.commit(&cx, Commit::new().timer(app::schedule_first_purge(cx.now))).await?;
    let app = app::App { deps: Arc::new(deps) };
    let (consumers, timers) = (events::consumers(&app), timers::pump(&app));
    let client = CouponClient::local(Arc::new(CouponService::new(Arc::new(api::Api(app)), answers)));
    Ok(Coupons { client, consumers, timers })
}

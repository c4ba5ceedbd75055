//! Carts, quotes, drafts and orders: what a customer wants, what it costs, and what becomes of it.
//!
//! **Invariants:** an order is written by one commit together with its events, and holds everything that it needs by then;
//! what was held for an order that was not written is given back or expires. A draft becomes one order. An order moves
//! only as the table in `domain::machine` says. The parts of a price sum to its total. Money that is not accepted for an
//! order goes back once. The lists follow from the orders and can be lost at any time.

mod api;
mod app;
pub mod domain;
mod events;
mod heat;
mod hot_lane;
mod list_keeper;
mod store;
mod timers;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use pulse_bus::Consumer;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::{OrderClient, OrderService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Error;
use pulse_store::{Store, TimerPump};

pub use domain::hot::Rules as HotRules;
pub use domain::payment::LatePayment;
pub use store::MIGRATIONS;
pub use verify::verify;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct OrderConfig {
    /// How long an order waits for its payment. Orders in cash do not wait.
    pub unpaid_ttl: Duration,
    /// How long an order page stays open after it was touched.
    pub draft_ttl: Duration,
    /// How long a cart is kept that nobody touches.
    pub cart_ttl: Duration,
    /// How long an order stays among the active ones after it has ended.
    pub archive_after: Duration,
    /// One customer places one order within so much time; zero for as many as they like.
    pub pace_window: Duration,
    /// What becomes of money that comes when the time to pay is over.
    pub late_payment: LatePayment,
    /// Orders of what many order at once.
    pub hot: HotConfig,
}

/// How orders of what many order at once are placed.
#[derive(Clone, Copy, Debug)]
pub struct HotConfig {
    /// What is hot; `None` to place every order by itself.
    pub rules: Option<HotRules>,
    /// How long such an order waits for its units before it is refused.
    pub place_within: Duration,
}

impl Default for HotConfig {
    fn default() -> Self {
        Self { rules: Some(HotRules { enter: 1_000, leave: 500 }), place_within: Duration::from_secs(30) }
    }
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self {
            unpaid_ttl: Duration::from_secs(15 * 60),
            draft_ttl: Duration::from_secs(30 * 60),
            cart_ttl: Duration::from_secs(90 * 24 * 60 * 60),
            archive_after: Duration::from_secs(90 * 24 * 60 * 60),
            pace_window: Duration::ZERO,
            late_payment: LatePayment::Refund,
            hot: HotConfig::default(),
        }
    }
}

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
    /// What it does when events arrive.
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
    let app = app::App::new(deps);
    app::start_sweeping(&app.deps.store).await?;
    let (consumers, timers) = (events::consumers(&app), timers::pump(&app));
    let client = OrderClient::local(Arc::new(OrderService::new(Arc::new(api::Api(app)), answers)));
    Ok(Orders { client, consumers, timers })
}

//! Carts, quotes, drafts and orders.
//!
//! **Invariants:** an order and its events are stored by one commit, after everything that it needs is reserved; the
//! reservations of an order that was not stored are released or expire. A draft becomes at most one order. An order changes
//! its state only by the table in `domain::machine`. The components of a price sum to its total. A payment that is not
//! accepted is refunded once. The lists are derived from the orders and can be rebuilt at any time.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod hot_item_tracker;
mod metrics;
mod order_list_projector;
mod queued_placement;
mod store;
mod timers;
mod verify;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::order::v1::OrderClient;
use pulse_kernel::Error;

pub use config::{FullRefund, LatePayment, OrderConfig, QueuedPlacementConfig};
pub use deps::{OnlineAmountCheck, OrderDeps};
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_order!(app::App, app);

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: OrderDeps) -> Result<(OrderClient, Context), Error> {
    metrics::describe();
    let store = deps.store.clone();
    let app = app::App::new(deps);
    app::SWEEP.start(&store).await?;
    let client = OrderClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers::pump(&app))
        .task(queued_placement::decay_rates(app.clone()))
        .verify(|store, is_repair| async move { verify(&store, is_repair).await });
    Ok((client, context))
}

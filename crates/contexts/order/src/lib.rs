//! Carts, quotes, drafts and orders: what a customer wants, what it costs, and what becomes of it.
//!
//! **Invariants:** an order is written by one commit together with its events, and holds everything that it needs by then;
//! what was held for an order that was not written is given back or expires. A draft becomes one order. An order moves
//! only as the table in `domain::machine` says. The parts of a price sum to its total. Money that is not accepted for an
//! order goes back once. The lists follow from the orders and can be lost at any time.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod heat;
mod order_list_projector;
mod queued_placement;
mod store;
mod timers;
mod verify;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::order::v1::OrderClient;
use pulse_kernel::Error;

pub use config::{LatePayment, OrderConfig, QueuedPlacementConfig};
pub use deps::OrderDeps;
pub use store::TABLES;

pulse_contract::forward_order!(app::App, app);

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: OrderDeps) -> Result<(OrderClient, Context), Error> {
    let store = deps.store.clone();
    let app = app::App::new(deps);
    app::SWEEP.start(&store).await?;
    let client = OrderClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers::pump(&app))
        .task(queued_placement::decay_rates(app.clone()))
        .verify(|store, is_repair| async move { verify::verify(&store, is_repair).await });
    Ok((client, context))
}

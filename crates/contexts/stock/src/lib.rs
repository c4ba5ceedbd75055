//! Stock ledger: quantities on hand and reserved, and a journal of every movement.
//!
//! **Invariants:**
//! - Every movement is one row of the journal, written by the commit that changes the resource.
//! - The version of a resource grows by one with each movement.
//! - The reserved quantity does not exceed the quantity on hand, unless overselling is allowed.
//! - A reservation is confirmed once, released once and expired once at most, for any number and order of requests.

mod app;
mod batcher;
pub mod bench;
mod config;
mod deps;
pub mod domain;
mod events;
mod metrics;
mod row_cache;
mod store;
mod timers;
mod verify;
mod view;
mod wire;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Error;

pub use config::StockConfig;
pub use deps::StockDeps;
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_stock!(app::App, app);

/// Starts the context. It reads no rows before the first request.
///
/// # Errors
/// None today.
pub async fn start(deps: StockDeps) -> Result<(StockClient, Context), Error> {
    metrics::describe();
    let store = deps.store.clone();
    let app = app::App::new(deps);
    let client = StockClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers::pump(&app))
        .verify(|store, is_repair| async move { verify(&store, is_repair).await });
    Ok((client, context))
}

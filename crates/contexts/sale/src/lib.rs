//! Flash sales: a small number of units is sold to a large number of buyers at one instant.
//!
//! **Invariants:**
//! - A buyer has at most one admission per sale; a unique key enforces it.
//! - Admitted units never exceed the units that were moved into the sale; every commit of admissions changes the guarded
//!   count of the sale.
//! - An admission is on disk before the buyer receives it.
//! - Every admission ends as one order or with one reason for its failure. Unpaid units return to the sale.

mod active_sales;
mod admission_writer;
mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod gate_reconciler;
mod metrics;
mod order_worker;
mod result_subscribers;
mod store;
mod timers;
mod verify;
mod waiting_rooms;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::sale::v1::SaleClient;
use pulse_kernel::Error;

use gate_reconciler::GateReconciler;
use order_worker::OrderWorker;

pub use config::SaleConfig;
pub use deps::SaleDeps;
pub use domain::challenge::{Challenge, Quiz};
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_sale!(app::App, app);

/// Starts the context and loads the running sales into memory.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: SaleDeps) -> Result<(SaleClient, Context), Error> {
    metrics::describe();
    let (store, holder, orders) = (deps.store.clone(), deps.holder.clone(), deps.orders.clone());
    let app = app::App::new(deps);
    // Boxed: the future that starts a node contains the futures of all contexts, and would become too large.
    Box::pin(app::resume(&app)).await?;
    let client = SaleClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers::pump(&app))
        .pump(GateReconciler::new(app.clone()))
        .pump(OrderWorker::new(app, holder))
        .verify(move |store, _is_repair| {
            let orders = orders.clone();
            async move { verify(&store, &orders).await }
        });
    Ok((client, context))
}

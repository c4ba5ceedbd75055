//! Flash sales: many people want few units at the same instant.
//!
//! **Invariants:** a buyer has one admission per sale, kept by a unique key; the units that buyers have are never more
//! than those that were moved into the sale, kept by the count that every group of admissions changes; an admission is
//! on disk before anybody hears of it; every admission ends as one order or as one reason why there is none, and units
//! that nobody pays for can be had again.

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

/// Starts the context. Sales that were running continue once they are in memory again.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: SaleDeps) -> Result<(SaleClient, Context), Error> {
    metrics::describe();
    let (store, holder, orders) = (deps.store.clone(), deps.holder.clone(), deps.orders.clone());
    let app = app::App::new(deps);
    // On the heap: the future that starts a node contains everything that its start may wait for.
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

//! Kitchens: tickets of paid orders, by station.
//!
//! **Invariants:** a paid order has one ticket per station that prepares a part of it, also for repeated and late events, and
//! none when it was cancelled before; a ticket moves one step at a time; the first start and the last ready of an order are
//! published once.

mod app;
mod deps;
pub mod domain;
mod events;
mod store;
mod ticket_subscribers;
mod verify;
mod wire;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::kitchen::v1::KitchenClient;
use pulse_kernel::Error;
use pulse_store::TimerPump;

pub use deps::KitchenDeps;
pub use store::TABLES;
pub use ticket_subscribers::TicketSubscribers;
pub use verify::verify;

pulse_contract::forward_kitchen!(app::App, app);

/// Handles of the running context for other parts of the node.
pub struct Kitchens {
    /// Client of the service.
    pub client: KitchenClient,
    /// The subscribers of tickets in this process, to observe their number.
    pub subscribers: Arc<TicketSubscribers>,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: KitchenDeps) -> Result<(Kitchens, Context), Error> {
    let store = deps.store.clone();
    let app = app::App::new(deps);
    app::PURGE.start(&store).await?;
    let client = KitchenClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(TimerPump::new(&store).handles(&app, app::PURGE.kind(), app::purge_orders))
        .verify(|store, is_repair| async move { verify(&store, is_repair).await });
    Ok((Kitchens { client, subscribers: app.subscribers }, context))
}

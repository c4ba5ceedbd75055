//! Kitchens: tickets of orders that are to be made, by station.
//!
//! **Invariants:** an order that is paid has one ticket at each station that makes something of it, however often and
//! however late the news comes, and none when it was cancelled before; a ticket moves one step at a time; the first start
//! and the last ready of an order are told once.

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
pub use verify::verify;
pub use ticket_subscribers::TicketSubscribers;

pulse_contract::forward_kitchen!(app::App, app);

/// What the others use of the running context.
pub struct Kitchens {
    /// Its service.
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

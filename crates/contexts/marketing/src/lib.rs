//! Coupons: what they are worth, who has them, and what they were used for.
//!
//! **Invariants:** a coupon is held by one order or used by one order, never two; whatever gives a coupon (a claim, a
//! grant, an order that was paid or completed) gives it once; a customer never has more coupons of a template than its
//! limit, whether it was given or bought, and nobody gets one that its quota, a resource of the stock context, does not have.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod store;
mod timers;
mod verify;
mod verify_quotas;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::marketing::v1::CouponClient;
use pulse_kernel::Error;

pub use config::CouponConfig;
pub use deps::CouponDeps;
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_coupon!(app::App, app);

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: CouponDeps) -> Result<(CouponClient, Context), Error> {
    let (store, stock) = (deps.store.clone(), deps.stock.clone());
    app::PURGE.start(&store).await?;
    let app = app::App { deps: Arc::new(deps) };
    let client = CouponClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers::pump(&app))
        .verify(move |store, is_repair| {
            let stock = stock.clone();
            async move { verify(&store, &stock, is_repair).await }
        });
    Ok((client, context))
}

//! Coupons: templates, distribution, discounts, reservations for orders.
//!
//! **Invariants:** at most one order reserves or uses a coupon; the same claim, grant, purchase or completed order issues a
//! coupon once; a refunded order has no usable coupon of its payment; a customer never has more coupons of a template than its limit, granted or bought; the number of issued
//! coupons never exceeds the quota of the template, which is a resource of the stock context.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod metrics;
mod store;
mod timers;
mod verify;
mod verify_quotas;
mod verify_refunds;

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
    metrics::describe();
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

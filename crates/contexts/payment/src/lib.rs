//! Payments of orders: attempts, refunds, webhooks of providers, and the books.
//!
//! **Invariants:** an order has one payment. What a provider says is merged by what it means, so neither order nor
//! repetition matters. A webhook is answered after its commit, and what follows from it is in that commit: states,
//! entries of the books, events. Every entry sums to zero. No provider is asked inside of a commit, and every request
//! to one carries an id by which it knows a repetition.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod outbound;
mod providers;
mod store;
mod verify;
mod wire;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::payment::v1::PaymentClient;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store, TimerPump};

use app::App;
use providers::stripe::{self, Stripe};
use providers::{Providers, sandbox};

pub use config::PaymentConfig;
pub use deps::PaymentDeps;
pub use outbound::{NoOutbound, NoReply, Outbound, OutboundReply, OutboundRequest};
pub use providers::sandbox::{Choice, DELAY, PayPage, Sandbox};
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_payment!(App, app);

/// What the others use of the running context.
pub struct Payments {
    /// Its service.
    pub client: PaymentClient,
    /// The built-in sandbox provider, if configured.
    pub sandbox: Option<Sandbox>,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: PaymentDeps) -> Result<(Payments, Context), Error> {
    let store = deps.store.clone();
    let sandbox = deps.config.has_sandbox.then(|| Sandbox::new(&store, deps.secret, &deps.config.public_url));
    let app = App::new(deps.clone(), providers_of(&deps, sandbox.as_ref()));
    let cx = Cx::system("payment.start", store.clock().now());
    let begun = Commit::new().timer(app::PURGE.first(cx.now));
    store.commit(&cx, app::first_reconciliation(begun, deps.config.reconcile_every, cx.now)).await?;
    let client = PaymentClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timers(&store, &app, sandbox.as_ref()))
        .verify(|store, is_repair| async move { verify(&store, is_repair).await });
    Ok((Payments { client, sandbox }, context))
}

fn providers_of(deps: &PaymentDeps, sandbox: Option<&Sandbox>) -> Providers {
    let mut providers = Providers::new(&deps.config.default_provider);
    if let Some(config) = deps.config.stripe() {
        let stripe = Stripe::new(config, Arc::clone(&deps.outbound));
        providers = providers.with(stripe::NAME, Arc::new(stripe));
    }
    if let Some(sandbox) = sandbox {
        providers = providers.with(sandbox::NAME, Arc::new(sandbox.clone()));
    }
    providers
}

fn timers(store: &Store, app: &App, sandbox: Option<&Sandbox>) -> TimerPump {
    let timers = TimerPump::new(store)
        .handles(app, app::PAY_BACK, app::pay_back)
        .handles(app, app::CANCEL, app::cancel_attempts)
        .handles(app, app::PURGE.kind(), app::purge_webhooks)
        .handles(app, app::RECONCILE, app::reconcile_again);
    match sandbox {
        Some(sandbox) => timers.handles(app, sandbox::DELIVER, app::deliver_from_sandbox).handles(
            sandbox,
            sandbox::SETTLE,
            Sandbox::settle,
        ),
        None => timers,
    }
}

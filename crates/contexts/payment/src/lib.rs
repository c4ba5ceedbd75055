//! Payments of orders: attempts, refunds, webhooks of providers, and the ledger.
//!
//! **Invariants:** an order has one payment. Reports of a provider are merged by their meaning, so neither their order nor
//! their repetition matters. A webhook is answered after its commit, which contains all its effects: states, ledger
//! entries, events. Every entry sums to zero. No provider is called inside a commit, and every request to a provider
//! carries an ID by which the provider recognizes a repetition.

mod app;
mod config;
mod deps;
pub mod domain;
mod events;
mod metrics;
mod outbound;
mod page_base;
mod providers;
mod store;
mod timers;
mod verify;
mod wire;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::payment::v1::PaymentClient;
use pulse_kernel::{Cx, Error, Money};
use pulse_store::{Commit, Store, TimerPump};

use app::{App, SandboxDelivery};
use domain::stripe_amount::AmountProblem;
use providers::stripe::{self, Stripe};
use providers::{Providers, sandbox};

pub use config::PaymentConfig;
pub use deps::PaymentDeps;
pub use outbound::{NoOutbound, NoReply, Outbound, OutboundReply, OutboundRequest};
pub use page_base::PageBase;
pub use providers::sandbox::{Choice, DELAY, PayPage, Sandbox};
pub use store::TABLES;
pub use verify::verify;

pulse_contract::forward_payment!(App, app);

/// Checks whether the configured providers can charge an amount; every amount passes without providers. Stripe and the
/// sandbox, which behaves like it, have the same rules.
///
/// # Errors
/// The rule that the amount violates.
pub fn check_amount(config: &PaymentConfig, amount: Money) -> Result<(), AmountProblem> {
    if config.has_provider() { domain::stripe_amount::check_charge(amount) } else { Ok(()) }
}

/// Clients of the running context.
pub struct Payments {
    /// Client of the payment service.
    pub client: PaymentClient,
    /// The built-in sandbox provider, if configured.
    pub sandbox: Option<Sandbox>,
    /// Base URL of payment pages. The node sets it to its own address when the configuration names none.
    pub page_base: PageBase,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: PaymentDeps) -> Result<(Payments, Context), Error> {
    metrics::describe();
    let store = deps.store.clone();
    let sandbox = deps.config.has_sandbox.then(|| Sandbox::new(&store, deps.secret));
    let app = App::new(deps.clone(), providers_of(&deps, sandbox.as_ref()));
    let cx = Cx::system("payment.start", store.clock().now());
    app.page_base.set(&deps.config.public_url);
    let commit = Commit::new().timer(app::PURGE.first(cx.now));
    store.commit(&cx, app::first_reconciliation(commit, deps.config.reconcile_every, cx.now)).await?;
    let client = PaymentClient::in_process(app.clone(), Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .pump(timer_pump(&store, &app, sandbox.as_ref()))
        .verify(|store, is_repair| async move { verify(&store, is_repair).await });
    Ok((Payments { client, sandbox, page_base: app.page_base }, context))
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

fn timer_pump(store: &Store, app: &App, sandbox: Option<&Sandbox>) -> TimerPump {
    let pump = TimerPump::new(store)
        .handles(app, timers::EXECUTE_REFUND, app::execute_refund)
        .handles(app, timers::CANCEL_ATTEMPTS, app::cancel_attempts)
        .handles(app, app::PURGE.kind(), app::purge_webhooks)
        .handles(app, timers::RECONCILE, app::scheduled_reconciliation);
    let Some(sandbox) = sandbox else { return pump };
    let delivery = SandboxDelivery { app: app.clone(), sandbox: sandbox.clone() };
    pump.handles(&delivery, timers::DELIVER_WEBHOOK, app::deliver_sandbox_webhook).handles(
        sandbox,
        timers::COMPLETE_PAYMENT,
        Sandbox::complete_payment,
    )
}

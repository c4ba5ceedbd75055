//! Payments of orders: attempts, refunds, webhooks of providers, and the books.
//!
//! **Invariants:** an order has one payment. What a provider says is merged by what it means, so neither order nor
//! repetition matters. A webhook is answered after its commit, and what follows from it is in that commit: states,
//! entries of the books, events. Every entry sums to zero. No provider is asked inside of a commit, and every request
//! to one carries an id by which it knows a repetition.

mod api;
mod app;
mod config;
pub mod domain;
mod events;
mod outbound;
mod providers;
mod store;
mod verify;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::{PaymentClient, PaymentService};
use pulse_contract::shop::v1::CatalogClient;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store, TimerPump};

use app::App;
use providers::stripe::{self, Stripe};
use providers::{Providers, sandbox};

pub use config::{ApiKey, PaymentConfig, StripeConfig};
pub use outbound::{NoOutbound, NoReply, Outbound, OutboundReply, OutboundRequest};
pub use providers::sandbox::{Choice, DELAY, PayPage, Sandbox};
pub use store::MIGRATIONS;
pub use verify::verify;

/// What the context needs.
#[derive(Clone)]
pub struct PaymentDeps {
    /// Its own tables.
    pub store: Store,
    /// Says what an order costs, and whether it can be paid.
    pub orders: OrderClient,
    /// Says in which time zone a shop is.
    pub catalog: CatalogClient,
    /// The way out to providers.
    pub outbound: Arc<dyn Outbound>,
    /// Signs the webhooks of the sandbox and makes its pages unguessable: 32 random bytes, the same on every node.
    pub secret: [u8; 32],
    /// How it behaves.
    pub config: PaymentConfig,
}

/// The context, running.
pub struct Payments {
    /// Its service.
    pub client: PaymentClient,
    /// The provider that is built in, when it is there.
    pub sandbox: Option<Sandbox>,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// What it does when a time has come.
    pub timers: TimerPump,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn start(deps: PaymentDeps) -> Result<Payments, Error> {
    let store = deps.store.clone();
    let sandbox = deps.config.has_sandbox.then(|| Sandbox::new(&store, deps.secret, &deps.config.public_url));
    let app = App::new(deps.clone(), providers_of(&deps, sandbox.as_ref()));
    let cx = Cx::system("payment.start", store.clock().now());
    let begun = Commit::new().timer(app::first_forgetting(cx.now));
    store.commit(&cx, app::first_reconciliation(begun, app.deps.config.reconcile_every, cx.now)).await?;
    let timers = timers(&store, &app, sandbox.as_ref());
    let consumers = events::consumers(&app);
    let client = PaymentClient::local(Arc::new(PaymentService::new(Arc::new(api::Api(app)), Arc::new(store))));
    Ok(Payments { client, sandbox, consumers, timers })
}

fn providers_of(deps: &PaymentDeps, sandbox: Option<&Sandbox>) -> Providers {
    let mut providers = Providers::new(&deps.config.default_provider);
    if let Some(config) = &deps.config.stripe {
        let stripe = Stripe::new(config.clone(), Arc::clone(&deps.outbound));
        providers = providers.with(stripe::NAME, Arc::new(stripe));
    }
    if let Some(sandbox) = sandbox {
        providers = providers.with(sandbox::NAME, Arc::new(sandbox.clone()));
    }
    providers
}

fn timers(store: &Store, app: &App, sandbox: Option<&Sandbox>) -> TimerPump {
    let (refunds, cancels, forgets, compares) = (app.clone(), app.clone(), app.clone(), app.clone());
    let mut timers = TimerPump::new(store)
        .on(app::PAY_BACK, move |due| {
            let app = refunds.clone();
            async move { app::pay_back(&app, &due).await }
        })
        .on(app::CANCEL, move |due| {
            let app = cancels.clone();
            async move { app::cancel_attempts(&app, &due).await }
        })
        .on(app::FORGET, move |due| {
            let app = forgets.clone();
            async move { app::forget_webhooks(&app, &due).await }
        })
        .on(app::RECONCILE, move |due| {
            let app = compares.clone();
            async move { app::reconcile_again(&app, &due).await }
        });
    if let Some(sandbox) = sandbox {
        let (app, sandbox) = (app.clone(), sandbox.clone());
        timers = timers
            .on(sandbox::DELIVER, move |due| {
                let app = app.clone();
                async move { app::deliver_from_sandbox(&app, &due).await }
            })
            .on(sandbox::SETTLE, move |due| {
                let sandbox = sandbox.clone();
                async move { sandbox.settle(&due).await }
            });
    }
    timers
}

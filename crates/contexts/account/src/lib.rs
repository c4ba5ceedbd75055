//! Accounts: credentials, sessions, roles, check-ins and follows.
//!
//! **Invariants:** one commit writes both sides of a follow, so they never differ; a one-time code works once; a refresh
//! token works once, and a second use ends its session; no answer reveals whether a phone number or an e-mail address has an
//! account; no code or token can be derived from the database; an access token never grants more than the account has, as
//! soon as the node knows of the change.

mod access;
mod app;
pub mod codes;
mod config;
mod deps;
pub mod domain;
mod events;
mod metrics;
mod revoked_sessions;
mod role_changes;
mod secret;
mod store;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::account::v1::AccountClient;
use pulse_kernel::Error;

pub use access::AccessChanges;
pub use app::purge_expired;
pub use codes::{CodeSender, Destination};
pub use config::AccountConfig;
pub use deps::AccountDeps;
pub use secret::Secret;
pub use store::TABLES;

pulse_contract::forward_account!(app::App, app);

/// Handles of the running context for other parts of the node.
pub struct Accounts {
    /// Client of the service.
    pub client: AccountClient,
    /// Revoked sessions and changed roles, for the check of access tokens.
    pub access: AccessChanges,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE` when revoked sessions and changed roles cannot be read.
pub async fn start(deps: AccountDeps) -> Result<(Accounts, Context), Error> {
    metrics::describe();
    let store = deps.store.clone();
    let app = app::App::new(deps);
    let access = app.access.clone();
    access.load(&store).await?;
    let client = AccountClient::in_process(app.clone(), Arc::new(store.clone()));
    let (watched, watching, purged) = (store.clone(), access.clone(), store.clone());
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .task(async move { watching.watch(&watched).await })
        .task(async move { app::purge_hourly(&purged).await });
    Ok((Accounts { client, access }, context))
}

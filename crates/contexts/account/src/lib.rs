//! Who somebody is: accounts, credentials, sessions, sign-in days, follows.
//!
//! **Invariants:** the two sides of a follow are written by one commit and never differ; a one-time code works once;
//! a refresh token works once, and a second use ends its session; no answer tells whether a phone or an address has
//! an account; nothing in the database can be used as a token or a code.

mod app;
pub mod codes;
mod config;
mod deps;
pub mod domain;
mod ended_sessions;
mod events;
mod secret;
mod store;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::account::v1::AccountClient;
use pulse_kernel::Error;

pub use codes::{CodeSender, Destination};
pub use config::AccountConfig;
pub use deps::AccountDeps;
pub use ended_sessions::EndedSessions;
pub use secret::Secret;
pub use store::TABLES;

pulse_contract::forward_account!(app::App, app);

/// What the others use of the running context.
pub struct Accounts {
    /// Its service.
    pub client: AccountClient,
    /// Sessions that were ended before their access tokens expire.
    pub ended: EndedSessions,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the sessions that ended lately cannot be read.
pub async fn start(deps: AccountDeps) -> Result<(Accounts, Context), Error> {
    let store = deps.store.clone();
    let app = app::App::new(deps);
    let ended = app.ended.clone();
    ended.load(&store).await?;
    let client = AccountClient::in_process(app.clone(), Arc::new(store.clone()));
    let (watched, watching, swept) = (store.clone(), ended.clone(), store.clone());
    let context = Context::new(&store)
        .service(client.served())
        .consumers(events::consumers(&app))
        .task(async move { watching.watch(&watched).await })
        .task(async move { app::sweep_hourly(&swept).await });
    Ok((Accounts { client, ended }, context))
}

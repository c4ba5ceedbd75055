//! Who somebody is: accounts, credentials, sessions, sign-in days, follows.
//!
//! **Invariants:** the two sides of a follow are written by one commit and never differ; a one-time code works once;
//! a refresh token works once, and a second use ends its session; no answer tells whether a phone or an address has
//! an account; nothing in the database can be used as a token or a code.

mod api;
mod app;
pub mod codes;
pub mod domain;
mod ended_sessions;
mod events;
mod secret;
mod store;

use std::sync::Arc;
use std::time::Duration;

use pulse_bus::Consumer;
use pulse_contract::account::v1::{AccountClient, AccountService};
use pulse_kernel::Error;
use pulse_store::Store;
use pulse_token::KeyRing;

pub use codes::{CodeSender, Destination};
pub use ended_sessions::EndedSessions;
pub use secret::Secret;
pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// How long an access token works. Roles that are taken away stay in force that long.
    pub access_ttl: Duration,
    /// The time zone of new accounts, an IANA name.
    pub time_zone: String,
    /// How many accounts one may follow.
    pub following_max: i64,
    /// How many passwords are hashed at the same time; each takes 19 MiB and one core.
    pub hashers: usize,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(900),
            time_zone: "Asia/Shanghai".into(),
            following_max: 5_000,
            hashers: 2,
        }
    }
}

/// What the context needs.
#[derive(Clone)]
pub struct AccountDeps {
    /// Its own tables.
    pub store: Store,
    /// Signs access tokens.
    pub keys: KeyRing,
    /// Makes one-time codes and refresh tokens unguessable.
    pub secret: Secret,
    /// Brings codes to people.
    pub codes: Arc<dyn CodeSender>,
    /// How it behaves.
    pub config: AccountConfig,
}

/// The context, running.
pub struct Accounts {
    /// Its service.
    pub client: AccountClient,
    /// What it does when other contexts' events arrive.
    pub consumers: Vec<Consumer>,
    /// The sessions that have ended while their access tokens still look valid.
    pub ended: EndedSessions,
}

/// Starts the context.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the sessions that have just ended cannot be read.
pub async fn start(deps: AccountDeps) -> Result<Accounts, Error> {
    let answers = Arc::new(deps.store.clone());
    let app = app::App::new(deps);
    app.ended.load(&app.deps.store).await?;
    let (consumers, ended) = (events::consumers(&app), app.ended.clone());
    let client = AccountClient::local(Arc::new(AccountService::new(Arc::new(api::Api(app)), answers)));
    Ok(Accounts { client, consumers, ended })
}

/// Deletes old one-time codes, wrong guesses and sessions that are long over; call it now and then.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn sweep(store: &Store) -> Result<(), Error> {
    app::sweep(store).await
}

//! Who somebody is: accounts, credentials, sessions, sign-in days, follows.
//!
//! **Invariants:** the two sides of a follow are written by one commit and never differ; a one-time code works once;
//! a refresh token works once, and a second use ends its session; no answer tells whether a phone or an address has
//! an account; nothing in the database can be used as a token or a code.

mod api;
mod app;
pub mod codes;
pub mod domain;
mod secret;
mod store;

use std::sync::Arc;
use std::time::Duration;

use pulse_contract::account::v1::{AccountClient, AccountService};
use pulse_store::Store;
use pulse_token::KeyRing;

pub use codes::{CodeSender, Destination};
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

/// Starts the context: the service that others call.
#[must_use]
pub fn start(deps: AccountDeps) -> AccountClient {
    let answers = Arc::new(deps.store.clone());
    let api = Arc::new(api::Api(app::App::new(deps)));
    AccountClient::local(Arc::new(AccountService::new(api, answers)))
}

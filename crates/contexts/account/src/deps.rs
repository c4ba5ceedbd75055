//! What the account context needs.

use std::sync::Arc;

use pulse_store::Store;
use pulse_token::KeyRing;

use crate::codes::CodeSender;
use crate::config::AccountConfig;
use crate::secret::Secret;

/// What the context needs.
#[derive(Clone)]
pub struct AccountDeps {
    /// Its own tables.
    pub store: Store,
    /// Signs access tokens.
    pub keys: KeyRing,
    /// Derives one-time codes and refresh tokens.
    pub secret: Secret,
    /// Sends one-time codes.
    pub codes: Arc<dyn CodeSender>,
    /// Its section of the configuration.
    pub config: AccountConfig,
}

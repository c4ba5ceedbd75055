//! Dependencies of the account context.

use std::sync::Arc;

use pulse_store::Store;
use pulse_token::KeyRing;

use crate::codes::CodeSender;
use crate::config::AccountConfig;
use crate::secret::Secret;

/// Dependencies of the context.
#[derive(Clone)]
pub struct AccountDeps {
    /// Tables of the context.
    pub store: Store,
    /// Signs access tokens.
    pub keys: KeyRing,
    /// Derives one-time codes and refresh tokens.
    pub secret: Secret,
    /// Sends one-time codes.
    pub codes: Arc<dyn CodeSender>,
    /// Section `[account]` of the configuration.
    pub config: AccountConfig,
}

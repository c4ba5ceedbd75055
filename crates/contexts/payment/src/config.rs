//! How the payment context behaves, and the secrets that it works with.

use std::fmt;
use std::time::Duration;

/// How the context behaves.
#[derive(Clone, Debug, Default)]
pub struct PaymentConfig {
    /// The provider of a payment that names none; empty for the one there is, Stripe before the sandbox.
    pub default_provider: String,
    /// What comes before `/pay/` in addresses of the sandbox's pages; empty for the address of the caller.
    pub public_url: String,
    /// Whether the sandbox is there: everybody can pay with it, without money.
    pub has_sandbox: bool,
    /// How often payments are compared with what providers list; zero for never.
    pub reconcile_every: Duration,
    /// Stripe, when it is there.
    pub stripe: Option<StripeConfig>,
}

/// How we reach Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// Opens the account.
    pub secret_key: ApiKey,
    /// What webhooks are signed with.
    pub webhook_secret: ApiKey,
    /// Where the API is, without `/v1`.
    pub api_url: String,
    /// Ways to pay, in the words of Stripe, for example `card`.
    pub payment_methods: Vec<String>,
}

/// A secret that a provider gave us. Never printed.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Never log it.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

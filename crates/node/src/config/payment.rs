//! The configuration of payments, with the secrets that providers gave us.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::bail;
use pulse_payment::{ApiKey, PaymentConfig, StripeConfig};
use serde::{Deserialize, Serialize, Serializer};

/// Payments.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentSection {
    /// The provider of a payment that names none: `stripe` or `sandbox`; empty for the one that is there, Stripe before
    /// the sandbox. Default empty. Since 0.1.
    pub default_provider: String,
    /// Whether the sandbox is there, with which everybody pays without money. Never in production. Default false,
    /// `pulse demo` sets it. Since 0.1.
    pub has_sandbox: bool,
    /// What comes before `/pay/` in the addresses of the sandbox's pages, for example `https://shop.example`; empty for
    /// the address that the client calls. Default empty. Since 0.1.
    pub public_url: String,
    /// How often payments are compared with what the providers list, and what differs is repaired; `0s` for never, else
    /// `1m` to `7d`. Default `1h`. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub reconcile_every: Duration,
    /// The secret key of a Stripe account, `sk_...` or `rk_...`; empty for no Stripe. Default empty. Since 0.1.
    pub stripe_secret_key: Masked,
    /// What Stripe signs its webhooks with, `whsec_...`, at least 16 characters. Let Stripe tell `payment_intent.*` and
    /// `refund.*` to `/webhooks/stripe`. Default empty. Since 0.1.
    pub stripe_webhook_secret: Masked,
    /// Where Stripe's API is, without `/v1`; without TLS only on this machine. Default `https://api.stripe.com`.
    /// Since 0.1.
    pub stripe_api_url: String,
    /// Ways to pay, in the words of Stripe. 1 to 20, default `["card"]`. Since 0.1.
    pub stripe_payment_methods: Vec<String>,
}

impl Default for PaymentSection {
    fn default() -> Self {
        Self {
            default_provider: String::new(),
            has_sandbox: false,
            public_url: String::new(),
            reconcile_every: Duration::from_secs(3_600),
            stripe_secret_key: Masked::default(),
            stripe_webhook_secret: Masked::default(),
            stripe_api_url: "https://api.stripe.com".to_owned(),
            stripe_payment_methods: vec!["card".to_owned()],
        }
    }
}

/// How many ways to pay can be named.
const PAYMENT_METHODS_MAX: usize = 20;
/// How often one can compare with providers: each time costs them some calls.
const RECONCILE_EVERY: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);
/// A shorter secret of webhooks could be guessed.
const WEBHOOK_SECRET_CHARS_MIN: usize = 16;

impl PaymentSection {
    /// What the context is told.
    #[must_use]
    pub fn context(&self) -> PaymentConfig {
        let stripe = self.has_stripe().then(|| StripeConfig {
            secret_key: ApiKey::new(&*self.stripe_secret_key.0),
            webhook_secret: ApiKey::new(&*self.stripe_webhook_secret.0),
            api_url: self.stripe_api_url.clone(),
            payment_methods: self.stripe_payment_methods.clone(),
        });
        PaymentConfig {
            default_provider: self.default_provider.clone(),
            public_url: self.public_url.clone(),
            has_sandbox: self.has_sandbox,
            reconcile_every: self.reconcile_every,
            stripe,
        }
    }

    fn has_stripe(&self) -> bool {
        !self.stripe_secret_key.0.is_empty()
    }

    /// Refuses values with which payments would be lost or could be forged.
    ///
    /// # Errors
    /// With the first value that cannot be, and what it should be.
    pub fn check(&self) -> anyhow::Result<()> {
        let (key, secret) = (&self.stripe_secret_key.0, &self.stripe_webhook_secret.0);
        if self.has_stripe() && !["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix)) {
            bail!("payment.stripe_secret_key begins with sk_ or rk_; a publishable key (pk_) cannot take payments");
        }
        if self.has_stripe() == secret.is_empty() {
            bail!(
                "payment.stripe_secret_key and payment.stripe_webhook_secret belong together: without the second, anybody \
                 could say that an order is paid"
            );
        }
        if self.has_stripe() && secret.chars().count() < WEBHOOK_SECRET_CHARS_MIN {
            bail!("payment.stripe_webhook_secret has at least {WEBHOOK_SECRET_CHARS_MIN} characters");
        }
        if !self.stripe_api_url.starts_with("https://") && !is_local(&self.stripe_api_url) {
            bail!(
                "payment.stripe_api_url begins with https:// (http:// only on this machine): the key travels with it"
            );
        }
        if !(1..=PAYMENT_METHODS_MAX).contains(&self.stripe_payment_methods.len()) {
            bail!("payment.stripe_payment_methods names 1 to {PAYMENT_METHODS_MAX} ways to pay");
        }
        if !self.reconcile_every.is_zero() && !RECONCILE_EVERY.contains(&self.reconcile_every) {
            bail!("payment.reconcile_every is 0s for never, or from 1m to 7d");
        }
        let is_url = |url: &str| ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if !self.public_url.is_empty() && !is_url(&self.public_url) {
            bail!("payment.public_url begins with https:// or http://");
        }
        match self.default_provider.as_str() {
            "" => Ok(()),
            "stripe" if self.has_stripe() => Ok(()),
            "sandbox" if self.has_sandbox => Ok(()),
            "stripe" | "sandbox" => bail!("payment.default_provider names a provider that is not set up"),
            _ => bail!("payment.default_provider is stripe or sandbox"),
        }
    }
}

/// Whether an address without TLS is one of this machine.
fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A secret: printed as stars.
#[derive(Clone, Default, Deserialize)]
pub struct Masked(String);

impl Masked {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn stars(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "***" }
    }
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.stars())
    }
}

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.stars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe() -> PaymentSection {
        PaymentSection {
            stripe_secret_key: Masked::new("sk_test_12345"),
            stripe_webhook_secret: Masked::new("whsec_0123456789"),
            ..PaymentSection::default()
        }
    }

    #[test]
    fn weak_and_missing_secrets_are_refused() {
        let sandbox = PaymentSection { has_sandbox: true, ..PaymentSection::default() };
        for (section, expected) in [
            (PaymentSection::default(), None),
            (stripe(), None),
            (sandbox.clone(), None),
            (PaymentSection { stripe_secret_key: Masked::new("pk_test_1"), ..stripe() }, Some("begins with sk_")),
            (PaymentSection { stripe_webhook_secret: Masked::default(), ..stripe() }, Some("belong together")),
            (PaymentSection { stripe_secret_key: Masked::default(), ..stripe() }, Some("belong together")),
            (PaymentSection { stripe_webhook_secret: Masked::new("whsec"), ..stripe() }, Some("at least 16")),
            (PaymentSection { stripe_api_url: "http://example.com".to_owned(), ..stripe() }, Some("https://")),
            (
                PaymentSection { stripe_api_url: "http://127.0.0.1.example.com".to_owned(), ..stripe() },
                Some("https://"),
            ),
            (PaymentSection { stripe_api_url: "http://127.0.0.1:8420".to_owned(), ..stripe() }, None),
            (PaymentSection { stripe_api_url: "http://[::1]:8420/".to_owned(), ..stripe() }, None),
            (PaymentSection { stripe_payment_methods: vec![], ..stripe() }, Some("ways to pay")),
            (PaymentSection { reconcile_every: Duration::ZERO, ..sandbox.clone() }, None),
            (PaymentSection { reconcile_every: Duration::from_secs(59), ..stripe() }, Some("from 1m to 7d")),
            (PaymentSection { reconcile_every: Duration::from_secs(8 * 86_400), ..stripe() }, Some("from 1m to 7d")),
            (PaymentSection { public_url: "shop.example".to_owned(), ..sandbox.clone() }, Some("public_url")),
            (PaymentSection { default_provider: "stripe".to_owned(), ..sandbox.clone() }, Some("not set up")),
            (PaymentSection { default_provider: "sandbox".to_owned(), ..sandbox }, None),
            (PaymentSection { default_provider: "paypal".to_owned(), ..stripe() }, Some("stripe or sandbox")),
        ] {
            let refusal = section.check().err().map(|error| error.to_string());
            let is_as_expected = match (&refusal, expected) {
                (None, None) => true,
                (Some(refusal), Some(expected)) => refusal.contains(expected),
                _ => false,
            };
            assert!(is_as_expected, "{section:?}: {refusal:?}");
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let section = stripe();
        let printed = format!("{section:?} {:?}", section.context()) + &toml::to_string(&section).unwrap();
        assert!(!printed.contains("12345") && !printed.contains("whsec_0") && printed.contains("***"));
    }
}

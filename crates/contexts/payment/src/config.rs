//! The section `[payment]` of the configuration, with the secrets of payment providers.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use pulse_context::{Faults, SecretText, Section};
use serde::{Deserialize, Serialize};

/// Configuration of payments.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentConfig {
    /// Provider of a payment request that names none: `stripe` or `sandbox`. Empty: Stripe if it is configured, otherwise
    /// the sandbox. Default empty. Since 0.1.
    pub default_provider: String,
    /// Whether the sandbox provider is available, with which customers pay without money. Never enable it in production.
    /// Default false; `pulse demo` sets it. Since 0.1.
    pub has_sandbox: bool,
    /// Base URL of the sandbox's payment pages, for example `https://shop.example`. Empty: `edge.public_url`, or the address
    /// on which the node listens when that is empty too. Default empty. Since 0.1.
    pub public_url: String,
    /// Interval at which payments are compared with the records of the providers and differences are repaired. `1m` to
    /// `7d`; `0s` disables it. Default `1h`. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub reconcile_every: Duration,
    /// Secret key of the Stripe account, `sk_...` or `rk_...`. Empty: Stripe is not used. Default empty. Since 0.1.
    pub stripe_secret_key: SecretText,
    /// Secret with which Stripe signs webhooks, `whsec_...`, at least 16 characters. Configure Stripe to send
    /// `payment_intent.*`, `refund.*` and `charge.dispute.*` to `/webhooks/stripe`. Default empty. Since 0.1.
    pub stripe_webhook_secret: SecretText,
    /// Base URL of the Stripe API, without `/v1`. `http://` is accepted only for this machine. Default
    /// `https://api.stripe.com`. Since 0.1.
    pub stripe_api_url: String,
    /// Payment method types of Stripe, 1 to 20. Default `["card"]`. Since 0.1.
    pub stripe_payment_methods: Vec<String>,
}

impl Default for PaymentConfig {
    fn default() -> Self {
        Self {
            default_provider: String::new(),
            has_sandbox: false,
            public_url: String::new(),
            reconcile_every: Duration::from_secs(3_600),
            stripe_secret_key: SecretText::default(),
            stripe_webhook_secret: SecretText::default(),
            stripe_api_url: "https://api.stripe.com".to_owned(),
            stripe_payment_methods: vec!["card".to_owned()],
        }
    }
}

/// Maximum number of payment method types.
const PAYMENT_METHODS_MAX: usize = 20;
/// Range of `reconcile_every`. Each round costs the provider some calls.
const RECONCILE_EVERY: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);
/// Minimum length of a webhook secret; a shorter one could be guessed.
const WEBHOOK_SECRET_CHARS_MIN: usize = 16;

impl PaymentConfig {
    /// Configuration of Stripe; `None` without a secret key.
    pub(crate) fn stripe(&self) -> Option<StripeConfig> {
        self.has_stripe().then(|| StripeConfig {
            secret_key: self.stripe_secret_key.clone(),
            webhook_secret: self.stripe_webhook_secret.clone(),
            api_url: self.stripe_api_url.clone(),
            payment_methods: self.stripe_payment_methods.clone(),
        })
    }

    pub(crate) fn has_provider(&self) -> bool {
        self.has_stripe() || self.has_sandbox
    }

    fn has_stripe(&self) -> bool {
        !self.stripe_secret_key.expose().is_empty()
    }
}

impl Section for PaymentConfig {
    fn check(&self, faults: &mut Faults) {
        let (key, secret) = (self.stripe_secret_key.expose(), self.stripe_webhook_secret.expose());
        let is_secret_key = !self.has_stripe() || ["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix));
        let rule = "a secret key (sk_ or rk_); a publishable key (pk_) cannot take payments";
        faults.require(is_secret_key, "stripe_secret_key", rule);
        let rule = "set exactly when payment.stripe_secret_key is set: it proves that a webhook comes from Stripe";
        faults.require(self.has_stripe() != secret.is_empty(), "stripe_webhook_secret", rule);
        let is_long = secret.is_empty() || secret.chars().count() >= WEBHOOK_SECRET_CHARS_MIN;
        faults.require(is_long, "stripe_webhook_secret", format_args!("{WEBHOOK_SECRET_CHARS_MIN} or more characters"));
        let is_safe = self.stripe_api_url.starts_with("https://") || is_local(&self.stripe_api_url);
        faults.require(is_safe, "stripe_api_url", "an https:// URL (http:// only on this machine): it carries the key");
        faults.number(
            "stripe_payment_methods (their number)",
            self.stripe_payment_methods.len(),
            1..=PAYMENT_METHODS_MAX,
        );
        if !self.reconcile_every.is_zero() {
            faults.duration("reconcile_every", self.reconcile_every, RECONCILE_EVERY);
        }
        let is_url = |url: &str| ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        let has_url = self.public_url.is_empty() || is_url(&self.public_url);
        faults.require(has_url, "public_url", "an https:// or http:// URL");
        let is_provider = match self.default_provider.as_str() {
            "" => true,
            "stripe" => self.has_stripe(),
            "sandbox" => self.has_sandbox,
            _ => false,
        };
        faults.require(is_provider, "default_provider", "stripe or sandbox, and configured");
    }
}

/// Configuration of the Stripe client.
#[derive(Clone, Debug)]
pub(crate) struct StripeConfig {
    /// Secret key of the account.
    pub secret_key: SecretText,
    /// Secret of the webhook signatures.
    pub webhook_secret: SecretText,
    /// Base URL of the API, without `/v1`.
    pub api_url: String,
    /// Payment method types, for example `card`.
    pub payment_methods: Vec<String>,
}

/// Whether a URL without TLS points to this machine.
fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe() -> PaymentConfig {
        PaymentConfig {
            stripe_secret_key: SecretText::new("sk_test_12345"),
            stripe_webhook_secret: SecretText::new("whsec_0123456789"),
            ..PaymentConfig::default()
        }
    }

    #[test]
    fn weak_and_missing_secrets_are_refused() {
        let sandbox = PaymentConfig { has_sandbox: true, ..PaymentConfig::default() };
        for (section, expected) in [
            (PaymentConfig::default(), None),
            (stripe(), None),
            (sandbox.clone(), None),
            (PaymentConfig { stripe_secret_key: SecretText::new("pk_test_1"), ..stripe() }, Some("a secret key (sk_")),
            (PaymentConfig { stripe_webhook_secret: SecretText::default(), ..stripe() }, Some("set exactly when")),
            (PaymentConfig { stripe_secret_key: SecretText::default(), ..stripe() }, Some("set exactly when")),
            (PaymentConfig { stripe_webhook_secret: SecretText::new("whsec"), ..stripe() }, Some("16 or more")),
            (PaymentConfig { stripe_api_url: "http://example.com".to_owned(), ..stripe() }, Some("https://")),
            (PaymentConfig { stripe_api_url: "http://127.0.0.1.example.com".to_owned(), ..stripe() }, Some("https://")),
            (PaymentConfig { stripe_api_url: "http://127.0.0.1:8420".to_owned(), ..stripe() }, None),
            (PaymentConfig { stripe_api_url: "http://[::1]:8420/".to_owned(), ..stripe() }, None),
            (PaymentConfig { stripe_payment_methods: vec![], ..stripe() }, Some("stripe_payment_methods")),
            (PaymentConfig { reconcile_every: Duration::ZERO, ..sandbox.clone() }, None),
            (PaymentConfig { reconcile_every: Duration::from_secs(59), ..stripe() }, Some("between 1m and 7days")),
            (
                PaymentConfig { reconcile_every: Duration::from_secs(8 * 86_400), ..stripe() },
                Some("between 1m and 7days"),
            ),
            (PaymentConfig { public_url: "shop.example".to_owned(), ..sandbox.clone() }, Some("public_url")),
            (PaymentConfig { default_provider: "stripe".to_owned(), ..sandbox.clone() }, Some("and configured")),
            (PaymentConfig { default_provider: "sandbox".to_owned(), ..sandbox }, None),
            (
                PaymentConfig { default_provider: "paypal".to_owned(), ..stripe() },
                Some("stripe or sandbox, and configured"),
            ),
        ] {
            let mut faults = Faults::default();
            faults.section("payment", &section);
            let found = faults.found();
            let refusal = (!found.is_empty()).then(|| found.join("; "));
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
        let printed = format!("{section:?} {:?}", section.stripe()) + &serde_json::to_string(&section).unwrap();
        assert!(!printed.contains("12345") && !printed.contains("whsec_0") && printed.contains("***"));
    }
}

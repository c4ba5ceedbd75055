//! Payment providers: the port, and the conversion of their reports into facts.

pub(crate) mod sandbox;
pub(crate) mod stripe;
mod stripe_wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pulse_contract::payment::v1::{WebhookHeader, errors};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Money, Timestamp};

use crate::domain::merge::AttemptState;
use crate::domain::payment::{AttemptFact, AttemptId, Fact, RefundFact, RefundId};
use crate::domain::signature::SignatureError;
use crate::domain::stripe_amount::AmountProblem;

/// Number of payments or refunds on one page of a provider's list.
pub(crate) const PAGE_SIZE: usize = 100;

/// Request for an attempt.
#[derive(Clone, Debug)]
pub(crate) struct NewCharge {
    /// The provider recognizes a repeated request by this ID.
    pub(crate) attempt: AttemptId,
    pub(crate) order: OrderId,
    pub(crate) amount: Money,
    /// URL to which the payment page links back; empty for none.
    pub(crate) return_url: String,
}

/// State of an attempt at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) fact: AttemptFact,
    /// URL of the payment page; empty if the client pays with the secret.
    pub(crate) pay_url: String,
    /// Secret for the client library of the provider. Only the customer may receive it.
    pub(crate) client_secret: String,
}

/// Request for a refund.
#[derive(Clone, Debug)]
pub(crate) struct NewRefund {
    /// The provider recognizes a repeated request by this ID.
    pub(crate) refund: RefundId,
    pub(crate) attempt_reference: String,
    pub(crate) amount: Money,
    /// Time of the first request. A provider recognizes a repetition only for a limited time.
    pub(crate) requested_at: Timestamp,
}

/// Request to cancel an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cancellation<'a> {
    /// ID of the attempt at the provider.
    pub(crate) reference: &'a str,
    /// State of the attempt that was seen. A provider repeats its refusal to a repeated request, so that a request in
    /// another state must be another one.
    pub(crate) state: AttemptState,
    /// Number of requests in this state so far.
    pub(crate) tries: u32,
}

/// One page of a provider's list.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) facts: Vec<T>,
    /// Position of the next page; `None` on the last one.
    pub(crate) next: Option<String>,
}

/// A webhook call of a provider, before it is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Webhook<'a> {
    pub(crate) headers: &'a [WebhookHeader],
    pub(crate) payload: &'a [u8],
}

impl Webhook<'_> {
    /// Value of a header by its name in lower case; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|header| header.name == name).map_or("", |header| header.value.as_str())
    }
}

/// A verified event of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookEvent {
    /// ID of the event at the provider, the same in all deliveries.
    pub(crate) id: String,
    /// Type of the event, for example `payment_intent.succeeded`.
    pub(crate) kind: String,
    /// Facts of the event, all about one payment; empty if the type has no effect.
    pub(crate) facts: Vec<Fact>,
}

/// Reason for which a webhook is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookError {
    /// The signature is not valid.
    Signature(SignatureError),
    /// The signature is valid, but the body is no event of the provider.
    Unreadable,
}

/// Failure of a request to a provider.
#[derive(Debug)]
pub(crate) enum ProviderError {
    /// The outcome is unknown. The same request must be repeated.
    Unavailable(String),
    /// The provider refused the request for good, for this reason, which the customer may see.
    Refused(String),
}

impl ProviderError {
    /// The error for callers.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Unavailable(report) => errors::PAYMENT_PROVIDER_UNAVAILABLE
                .error("the payment provider did not answer; repeat the request with the same idempotency key")
                .caused_by(report),
            Self::Refused(reason) => errors::PAYMENT_PROVIDER_REFUSED.error(reason),
        }
    }
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.report())
    }
}

/// A payment provider. Every request may be repeated: its ID makes it happen once.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Creates an attempt, or returns the one that the same request created before.
    async fn create(&self, cx: &Cx, charge: &NewCharge) -> Result<Charge, ProviderError>;

    /// Returns the current state of an attempt.
    async fn retrieve(&self, cx: &Cx, reference: &str) -> Result<Charge, ProviderError>;

    /// Cancels an attempt, and returns its state afterwards: it may have been paid just before.
    async fn cancel(&self, cx: &Cx, cancellation: &Cancellation<'_>) -> Result<AttemptFact, ProviderError>;

    /// Executes a refund, or returns the one that the same request executed before.
    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError>;

    /// Lists the attempts that were created since then, one page after the position `after`; empty for the first page.
    async fn list_charges(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<AttemptFact>, ProviderError>;

    /// Lists the refunds since then, one page after the position `after`; empty for the first page.
    async fn list_refunds(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError>;

    /// Checks whether the provider can charge an amount, without a request.
    fn check_charge(&self, amount: Money) -> Result<(), AmountProblem>;

    /// Verifies the signature of a webhook and reads its event.
    fn read_webhook(&self, webhook: &Webhook<'_>, now: Timestamp) -> Result<WebhookEvent, WebhookError>;
}

/// The configured providers.
#[derive(Clone, Default)]
pub(crate) struct Providers {
    by_name: BTreeMap<&'static str, Arc<dyn Provider>>,
    default: String,
}

impl Providers {
    pub(crate) fn new(default: &str) -> Self {
        Self { by_name: BTreeMap::new(), default: default.to_owned() }
    }

    pub(crate) fn with(mut self, name: &'static str, provider: Arc<dyn Provider>) -> Self {
        if self.default.is_empty() {
            name.clone_into(&mut self.default);
        }
        self.by_name.insert(name, provider);
        self
    }

    /// Name of the provider after this one, in alphabetical order; empty for the first one.
    pub(crate) fn after(&self, name: &str) -> Option<&'static str> {
        self.by_name.keys().copied().find(|known| *known > name)
    }

    /// The provider with this name; the default provider for an empty name.
    pub(crate) fn named(&self, name: &str) -> Result<(&'static str, Arc<dyn Provider>), Error> {
        let name = if name.is_empty() { self.default.as_str() } else { name };
        let found = self.by_name.get_key_value(name).map(|(name, provider)| (*name, Arc::clone(provider)));
        found.ok_or_else(|| {
            let known = self.by_name.keys().copied().collect::<Vec<_>>().join(", ");
            errors::PAYMENT_PROVIDER_UNKNOWN
                .error(format!("provider must be one of: {known}; got {name}"))
                .with("known", known)
        })
    }
}

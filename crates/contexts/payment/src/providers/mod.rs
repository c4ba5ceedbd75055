//! Those who move the money: what we ask of each of them, and how what they say becomes facts.

pub(crate) mod events;
pub(crate) mod sandbox;
pub(crate) mod stripe;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pulse_contract::payment::v1::errors;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Money, Timestamp};

use crate::domain::payment::{AttemptFact, AttemptId, RefundFact, RefundId};

/// How many payments or refunds one page of a provider's list holds.
pub(crate) const PAGE_SIZE: usize = 100;

/// An attempt that a provider is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewCharge {
    /// What the provider recognizes a repeated request by.
    pub(crate) attempt: AttemptId,
    pub(crate) order: OrderId,
    pub(crate) amount: Money,
    /// Where its page leads back to; empty for nowhere.
    pub(crate) return_url: String,
}

/// What a provider says of an attempt that it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) fact: AttemptFact,
    /// Where the customer pays; empty when the client does it with the secret.
    pub(crate) pay_url: String,
    /// What the provider's client library needs. It goes to the customer and nowhere else.
    pub(crate) client_secret: String,
}

/// A refund that a provider is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewRefund {
    /// What the provider recognizes a repeated request by.
    pub(crate) refund: RefundId,
    pub(crate) attempt_reference: String,
    pub(crate) amount: Money,
    /// When it was asked for first: a provider remembers requests for a while only.
    pub(crate) asked_at: Timestamp,
}

/// A page of what a provider has.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) facts: Vec<T>,
    /// Asks for the next page; none on the last.
    pub(crate) next: Option<String>,
}

/// Why a provider did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum ProviderError {
    /// It may have done it: ask again with the same request.
    Unavailable(String),
    /// It has not done it and will not: the words are for the customer.
    Refused(String),
}

impl ProviderError {
    /// What a caller of ours is told.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Unavailable(story) => {
                errors::PAYMENT_PROVIDER_UNAVAILABLE.error("try again with the same key").caused_by(story)
            }
            Self::Refused(words) => errors::PAYMENT_PROVIDER_REFUSED.error(words),
        }
    }
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.report())
    }
}

/// Somebody who moves money. Every request may be repeated: the ids in it make it happen once.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Asks for an attempt, or finds the one that was asked for before.
    async fn create(&self, cx: &Cx, charge: &NewCharge) -> Result<Charge, ProviderError>;

    /// How an attempt is now.
    async fn retrieve(&self, cx: &Cx, reference: &str) -> Result<Charge, ProviderError>;

    /// Makes that an attempt cannot be paid any more, and says how it is then: it may have been paid just before.
    async fn cancel(&self, cx: &Cx, reference: &str) -> Result<AttemptFact, ProviderError>;

    /// Pays back, or finds the refund that was asked for before.
    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError>;

    /// The attempts that began since then, a page after the one that `after` ended; empty for the first.
    async fn list_charges(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<AttemptFact>, ProviderError>;

    /// The refunds since then, a page after the one that `after` ended; empty for the first.
    async fn list_refunds(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError>;

    /// What its webhooks are signed with.
    fn webhook_secret(&self) -> &[u8];
}

/// The providers that this node works with.
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

    /// The name after this one, in the order of the names; empty for the first.
    pub(crate) fn after(&self, name: &str) -> Option<&'static str> {
        self.by_name.keys().copied().find(|known| *known > name)
    }

    /// The provider of this name; the default for none.
    pub(crate) fn named(&self, name: &str) -> Result<(&'static str, Arc<dyn Provider>), Error> {
        let name = if name.is_empty() { self.default.as_str() } else { name };
        let found = self.by_name.get_key_value(name).map(|(name, provider)| (*name, Arc::clone(provider)));
        found.ok_or_else(|| {
            let known = self.by_name.keys().copied().collect::<Vec<_>>().join(", ");
            errors::PAYMENT_PROVIDER_UNKNOWN.error("this node does not work with that provider").with("known", known)
        })
    }
}

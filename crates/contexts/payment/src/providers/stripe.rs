//! Stripe, on its real wire format: form-encoded requests with an idempotency key, answers in JSON.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pulse_kernel::{Cx, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::events::{ATTEMPT_ID, Intent, List, ORDER_ID, REFUND_ID, Refund, amount_of};
use super::{Charge, Listed, NewCharge, NewRefund, PAGE_SIZE, Provider, ProviderError};
use crate::config::StripeConfig;
use crate::domain::payment::{AttemptFact, RefundFact, failure_text};
use crate::outbound::{Outbound, OutboundReply, OutboundRequest};

/// What the provider is called.
pub(crate) const NAME: &str = "stripe";
/// The version of the API that the answers are read by.
const VERSION: &str = "2024-06-20";
/// Stripe remembers idempotency keys for a day. A refund that is asked for again so much later is looked for first.
const KEYS_SURELY_KNOWN_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Stripe.
pub(crate) struct Stripe {
    config: StripeConfig,
    outbound: Arc<dyn Outbound>,
}

#[derive(Deserialize)]
struct Failed {
    error: Option<FailedBecause>,
}

#[derive(Deserialize)]
struct FailedBecause {
    message: Option<String>,
    code: Option<String>,
}

/// The fields of a form, in their order.
type Form<'a> = Vec<(&'a str, String)>;

impl Stripe {
    pub(crate) fn new(config: StripeConfig, outbound: Arc<dyn Outbound>) -> Self {
        Self { config, outbound }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form<'_>) -> Result<T, ProviderError> {
        let question = if query.is_empty() { "" } else { "?" };
        self.call("GET", &format!("{path}{question}{}", encode(query)), None, Bytes::new()).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, form: &Form<'_>, key: &str) -> Result<T, ProviderError> {
        self.call("POST", path, Some(key), encode(form).into()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Result<T, ProviderError> {
        let mut headers = vec![
            ("authorization", format!("Bearer {}", self.config.secret_key.expose())),
            ("stripe-version", VERSION.to_owned()),
        ];
        if let Some(key) = key {
            headers.push(("idempotency-key", key.to_owned()));
            headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        }
        let url = format!("{}/v1/{path}", self.config.api_url.trim_end_matches('/'));
        let request = OutboundRequest { method, url, headers, body };
        let reply = self.outbound.send(request).await.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        read(&reply)
    }

    fn charge(cx: &Cx, intent: &Intent) -> Result<Charge, ProviderError> {
        let fact = intent.status_fact(cx.now).ok_or_else(|| unreadable("the amount"))?;
        let client_secret = intent.client_secret.clone().unwrap_or_default();
        Ok(Charge { fact, pay_url: String::new(), client_secret })
    }

    /// The refund that was asked for before, when Stripe has it.
    async fn refund_of_before(&self, refund: &NewRefund) -> Result<Option<Refund>, ProviderError> {
        let mut after = String::new();
        loop {
            let mut query = vec![("payment_intent", refund.attempt_reference.clone()), page_size()];
            if !after.is_empty() {
                query.push(("starting_after", after));
            }
            let mut page: List<Refund> = self.get("refunds", &query).await?;
            if let Some(index) = page.data.iter().position(|known| known.refund_id() == Some(refund.refund)) {
                return Ok(Some(page.data.swap_remove(index)));
            }
            match page.data.last() {
                Some(last) if page.has_more => after = last.id.clone(),
                Some(_) | None => return Ok(None),
            }
        }
    }
}

#[async_trait]
impl Provider for Stripe {
    async fn create(&self, cx: &Cx, charge: &NewCharge) -> Result<Charge, ProviderError> {
        let (attempt_id, order_id) = (format!("metadata[{ATTEMPT_ID}]"), format!("metadata[{ORDER_ID}]"));
        let mut form = vec![
            ("amount", amount(charge.amount)?.to_string()),
            ("currency", charge.amount.currency.code().to_ascii_lowercase()),
            (attempt_id.as_str(), charge.attempt.get().to_string()),
            (order_id.as_str(), charge.order.get().to_string()),
        ];
        form.extend(self.config.payment_methods.iter().map(|method| ("payment_method_types[]", method.clone())));
        let key = format!("pulse-attempt-{}", charge.attempt.get());
        Self::charge(cx, &self.post("payment_intents", &form, &key).await?)
    }

    async fn retrieve(&self, cx: &Cx, reference: &str) -> Result<Charge, ProviderError> {
        Self::charge(cx, &self.get(&format!("payment_intents/{}", escape(reference)), &Vec::new()).await?)
    }

    async fn cancel(&self, cx: &Cx, reference: &str) -> Result<AttemptFact, ProviderError> {
        let path = format!("payment_intents/{}/cancel", escape(reference));
        match self.post(&path, &Vec::new(), &format!("pulse-cancel-{reference}")).await {
            Ok(intent) => Ok(Self::charge(cx, &intent)?.fact),
            // Paid meanwhile, or given up before: what it is now says which.
            Err(ProviderError::Refused(_)) => Ok(self.retrieve(cx, reference).await?.fact),
            Err(error) => Err(error),
        }
    }

    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError> {
        let is_old = cx.now.since(refund.asked_at) > KEYS_SURELY_KNOWN_FOR;
        let known = if is_old { self.refund_of_before(refund).await? } else { None };
        let made = match known {
            Some(known) => known,
            None => {
                let refund_id = format!("metadata[{REFUND_ID}]");
                let form = vec![
                    ("payment_intent", refund.attempt_reference.clone()),
                    ("amount", amount(refund.amount)?.to_string()),
                    (refund_id.as_str(), refund.refund.get().to_string()),
                ];
                self.post("refunds", &form, &format!("pulse-refund-{}", refund.refund.get())).await?
            }
        };
        made.fact(Some(&refund.attempt_reference)).ok_or_else(|| unreadable("the refund"))
    }

    async fn list_charges(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<AttemptFact>, ProviderError> {
        let page: List<Intent> = self.get("payment_intents", &page_after(after)).await?;
        let next = next_page(&page, since, |intent| (intent.created, intent.id.as_str()));
        let young = page.data.iter().filter(|intent| is_since(since, intent.created));
        Ok(Listed { facts: young.filter_map(|intent| intent.status_fact(cx.now)).collect(), next })
    }

    async fn list_refunds(&self, _cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError> {
        let page: List<Refund> = self.get("refunds", &page_after(after)).await?;
        let next = next_page(&page, since, |refund| (refund.created, refund.id.as_str()));
        let young = page.data.iter().filter(|refund| is_since(since, refund.created));
        Ok(Listed { facts: young.filter_map(|refund| refund.fact(None)).collect(), next })
    }

    fn webhook_secret(&self) -> &[u8] {
        self.config.webhook_secret.expose().as_bytes()
    }
}

fn amount(money: pulse_kernel::Money) -> Result<i64, ProviderError> {
    amount_of(money).ok_or_else(|| ProviderError::Refused("The amount is too large.".to_owned()))
}

fn page_size() -> (&'static str, String) {
    ("limit", PAGE_SIZE.to_string())
}

fn page_after(after: &str) -> Form<'_> {
    let mut query = vec![page_size()];
    if !after.is_empty() {
        query.push(("starting_after", after.to_owned()));
    }
    query
}

fn is_since(since: Timestamp, created: i64) -> bool {
    created.saturating_mul(1_000) >= since.as_millis()
}

/// Lists come newest first, so the first page without anything young is the last that is worth reading.
fn next_page<T>(page: &List<T>, since: Timestamp, key: impl Fn(&T) -> (i64, &str)) -> Option<String> {
    let has_young = page.data.iter().any(|entry| is_since(since, key(entry).0));
    let last = page.data.last().filter(|_| page.has_more && has_young)?;
    Some(key(last).1.to_owned())
}

/// Everything but what an address may hold as it is (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn encode(form: &Form<'_>) -> String {
    form.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// What an answer means: what may pass later must not look like a refusal, or money would be given up.
fn read<T: DeserializeOwned>(reply: &OutboundReply) -> Result<T, ProviderError> {
    match reply.status {
        200..=299 => serde_json::from_slice(&reply.body).map_err(|error| ProviderError::Unavailable(error.to_string())),
        400 | 402 | 404 => {
            let failed: Option<Failed> = serde_json::from_slice(&reply.body).ok();
            let because = failed.and_then(|failed| failed.error);
            let words = because.and_then(|because| because.message.or(because.code));
            Err(ProviderError::Refused(failure_text(words.as_deref().unwrap_or("The provider gives no reason."))))
        }
        status @ (401 | 403) => {
            tracing::error!(status, "the provider refuses our key; look at payment.stripe_secret_key");
            Err(ProviderError::Unavailable(format!("the key is refused with {status}")))
        }
        status => Err(ProviderError::Unavailable(format!("the provider answers {status}"))),
    }
}

fn unreadable(what: &str) -> ProviderError {
    ProviderError::Unavailable(format!("{what} in the provider's answer cannot be read"))
}

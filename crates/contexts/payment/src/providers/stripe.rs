//! Stripe: form-encoded requests with an idempotency key, answers in JSON.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pulse_kernel::{Cx, Money, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::stripe_wire::{self, ATTEMPT_ID, Intent, List, ORDER_ID, REFUND_ID, Refund};
use super::{
    Cancellation, Charge, Listed, NewCharge, NewRefund, PAGE_SIZE, Provider, ProviderError, Webhook, WebhookError,
    WebhookEvent,
};
use crate::config::StripeConfig;
use crate::domain::payment::{AttemptFact, RefundFact, failure_text};
use crate::domain::stripe_amount::{self, AmountProblem};
use crate::outbound::{Outbound, OutboundReply, OutboundRequest};

/// Name of the provider.
pub(crate) const NAME: &str = "stripe";
/// Version of the API of Stripe.
const VERSION: &str = "2024-06-20";
/// Time for which Stripe surely recognizes an idempotency key; it keeps keys for a day. A refund that is requested again
/// later is searched first.
const KEYS_KNOWN_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// The provider Stripe.
pub(crate) struct Stripe {
    config: StripeConfig,
    outbound: Arc<dyn Outbound>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Option<ErrorReason>,
}

#[derive(Deserialize)]
struct ErrorReason {
    message: Option<String>,
    code: Option<String>,
}

/// Fields of a form, in their sequence.
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

    /// The refund of an earlier request, if Stripe has it.
    async fn earlier_refund(&self, refund: &NewRefund) -> Result<Option<Refund>, ProviderError> {
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

    async fn cancel(&self, cx: &Cx, cancellation: &Cancellation<'_>) -> Result<AttemptFact, ProviderError> {
        let Cancellation { reference, state, tries } = *cancellation;
        let path = format!("payment_intents/{}/cancel", escape(reference));
        let key = format!("pulse-cancel-{reference}-{}-{tries}", state.word());
        match self.post(&path, &Vec::new(), &key).await {
            Ok(intent) => Ok(Self::charge(cx, &intent)?.fact),
            // Paid or cancelled before: the current state shows which.
            Err(ProviderError::Refused(_)) => Ok(self.retrieve(cx, reference).await?.fact),
            Err(error) => Err(error),
        }
    }

    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError> {
        let is_old = cx.now.since(refund.requested_at) > KEYS_KNOWN_FOR;
        let known = if is_old { self.earlier_refund(refund).await? } else { None };
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
        let recent = page.data.iter().filter(|intent| is_since(since, intent.created));
        Ok(Listed { facts: recent.filter_map(|intent| intent.status_fact(cx.now)).collect(), next })
    }

    async fn list_refunds(&self, _cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError> {
        let page: List<Refund> = self.get("refunds", &page_after(after)).await?;
        let next = next_page(&page, since, |refund| (refund.created, refund.id.as_str()));
        let recent = page.data.iter().filter(|refund| is_since(since, refund.created));
        Ok(Listed { facts: recent.filter_map(|refund| refund.fact(None)).collect(), next })
    }

    fn check_charge(&self, amount: Money) -> Result<(), AmountProblem> {
        stripe_amount::check_charge(amount)
    }

    fn read_webhook(&self, webhook: &Webhook<'_>, now: Timestamp) -> Result<WebhookEvent, WebhookError> {
        stripe_wire::read_webhook(self.config.webhook_secret.expose().as_bytes(), webhook, now)
    }
}

fn amount(money: Money) -> Result<i64, ProviderError> {
    stripe_amount::to_stripe(money).map_err(|problem| ProviderError::Refused(problem.to_string()))
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

/// Position of the next page. Lists are sorted newest first, so a page without recent entries is the last one to read.
fn next_page<T>(page: &List<T>, since: Timestamp, key: impl Fn(&T) -> (i64, &str)) -> Option<String> {
    let has_recent = page.data.iter().any(|entry| is_since(since, key(entry).0));
    let last = page.data.last().filter(|_| page.has_more && has_recent)?;
    Some(key(last).1.to_owned())
}

/// Characters that a URL must escape (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn encode(form: &Form<'_>) -> String {
    form.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// Reads an answer. A temporary failure must not become a refusal, because a refusal is final.
fn read<T: DeserializeOwned>(reply: &OutboundReply) -> Result<T, ProviderError> {
    match reply.status {
        200..=299 => serde_json::from_slice(&reply.body).map_err(|error| ProviderError::Unavailable(error.to_string())),
        400 | 402 | 404 => {
            let body: Option<ErrorBody> = serde_json::from_slice(&reply.body).ok();
            let reason = body.and_then(|body| body.error).and_then(|error| error.message.or(error.code));
            Err(ProviderError::Refused(failure_text(reason.as_deref().unwrap_or("The provider gave no reason."))))
        }
        status @ (401 | 403) => {
            tracing::error!(status, "Stripe rejects the secret key; check payment.stripe_secret_key");
            Err(ProviderError::Unavailable(format!("the secret key is rejected with status {status}")))
        }
        status => Err(ProviderError::Unavailable(format!("the provider answered with status {status}"))),
    }
}

fn unreadable(what: &str) -> ProviderError {
    ProviderError::Unavailable(format!("{what} in the answer of the provider cannot be read"))
}

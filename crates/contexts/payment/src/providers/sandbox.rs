//! The sandbox: a built-in provider that moves no money.
//!
//! It behaves like a real provider: it has its own tables, a payment page, and signed webhooks that may be late or
//! repeated. Each webhook is a durable timer, so a crash loses none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use pulse_contract::payment::v1::{WebhookHeader, errors};
use pulse_kernel::{Cx, Error, Money, Timestamp};
use pulse_store::{Commit, DueTimer, Store, Timer};
use serde_json::{Value, json};
use sha2::Sha256;

use super::stripe_wire::{self, ATTEMPT_ID, Intent, ORDER_ID, REFUND_ID, Refund};
use super::{
    Cancellation, Charge, Listed, NewCharge, NewRefund, PAGE_SIZE, Provider, ProviderError, Webhook, WebhookError,
    WebhookEvent,
};
use crate::domain::payment::{AttemptFact, AttemptId, RefundFact, RefundId};
use crate::domain::signature;
use crate::domain::stripe_amount::{self, AmountProblem};
use crate::store::sandbox::{self as rows, SandboxRefundRow, SandboxRow};
use crate::timers::{COMPLETE_PAYMENT, DELIVER_WEBHOOK, done_once};

/// Name of the provider.
pub(crate) const NAME: &str = "sandbox";
/// Duration of a delayed payment.
pub const DELAY: Duration = Duration::from_secs(10);

const WAITING: &str = "requires_payment_method";
const PROCESSING: &str = "processing";
const SUCCEEDED: &str = "succeeded";
const CANCELLED: &str = "canceled";
const DECLINED: &str = "Your card was declined.";

/// Action of a customer on the payment page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The payment succeeds.
    Pay,
    /// The payment is declined; the page stays open for another try.
    Decline,
    /// The payment succeeds after [`DELAY`].
    Delay,
    /// The payment succeeds; its webhooks are sent twice and in the wrong order.
    PayTwice,
}

/// Content of a payment page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayPage {
    /// ID of the order to pay.
    pub order_id: i64,
    /// Amount as text, for example `19.99 CNY`.
    pub amount: String,
    /// Whether the customer can pay now.
    pub is_waiting: bool,
    /// Whether the payment is being processed.
    pub is_processing: bool,
    /// Whether the payment succeeded.
    pub is_paid: bool,
    /// Reason of the last decline; empty for none.
    pub failure: String,
    /// URL to which the page links back; empty for none.
    pub return_url: String,
}

/// The sandbox provider. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    store: Store,
    /// Signs webhooks and makes the URLs of payment pages unguessable.
    secret: Arc<[u8; 32]>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    pub(crate) fn new(store: &Store, secret: [u8; 32]) -> Self {
        Self { store: store.clone(), secret: Arc::new(secret) }
    }

    /// Content of a payment page; `None` if the page does not exist.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn page(&self, token: &str) -> Result<Option<PayPage>, Error> {
        let row = rows::by_token(&self.store, token).await?;
        Ok(row.map(|row| PayPage {
            order_id: row.order.get(),
            amount: row.amount.to_string(),
            is_waiting: row.status == WAITING,
            is_processing: row.status == PROCESSING,
            is_paid: row.status == SUCCEEDED,
            failure: row.failure,
            return_url: row.return_url,
        }))
    }

    /// Executes the action of a customer. A payment that succeeded or was cancelled is not changed.
    ///
    /// # Errors
    /// `PAYMENT_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn choose(&self, token: &str, choice: Choice) -> Result<(), Error> {
        let cx = Cx::system("payment.sandbox", self.store.clock().now());
        self.store
            .attempt(&cx, || async {
                let row = rows::by_token(&self.store, token).await?;
                let row = row.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("the payment page does not exist"))?;
                if row.status == WAITING {
                    self.store.commit(&cx, self.chosen(&cx, row, choice)).await?;
                }
                Ok(())
            })
            .await
    }

    fn chosen(&self, cx: &Cx, row: SandboxRow, choice: Choice) -> Commit {
        match choice {
            Choice::Pay => self.succeed(cx, Commit::new(), row),
            Choice::Decline => {
                let row = SandboxRow { failure: DECLINED.to_owned(), ..row };
                let event = self.event(cx, "payment_intent.payment_failed", intent(&row));
                self.deliver(cx, rows::update(Commit::new(), &row), event)
            }
            Choice::Delay => {
                let row = SandboxRow { status: PROCESSING.to_owned(), failure: String::new(), ..row };
                let event = self.event(cx, "payment_intent.processing", intent(&row));
                let due_at = cx.now.plus(DELAY);
                let completion =
                    Timer { kind: COMPLETE_PAYMENT, key: row.attempt.get(), due_at, payload: Bytes::new() };
                self.deliver(cx, rows::update(Commit::new(), &row), event).timer(completion)
            }
            Choice::PayTwice => {
                let early = SandboxRow { status: PROCESSING.to_owned(), failure: String::new(), ..row.clone() };
                let early = self.event(cx, "payment_intent.processing", intent(&early));
                let row = SandboxRow { status: SUCCEEDED.to_owned(), failure: String::new(), ..row };
                let success = self.event(cx, "payment_intent.succeeded", intent(&row));
                let commit = rows::update(Commit::new(), &row);
                // The event of the success twice, then the event before it.
                let commit = self.deliver(cx, commit, success.clone());
                let commit = self.deliver(cx, commit, success);
                self.deliver(cx, commit, early)
            }
        }
    }

    fn succeed(&self, cx: &Cx, commit: Commit, row: SandboxRow) -> Commit {
        let row = SandboxRow { status: SUCCEEDED.to_owned(), failure: String::new(), ..row };
        let event = self.event(cx, "payment_intent.succeeded", intent(&row));
        self.deliver(cx, rows::update(commit, &row), event)
    }

    /// Completes a delayed payment.
    pub(crate) async fn complete_payment(&self, due: &DueTimer) -> Result<(), Error> {
        let cx = Cx::system("payment.sandbox", self.store.clock().now());
        self.store
            .attempt(&cx, || async {
                let row = rows::by_attempt(&self.store, AttemptId::new(due.key)).await?;
                let commit = Commit::new().fired(due);
                let commit = match row {
                    Some(row) if row.status == PROCESSING => self.succeed(&cx, commit, row),
                    Some(_) | None => commit,
                };
                done_once(self.store.commit(&cx, commit).await)
            })
            .await
    }

    /// An event in the format of Stripe.
    fn event(&self, cx: &Cx, kind: &str, object: Value) -> Bytes {
        let id = format!("evt_sandbox_{}", self.store.next_id(cx.now));
        let created = seconds(cx.now);
        json!({ "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object } })
            .to_string()
            .into()
    }

    /// Signature header of a webhook.
    pub(crate) fn signature(&self, payload: &[u8], now: Timestamp) -> WebhookHeader {
        let value = signature::sign(self.secret.as_slice(), payload, now);
        WebhookHeader { name: signature::HEADER.to_owned(), value }
    }

    /// Adds the delivery of an event.
    fn deliver(&self, cx: &Cx, commit: Commit, event: Bytes) -> Commit {
        let key = self.store.next_id(cx.now);
        commit.timer(Timer { kind: DELIVER_WEBHOOK, key, due_at: cx.now, payload: event })
    }

    /// Last part of the URL of a payment page, which cannot be guessed without the secret.
    fn token(&self, attempt: AttemptId) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()) else { return String::new() };
        mac.update(b"pay");
        mac.update(&attempt.get().to_be_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    fn charge(&self, cx: &Cx, row: &SandboxRow) -> Result<Charge, ProviderError> {
        let intent: Intent = read(intent(row))?;
        let fact = intent.status_fact(cx.now).ok_or_else(unreadable)?;
        Ok(Charge { fact, pay_url: format!("/pay/{}", row.token), client_secret: String::new() })
    }

    async fn by_reference(&self, reference: &str) -> Result<SandboxRow, ProviderError> {
        let attempt = reference.strip_prefix(PREFIX).and_then(|id| id.parse().ok()).map(AttemptId::new);
        let row = match attempt {
            Some(attempt) => rows::by_attempt(&self.store, attempt).await.map_err(Error::from)?,
            None => None,
        };
        row.ok_or_else(|| ProviderError::Refused("The payment does not exist.".to_owned()))
    }

    async fn open(&self, cx: &Cx, charge: &NewCharge) -> Result<SandboxRow, Error> {
        self.store
            .attempt(cx, || async {
                if let Some(known) = rows::by_attempt(&self.store, charge.attempt).await? {
                    return Ok(known);
                }
                let row = SandboxRow {
                    attempt: charge.attempt,
                    token: self.token(charge.attempt),
                    order: charge.order,
                    amount: charge.amount,
                    refunded_minor: 0,
                    status: WAITING.to_owned(),
                    failure: String::new(),
                    return_url: charge.return_url.clone(),
                    created_at: cx.now,
                    version: 1,
                };
                self.store.commit(cx, rows::insert(Commit::new(), &row)).await?;
                Ok(row)
            })
            .await
    }

    async fn store_refund(
        &self,
        cx: &Cx,
        request: &NewRefund,
        of: AttemptId,
    ) -> Result<Option<SandboxRefundRow>, Error> {
        self.store
            .attempt(cx, || async {
                if let Some(known) = rows::refund(&self.store, request.refund).await? {
                    return Ok(Some(known));
                }
                let Some(row) = rows::by_attempt(&self.store, of).await? else { return Ok(None) };
                let refunded_minor = row.refunded_minor.saturating_add(request.amount.minor);
                if row.status != SUCCEEDED || refunded_minor > row.amount.minor {
                    return Ok(None);
                }
                let refund = SandboxRefundRow {
                    refund: request.refund,
                    attempt: of,
                    amount: request.amount,
                    created_at: cx.now,
                };
                let commit = rows::update(Commit::new(), &SandboxRow { refunded_minor, ..row });
                let event = self.event(cx, "refund.updated", refund_object(&refund));
                self.store.commit(cx, self.deliver(cx, rows::insert_refund(commit, &refund), event)).await?;
                Ok(Some(refund))
            })
            .await
    }
}

#[async_trait]
impl Provider for Sandbox {
    async fn create(&self, cx: &Cx, charge: &NewCharge) -> Result<Charge, ProviderError> {
        let row = self.open(&own_cx(cx), charge).await?;
        self.charge(cx, &row)
    }

    async fn retrieve(&self, cx: &Cx, reference: &str) -> Result<Charge, ProviderError> {
        self.charge(cx, &self.by_reference(reference).await?)
    }

    async fn cancel(&self, cx: &Cx, cancellation: &Cancellation<'_>) -> Result<AttemptFact, ProviderError> {
        let of = self.by_reference(cancellation.reference).await?.attempt;
        let cx = own_cx(cx);
        let row = self
            .store
            .attempt(&cx, || async {
                let row = rows::by_attempt(&self.store, of).await?;
                let row = row.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("the payment does not exist"))?;
                if row.status != WAITING {
                    return Ok(row);
                }
                let row = SandboxRow { status: CANCELLED.to_owned(), ..row };
                let event = self.event(&cx, "payment_intent.canceled", intent(&row));
                self.store.commit(&cx, self.deliver(&cx, rows::update(Commit::new(), &row), event)).await?;
                Ok(row)
            })
            .await?;
        Ok(self.charge(&cx, &row)?.fact)
    }

    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError> {
        let of = self.by_reference(&refund.attempt_reference).await?.attempt;
        let row = self.store_refund(&own_cx(cx), refund, of).await?;
        let row =
            row.ok_or_else(|| ProviderError::Refused("The amount exceeds what is not refunded yet.".to_owned()))?;
        refund_fact(&row)
    }

    async fn list_charges(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<AttemptFact>, ProviderError> {
        let (after, count) = (AttemptId::new(position(after)), page_size());
        let page = rows::since(&self.store, since, after, count).await.map_err(Error::from)?;
        let next = page.last().filter(|_| page.len() == PAGE_SIZE).map(|row| row.attempt.get().to_string());
        let facts = page.iter().map(|row| Ok(self.charge(cx, row)?.fact)).collect::<Result<_, ProviderError>>()?;
        Ok(Listed { facts, next })
    }

    async fn list_refunds(&self, _cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError> {
        let (after, count) = (RefundId::new(position(after)), page_size());
        let page = rows::refunds_since(&self.store, since, after, count).await.map_err(Error::from)?;
        let next = page.last().filter(|_| page.len() == PAGE_SIZE).map(|row| row.refund.get().to_string());
        let facts = page.iter().map(refund_fact).collect::<Result<_, ProviderError>>()?;
        Ok(Listed { facts, next })
    }

    fn check_charge(&self, amount: Money) -> Result<(), AmountProblem> {
        stripe_amount::check_charge(amount)
    }

    fn read_webhook(&self, webhook: &Webhook<'_>, now: Timestamp) -> Result<WebhookEvent, WebhookError> {
        stripe_wire::read_webhook(self.secret.as_slice(), webhook, now)
    }
}

/// Context for the commits of the provider, without the idempotency key of the caller.
fn own_cx(cx: &Cx) -> Cx {
    cx.as_system("payment.sandbox")
}

/// Prefix of references; the ID of the attempt follows.
const PREFIX: &str = "pi_sandbox_";

fn reference(attempt: AttemptId) -> String {
    format!("{PREFIX}{}", attempt.get())
}

/// ID after which a page begins.
fn position(after: &str) -> i64 {
    after.parse().unwrap_or(0)
}

fn page_size() -> i64 {
    i64::try_from(PAGE_SIZE).unwrap_or(i64::MAX)
}

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

/// A payment in the format of Stripe.
fn intent(row: &SandboxRow) -> Value {
    let received = if row.status == SUCCEEDED { row.amount.minor } else { 0 };
    let error = (row.status == WAITING && !row.failure.is_empty())
        .then(|| json!({ "code": "card_declined", "message": row.failure }));
    json!({
        "id": reference(row.attempt),
        "object": "payment_intent",
        "amount": amount(row.amount),
        "amount_received": amount(Money::new(received, row.amount.currency)),
        "currency": row.amount.currency.code().to_ascii_lowercase(),
        "status": row.status,
        "created": seconds(row.created_at),
        "last_payment_error": error,
        "metadata": { ATTEMPT_ID: row.attempt.get().to_string(), ORDER_ID: row.order.get().to_string() },
    })
}

/// A refund in the format of Stripe.
fn refund_object(row: &SandboxRefundRow) -> Value {
    json!({
        "id": format!("re_sandbox_{}", row.refund.get()),
        "object": "refund",
        "amount": amount(row.amount),
        "currency": row.amount.currency.code().to_ascii_lowercase(),
        "status": SUCCEEDED,
        "created": seconds(row.created_at),
        "payment_intent": reference(row.attempt),
        "metadata": { REFUND_ID: row.refund.get().to_string() },
    })
}

fn amount(money: Money) -> i64 {
    stripe_amount::to_stripe(money).unwrap_or(i64::MAX)
}

fn refund_fact(row: &SandboxRefundRow) -> Result<RefundFact, ProviderError> {
    let refund: Refund = read(refund_object(row))?;
    refund.fact(None).ok_or_else(unreadable)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ProviderError> {
    serde_json::from_value(value).map_err(|error| ProviderError::Unavailable(error.to_string()))
}

fn unreadable() -> ProviderError {
    ProviderError::Unavailable("the sandbox cannot read its own object".to_owned())
}

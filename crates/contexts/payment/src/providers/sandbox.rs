//! The provider that is built in: it moves no money, and behaves as one that does.
//!
//! It keeps its own side in tables of its own, has a page where people pay, and tells by webhooks that are signed, late
//! and repeated as those of a real provider: each is a durable timer, so that a crash loses none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use pulse_contract::payment::v1::errors;
use pulse_kernel::{Cx, Error, Money, Timestamp};
use pulse_store::{Commit, DueTimer, Store, StoreError, Timer};
use serde_json::{Value, json};
use sha2::Sha256;

use super::events::{ATTEMPT_ID, Intent, ORDER_ID, REFUND_ID, Refund, amount_of};
use super::{Charge, Listed, NewCharge, NewRefund, PAGE_SIZE, Provider, ProviderError};
use crate::domain::payment::{AttemptFact, AttemptId, RefundFact};
use crate::store::sandbox::{self as rows, SandboxRefundRow, SandboxRow};

/// What the provider is called.
pub(crate) const NAME: &str = "sandbox";
/// The timer that delivers a webhook.
pub(crate) const DELIVER: &str = "payment.sandbox_deliver";
/// The timer that lets a payment succeed that takes its time.
pub(crate) const SETTLE: &str = "payment.sandbox_settle";
/// How long a payment takes that takes its time.
pub const DELAY: Duration = Duration::from_secs(10);

const WAITING: &str = "requires_payment_method";
const PROCESSING: &str = "processing";
const SUCCEEDED: &str = "succeeded";
const CANCELLED: &str = "canceled";
const DECLINED: &str = "Your card was declined.";

/// What somebody does on the page of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Pays.
    Pay,
    /// Lets the payment be declined; the page stays open for another try.
    Decline,
    /// Pays in a way that takes [`DELAY`].
    Delay,
    /// Pays, and the webhooks come twice and in the wrong order.
    PayTwice,
}

/// What the page of a payment shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayPage {
    /// For which order.
    pub order_id: i64,
    /// How much, for people: `19.99 CNY`.
    pub amount: String,
    /// Whether somebody can pay now.
    pub is_waiting: bool,
    /// Whether it is on its way.
    pub is_processing: bool,
    /// Whether it is paid.
    pub is_paid: bool,
    /// Why it was declined last; empty when it was not.
    pub failure: String,
    /// Where to go from there; empty for nowhere.
    pub return_url: String,
}

/// The provider that is built in. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    store: Store,
    /// Signs webhooks, and makes the addresses of pages unguessable.
    secret: Arc<[u8; 32]>,
    /// What comes before `/pay/`; empty for the address of the caller.
    public_url: Arc<str>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Sandbox {
    pub(crate) fn new(store: &Store, secret: [u8; 32], public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').into();
        Self { store: store.clone(), secret: Arc::new(secret), public_url }
    }

    /// The page of a payment; none when there is no such page.
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

    /// Does what somebody chose on the page. What is paid or given up stays what it is.
    ///
    /// # Errors
    /// `PAYMENT_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn choose(&self, token: &str, choice: Choice) -> Result<(), Error> {
        let cx = Cx::system("payment.sandbox", self.store.clock().now());
        self.store
            .attempt(&cx, || async {
                let row = rows::by_token(&self.store, token).await?;
                let row = row.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("there is no such page"))?;
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
                self.tell(cx, rows::update(Commit::new(), &row), event)
            }
            Choice::Delay => {
                let row = SandboxRow { status: PROCESSING.to_owned(), failure: String::new(), ..row };
                let event = self.event(cx, "payment_intent.processing", intent(&row));
                let due_at = cx.now.plus(DELAY);
                let settle = Timer { kind: SETTLE, key: row.attempt.get(), due_at, payload: Bytes::new() };
                self.tell(cx, rows::update(Commit::new(), &row), event).timer(settle)
            }
            Choice::PayTwice => {
                let early = SandboxRow { status: PROCESSING.to_owned(), failure: String::new(), ..row.clone() };
                let early = self.event(cx, "payment_intent.processing", intent(&early));
                let row = SandboxRow { status: SUCCEEDED.to_owned(), failure: String::new(), ..row };
                let success = self.event(cx, "payment_intent.succeeded", intent(&row));
                let commit = rows::update(Commit::new(), &row);
                // The same event twice, and what was before it last.
                let commit = self.tell(cx, commit, success.clone());
                let commit = self.tell(cx, commit, success);
                self.tell(cx, commit, early)
            }
        }
    }

    fn succeed(&self, cx: &Cx, commit: Commit, row: SandboxRow) -> Commit {
        let row = SandboxRow { status: SUCCEEDED.to_owned(), failure: String::new(), ..row };
        let event = self.event(cx, "payment_intent.succeeded", intent(&row));
        self.tell(cx, rows::update(commit, &row), event)
    }

    /// Lets a payment succeed that took its time.
    pub(crate) async fn settle(&self, due: &DueTimer) -> Result<(), Error> {
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

    /// An event in Stripe's shape.
    fn event(&self, cx: &Cx, kind: &str, object: Value) -> Bytes {
        let id = format!("evt_sandbox_{}", self.store.next_id(cx.now));
        let created = seconds(cx.now);
        json!({ "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object } })
            .to_string()
            .into()
    }

    /// Adds the delivery of an event.
    fn tell(&self, cx: &Cx, commit: Commit, event: Bytes) -> Commit {
        let key = self.store.next_id(cx.now);
        commit.timer(Timer { kind: DELIVER, key, due_at: cx.now, payload: event })
    }

    /// What the address of a page ends with: nobody can guess it who does not know the secret.
    fn token(&self, attempt: AttemptId) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()) else { return String::new() };
        mac.update(b"pay");
        mac.update(&attempt.get().to_be_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    fn charge(&self, cx: &Cx, row: &SandboxRow) -> Result<Charge, ProviderError> {
        let said: Intent = read(intent(row))?;
        let fact = said.status_fact(cx.now).ok_or_else(unreadable)?;
        Ok(Charge { fact, pay_url: format!("{}/pay/{}", self.public_url, row.token), client_secret: String::new() })
    }

    async fn known(&self, reference: &str) -> Result<SandboxRow, ProviderError> {
        let attempt = reference.strip_prefix(PREFIX).and_then(|id| id.parse().ok()).map(AttemptId::new);
        let row = match attempt {
            Some(attempt) => rows::by_attempt(&self.store, attempt).await.map_err(Error::from)?,
            None => None,
        };
        row.ok_or_else(|| ProviderError::Refused("No such payment_intent.".to_owned()))
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

    async fn pay_back(&self, cx: &Cx, asked: &NewRefund, of: AttemptId) -> Result<Option<SandboxRefundRow>, Error> {
        self.store
            .attempt(cx, || async {
                if let Some(known) = rows::refund(&self.store, asked.refund).await? {
                    return Ok(Some(known));
                }
                let Some(row) = rows::by_attempt(&self.store, of).await? else { return Ok(None) };
                let refunded_minor = row.refunded_minor.saturating_add(asked.amount.minor);
                if row.status != SUCCEEDED || refunded_minor > row.amount.minor {
                    return Ok(None);
                }
                let refund =
                    SandboxRefundRow { refund: asked.refund, attempt: of, amount: asked.amount, created_at: cx.now };
                let commit = rows::update(Commit::new(), &SandboxRow { refunded_minor, ..row });
                let event = self.event(cx, "refund.updated", refund_object(&refund));
                self.store.commit(cx, self.tell(cx, rows::insert_refund(commit, &refund), event)).await?;
                Ok(Some(refund))
            })
            .await
    }
}

#[async_trait]
impl Provider for Sandbox {
    async fn create(&self, cx: &Cx, charge: &NewCharge) -> Result<Charge, ProviderError> {
        let row = self.open(&on_its_own(cx), charge).await?;
        self.charge(cx, &row)
    }

    async fn retrieve(&self, cx: &Cx, reference: &str) -> Result<Charge, ProviderError> {
        self.charge(cx, &self.known(reference).await?)
    }

    async fn cancel(&self, cx: &Cx, reference: &str) -> Result<AttemptFact, ProviderError> {
        let of = self.known(reference).await?.attempt;
        let cx = on_its_own(cx);
        let row = self
            .store
            .attempt(&cx, || async {
                let row = rows::by_attempt(&self.store, of).await?;
                let row = row.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("it is gone"))?;
                if row.status != WAITING {
                    return Ok(row);
                }
                let row = SandboxRow { status: CANCELLED.to_owned(), ..row };
                let event = self.event(&cx, "payment_intent.canceled", intent(&row));
                self.store.commit(&cx, self.tell(&cx, rows::update(Commit::new(), &row), event)).await?;
                Ok(row)
            })
            .await?;
        Ok(self.charge(&cx, &row)?.fact)
    }

    async fn refund(&self, cx: &Cx, refund: &NewRefund) -> Result<RefundFact, ProviderError> {
        let of = self.known(&refund.attempt_reference).await?.attempt;
        let row = self.pay_back(&on_its_own(cx), refund, of).await?;
        let row = row.ok_or_else(|| ProviderError::Refused("There is not so much left to pay back.".to_owned()))?;
        refund_fact(&row)
    }

    async fn list_charges(&self, cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<AttemptFact>, ProviderError> {
        let (after, count) = cursor(after);
        let page = rows::since(&self.store, since, after, count).await.map_err(Error::from)?;
        let next = page.last().filter(|_| page.len() == PAGE_SIZE).map(|row| row.attempt.get().to_string());
        let facts = page.iter().map(|row| Ok(self.charge(cx, row)?.fact)).collect::<Result<_, ProviderError>>()?;
        Ok(Listed { facts, next })
    }

    async fn list_refunds(&self, _cx: &Cx, since: Timestamp, after: &str) -> Result<Listed<RefundFact>, ProviderError> {
        let (after, count) = cursor(after);
        let page = rows::refunds_since(&self.store, since, after, count).await.map_err(Error::from)?;
        let next = page.last().filter(|_| page.len() == PAGE_SIZE).map(|row| row.refund.get().to_string());
        let facts = page.iter().map(refund_fact).collect::<Result<_, ProviderError>>()?;
        Ok(Listed { facts, next })
    }

    fn webhook_secret(&self) -> &[u8] {
        self.secret.as_slice()
    }
}

/// The provider's side commits for itself: the caller's idempotency key is about the caller's own commit.
fn on_its_own(cx: &Cx) -> Cx {
    cx.as_system("payment.sandbox")
}

/// What references begin with; the id of the attempt follows.
const PREFIX: &str = "pi_sandbox_";

fn reference(attempt: AttemptId) -> String {
    format!("{PREFIX}{}", attempt.get())
}

fn cursor(after: &str) -> (i64, i64) {
    (after.parse().unwrap_or(0), i64::try_from(PAGE_SIZE).unwrap_or(i64::MAX))
}

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

/// A payment in Stripe's shape.
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

/// A refund in Stripe's shape.
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
    amount_of(money).unwrap_or(i64::MAX)
}

fn refund_fact(row: &SandboxRefundRow) -> Result<RefundFact, ProviderError> {
    let said: Refund = read(refund_object(row))?;
    said.fact(None).ok_or_else(unreadable)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ProviderError> {
    serde_json::from_value(value).map_err(|error| ProviderError::Unavailable(error.to_string()))
}

fn unreadable() -> ProviderError {
    ProviderError::Unavailable("the sandbox cannot read what it wrote".to_owned())
}

/// A timer that fired before has nothing left to do.
pub(crate) fn done_once(outcome: Result<(), StoreError>) -> Result<(), Error> {
    match outcome {
        Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! Receives webhook events of providers: each one once, in one commit with everything that follows from it (T5).

use pulse_contract::errors as common;
use pulse_contract::payment::v1::{ReceiveWebhookRequest, ReceiveWebhookResponse, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::apply_provider_facts::{commit_change, merge_facts};
use crate::domain::payment::{Fact, Payment, PaymentId};
use crate::domain::signature::{SignatureError, TOLERANCE};
use crate::providers::{Webhook, WebhookError, WebhookEvent};
use crate::store::payments;
use crate::store::webhooks::{self, WebhookRow};

/// Outcome of an event that concerns no payment of this system.
const NOT_OURS: &str = "not ours";
/// Outcome of an event whose type has no effect.
const IGNORED: &str = "ignored";

pub(crate) async fn receive_webhook(
    app: &App,
    cx: &Cx,
    request: ReceiveWebhookRequest,
) -> Result<ReceiveWebhookResponse, Error> {
    let (provider, port) = app.providers.named(&request.provider)?;
    let webhook = Webhook { headers: &request.headers, payload: &request.payload };
    let event = port.read_webhook(&webhook, cx.now).map_err(|error| refusal(&error))?;
    let received = Received { provider, payload: &request.payload, event };
    app.store().attempt(cx, || store_event(app, cx, &received)).await
}

fn refusal(error: &WebhookError) -> Error {
    match error {
        WebhookError::Signature(SignatureError::Malformed) => errors::PAYMENT_SIGNATURE_INVALID
            .error("the signature header is missing or contains no time or no signature"),
        WebhookError::Signature(SignatureError::Mismatch) => {
            errors::PAYMENT_SIGNATURE_INVALID.error("no signature matches the body")
        }
        WebhookError::Signature(SignatureError::OutOfTime) => errors::PAYMENT_SIGNATURE_INVALID
            .error(format!("the signature must be at most {} s old and not from the future", TOLERANCE.as_secs())),
        WebhookError::Unreadable => common::VALIDATION_FAILED.error("payload must be an event of the provider"),
    }
}

/// A verified event.
struct Received<'a> {
    provider: &'static str,
    payload: &'a [u8],
    event: WebhookEvent,
}

async fn store_event(app: &App, cx: &Cx, received: &Received<'_>) -> Result<ReceiveWebhookResponse, Error> {
    let (store, provider, event) = (app.store(), received.provider, &received.event);
    if webhooks::is_known(store, provider, &event.id).await? {
        let answer = ReceiveWebhookResponse { is_duplicate: true };
        store.commit(cx, Commit::new().answer(cx, &answer)).await?;
        return Ok(answer);
    }
    let mut outcome = if event.facts.is_empty() { IGNORED.to_owned() } else { NOT_OURS.to_owned() };
    let mut commit = Commit::new();
    if let Some(before) = payment_of(app, provider, &event.facts).await? {
        let mut after = before.clone();
        outcome = merge_facts(app, cx, &mut after, provider, &event.facts);
        commit = commit_change(app, cx, commit, &before, after).0;
    }
    let row = WebhookRow {
        provider,
        event: &event.id,
        kind: &event.kind,
        outcome: &outcome,
        payload: received.payload,
        received_at: cx.now,
    };
    let answer = ReceiveWebhookResponse { is_duplicate: false };
    store.commit(cx, webhooks::insert(commit, &row).answer(cx, &answer)).await?;
    Ok(answer)
}

/// The payment that the facts concern. All facts of an event concern one payment.
async fn payment_of(app: &App, provider: &str, facts: &[Fact]) -> Result<Option<Payment>, Error> {
    let Some(fact) = facts.first() else { return Ok(None) };
    match id_of(app, provider, fact).await? {
        Some(id) => Ok(payments::by_id(app.store(), id).await?),
        None => Ok(None),
    }
}

/// The payment that a fact concerns: found by the provider's ID of the attempt, or by ours while that one is not stored.
pub(super) async fn id_of(app: &App, provider: &str, fact: &Fact) -> Result<Option<PaymentId>, Error> {
    let store = app.store();
    let reference = match fact {
        Fact::Attempt(fact) => &fact.reference,
        Fact::Refund(fact) => &fact.attempt_reference,
        Fact::Dispute(fact) => &fact.attempt_reference,
    };
    if let Some(id) = payments::id_by_reference(store, provider, reference).await? {
        return Ok(Some(id));
    }
    match fact {
        Fact::Attempt(fact) => match fact.attempt {
            Some(attempt) => Ok(payments::id_by_attempt(store, provider, attempt).await?),
            None => Ok(None),
        },
        Fact::Refund(_) | Fact::Dispute(_) => Ok(None),
    }
}

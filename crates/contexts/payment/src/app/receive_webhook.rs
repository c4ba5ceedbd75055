//! Takes in what a provider tells: once per event, in one commit with everything that follows from it (T5).

use pulse_contract::errors as common;
use pulse_contract::payment::v1::{ReceiveWebhookRequest, ReceiveWebhookResponse, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::conclude::{conclude, hear};
use crate::domain::payment::{Fact, PaymentId};
use crate::domain::signature::{self, Refused};
use crate::providers::events::{self, Notice};
use crate::providers::sandbox::{self, done_once};
use crate::store::payments;
use crate::store::webhooks::{self, WebhookRow};

/// What is noted of an event that is about nothing of ours.
const NOT_OURS: &str = "not ours";
/// What is noted of an event from which nothing follows by its type.
const PASSED_OVER: &str = "passed over";

pub(crate) async fn receive_webhook(
    app: &App,
    cx: &Cx,
    request: ReceiveWebhookRequest,
) -> Result<ReceiveWebhookResponse, Error> {
    let (name, provider) = app.providers.named(&request.provider)?;
    signature::verify(provider.webhook_secret(), &request.payload, &request.signature, cx.now).map_err(refused)?;
    let notice = events::read(&request.payload)
        .ok_or_else(|| common::VALIDATION_FAILED.error("the body is signed, and not an event of the provider"))?;
    app.store().attempt(cx, || take_in(app, cx, (name, &request.payload), &notice)).await
}

fn refused(why: Refused) -> Error {
    errors::PAYMENT_SIGNATURE_INVALID.error(match why {
        Refused::Malformed => "the header has no time and no signature",
        Refused::Mismatch => "no signature fits the body",
        Refused::OutOfTime => "the signature is too old, or from the future",
    })
}

async fn take_in(
    app: &App,
    cx: &Cx,
    (provider, payload): (&str, &[u8]),
    notice: &Notice,
) -> Result<ReceiveWebhookResponse, Error> {
    let store = app.store();
    if webhooks::is_known(store, provider, &notice.event).await? {
        let answer = ReceiveWebhookResponse { is_duplicate: true };
        store.commit(cx, Commit::new().answer(cx, &answer)).await?;
        return Ok(answer);
    }
    let mut outcome = if notice.facts.is_empty() { PASSED_OVER.to_owned() } else { NOT_OURS.to_owned() };
    let mut commit = Commit::new();
    if let Some(before) = payment_of(app, provider, &notice.facts).await? {
        let mut after = before.clone();
        outcome = hear(app, cx, &mut after, provider, &notice.facts);
        commit = conclude(app, cx, commit, (&before, after)).0;
    }
    let (event, kind, outcome, received_at) = (notice.event.as_str(), notice.kind.as_str(), outcome.as_str(), cx.now);
    let row = WebhookRow { provider, event, kind, outcome, payload, received_at };
    let answer = ReceiveWebhookResponse { is_duplicate: false };
    store.commit(cx, webhooks::insert(commit, &row).answer(cx, &answer)).await?;
    Ok(answer)
}

/// The payment that the facts are about: all facts of an event are about one.
async fn payment_of(
    app: &App,
    provider: &str,
    facts: &[Fact],
) -> Result<Option<crate::domain::payment::Payment>, Error> {
    let Some(fact) = facts.first() else { return Ok(None) };
    match id_of(app, provider, fact).await? {
        Some(id) => Ok(payments::by_id(app.store(), id).await?),
        None => Ok(None),
    }
}

/// The payment that a fact is about: by the provider's name for it, and by ours while that was not written down.
pub(super) async fn id_of(app: &App, provider: &str, fact: &Fact) -> Result<Option<PaymentId>, Error> {
    let store = app.store();
    let reference = match fact {
        Fact::Attempt(fact) => &fact.reference,
        Fact::Refund(fact) => &fact.attempt_reference,
    };
    if let Some(id) = payments::id_by_reference(store, provider, reference).await? {
        return Ok(Some(id));
    }
    match fact {
        Fact::Attempt(fact) => match fact.attempt {
            Some(attempt) => Ok(payments::id_by_attempt(store, provider, attempt).await?),
            None => Ok(None),
        },
        Fact::Refund(_) => Ok(None),
    }
}

/// Brings a webhook of the sandbox, as often as it takes until it is accepted.
pub(crate) async fn deliver_from_sandbox(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system("payment.sandbox", app.store().clock().now());
    let (_, provider) = app.providers.named(sandbox::NAME)?;
    let request = ReceiveWebhookRequest {
        provider: sandbox::NAME.to_owned(),
        signature: signature::sign(provider.webhook_secret(), &due.payload, cx.now),
        payload: due.payload.clone(),
    };
    receive_webhook(app, &cx, request).await?;
    done_once(app.store().commit(&cx, Commit::new().fired(due)).await)
}

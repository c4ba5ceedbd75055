//! Cancels obsolete attempts at their providers: those of an order that is paid or cancelled.
//!
//! An attempt that is not ended by the request is requested again after increasing pauses, or when its state changes. The
//! number of requests is limited; then operators are alerted.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::apply_provider_facts::{commit_change, merge_facts};
use crate::domain::payment::{Attempt, AttemptFact, AttemptId, CANCEL_TRIES_MAX, Fact, Payment, PaymentId};
use crate::metrics;
use crate::providers::{Cancellation, ProviderError};
use crate::store::payments;
use crate::timers::{CANCEL_ATTEMPTS, done_once};

/// Outcome of a request to cancel an attempt.
struct Report {
    attempt: AttemptId,
    provider: String,
    /// Report of the provider; `None` if it refused the request or did not answer.
    fact: Option<AttemptFact>,
}

pub(crate) async fn cancel_attempts(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system(CANCEL_ATTEMPTS, app.store().clock().now());
    let mut reports = Vec::new();
    if let Some(payment) = payments::by_id(app.store(), PaymentId::new(due.key)).await? {
        for attempt in payment.obsolete_attempts().filter(|attempt| attempt.is_cancellable()) {
            reports.extend(cancel(app, &cx, attempt).await?);
        }
    }
    app.store().attempt(&cx, || store_reports(app, &cx, due, &reports)).await
}

/// Cancels one attempt. An attempt that the provider has not confirmed cannot be paid; if the provider confirms it later,
/// it is cancelled then.
async fn cancel(app: &App, cx: &Cx, attempt: &Attempt) -> Result<Option<Report>, Error> {
    let Some(reference) = &attempt.reference else { return Ok(None) };
    let (_, port) = app.providers.named(&attempt.provider)?;
    let cancellation = Cancellation { reference, state: attempt.state, tries: attempt.cancel_tries };
    let fact = match port.cancel(cx, &cancellation).await {
        Ok(fact) => Some(fact),
        // The attempt stays open. If it is paid later, the order refunds the payment.
        Err(ProviderError::Refused(reason) | ProviderError::Unavailable(reason)) => {
            tracing::warn!(
                attempt.id = attempt.id.get(),
                provider = attempt.provider,
                reason,
                "provider did not cancel an obsolete attempt; the request is repeated later"
            );
            None
        }
    };
    Ok(Some(Report { attempt: attempt.id, provider: attempt.provider.clone(), fact }))
}

async fn store_reports(app: &App, cx: &Cx, due: &DueTimer, reports: &[Report]) -> Result<(), Error> {
    let mut commit = Commit::new().fired(due);
    if let Some(before) = payments::by_id(app.store(), PaymentId::new(due.key)).await? {
        let mut after = before.clone();
        for Report { provider, fact, .. } in reports {
            if let Some(fact) = fact {
                merge_facts(app, cx, &mut after, provider, &[Fact::Attempt(fact.clone())]);
            }
        }
        let requested: Vec<AttemptId> = reports.iter().map(|report| report.attempt).collect();
        after.count_cancel_tries(&before, &requested);
        commit = alert_abandoned(commit, &before, &after);
        commit = commit_change(app, cx, commit, &before, after).0;
    }
    done_once(app.store().commit(cx, commit).await)
}

/// Alerts operators about attempts for which this was the last request.
fn alert_abandoned(mut commit: Commit, before: &Payment, after: &Payment) -> Commit {
    for attempt in after.attempts.iter().filter(|attempt| attempt.cancel_tries >= CANCEL_TRIES_MAX) {
        if before.attempt(attempt.id).is_some_and(|known| known.cancel_tries < CANCEL_TRIES_MAX) {
            tracing::error!(
                payment.id = after.intent.id.get(),
                order.id = after.intent.order.get(),
                attempt.id = attempt.id.get(),
                provider = attempt.provider,
                tries = attempt.cancel_tries,
                "obsolete attempt cannot be cancelled; cancel it on the pages of the provider"
            );
            commit = commit.count(metrics::cancel_abandoned());
        }
    }
    commit
}

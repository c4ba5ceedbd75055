//! Cancels obsolete attempts at their providers: those of an order that is paid or cancelled.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::apply_provider_facts::{commit_change, merge_facts};
use crate::domain::payment::{Attempt, AttemptFact, Fact, PaymentId};
use crate::providers::ProviderError;
use crate::store::payments;
use crate::timers::{CANCEL_ATTEMPTS, done_once};

/// Report of a provider about a cancelled attempt.
struct Report {
    provider: String,
    fact: AttemptFact,
}

pub(crate) async fn cancel_attempts(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system(CANCEL_ATTEMPTS, app.store().clock().now());
    let mut reports = Vec::new();
    if let Some(payment) = payments::by_id(app.store(), PaymentId::new(due.key)).await? {
        for attempt in payment.obsolete_attempts() {
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
    match port.cancel(cx, reference).await {
        Ok(fact) => Ok(Some(Report { provider: attempt.provider.clone(), fact })),
        // The attempt stays open. If it is paid later, the order refunds the payment.
        Err(ProviderError::Refused(reason)) => {
            tracing::warn!(
                attempt.id = attempt.id.get(),
                provider = attempt.provider,
                reason,
                "provider refused to cancel an obsolete attempt; the attempt stays open"
            );
            Ok(None)
        }
        Err(error) => Err(error.into_error()),
    }
}

async fn store_reports(app: &App, cx: &Cx, due: &DueTimer, reports: &[Report]) -> Result<(), Error> {
    let mut commit = Commit::new().fired(due);
    if let Some(before) = payments::by_id(app.store(), PaymentId::new(due.key)).await? {
        let mut after = before.clone();
        for Report { provider, fact } in reports {
            merge_facts(app, cx, &mut after, provider, &[Fact::Attempt(fact.clone())]);
        }
        commit = commit_change(app, cx, commit, &before, after).0;
    }
    done_once(app.store().commit(cx, commit).await)
}

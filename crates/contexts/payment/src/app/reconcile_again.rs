//! Compares with every provider again and again, and repairs what differs: a webhook that never came is made up for
//! without anybody asking (T5).
//!
//! A run reads a bounded number of pages; where it stopped is in the timer of the next one. The timer is there once, and
//! one node fires it.

use std::time::Duration;

use pulse_contract::payment::v1::errors;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Timer};
use serde::{Deserialize, Serialize};

use super::App;
use super::reconcile::Comparison;
use crate::providers::sandbox::done_once;

/// The timer of the next run; there is one.
pub(crate) const RECONCILE: &str = "payment.reconcile";
/// How many pages of a provider's lists one run reads.
const PAGES: usize = 10;
/// When a process that starts begins.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// When to go on with what one run could not finish.
const GO_ON_AFTER: Duration = Duration::from_secs(1);
/// How far back it looks at least; further when it comes seldom.
const LOOK_BACK: Duration = Duration::from_secs(86_400);
/// How many references of what could not be repaired a line of the log names.
const NAMED_MAX: usize = 5;

/// Where to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    provider: String,
    since_ms: i64,
    /// Whether the attempts are through.
    is_refunds: bool,
    /// Where the last page ended.
    after: String,
}

/// What starts the comparing, or ends it.
pub(crate) fn first_reconciliation(commit: Commit, every: Duration, now: Timestamp) -> Commit {
    if every.is_zero() {
        return commit.cancel_timer(RECONCILE, 0);
    }
    commit.timer(next(now.plus(FIRST_AFTER.min(every)), None))
}

fn next(due_at: Timestamp, place: Option<&Place>) -> Timer {
    let payload = place.and_then(|place| serde_json::to_vec(place).ok()).unwrap_or_default();
    Timer { kind: RECONCILE, key: 0, due_at, payload: payload.into() }
}

pub(crate) async fn reconcile_again(app: &App, due: &DueTimer) -> Result<(), Error> {
    let (every, now) = (app.deps.config.reconcile_every, app.store().clock().now());
    let cx = Cx::system(RECONCILE, now);
    // What cannot be read is what nobody has written: a new round begins.
    let place: Option<Place> = serde_json::from_slice(&due.payload).ok();
    let begin = |provider: &str| Place {
        provider: provider.to_owned(),
        since_ms: now.minus(LOOK_BACK.max(every.saturating_mul(2))).as_millis(),
        is_refunds: false,
        after: String::new(),
    };
    let place = place.or_else(|| app.providers.after("").map(begin));
    let rest = match &place {
        Some(place) => match step(app, &cx, place.clone()).await? {
            Some(rest) => Some(rest),
            None => app.providers.after(&place.provider).map(begin),
        },
        None => None,
    };
    let due_at = now.plus(if rest.is_some() { GO_ON_AFTER } else { every });
    let commit = Commit::new().fired(due);
    let commit = if every.is_zero() { commit } else { commit.timer(next(due_at, rest.as_ref())) };
    done_once(app.store().commit(&cx, commit).await)
}

/// One run; says where to go on with this provider, if anywhere. A provider that does not answer is asked in the next
/// round: the others must not wait for it.
async fn step(app: &App, cx: &Cx, place: Place) -> Result<Option<Place>, Error> {
    // It may have been taken out of the configuration meanwhile.
    let Ok((provider, port)) = app.providers.named(&place.provider) else { return Ok(None) };
    let mut comparison = Comparison::of(app, cx, provider, true);
    let rest = compare(&mut comparison, port.as_ref(), place).await;
    report(provider, &comparison);
    match rest {
        Ok(rest) => Ok(rest),
        Err(error) if is_of_provider(&error) => {
            metrics::counter!("pulse_payment_reconciliations_failed_total", "provider" => provider).increment(1);
            tracing::warn!(provider, error = error.report(), "payments could not be compared with a provider's");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn compare(
    comparison: &mut Comparison<'_>,
    port: &dyn crate::providers::Provider,
    place: Place,
) -> Result<Option<Place>, Error> {
    let (since, mut pages) = (Timestamp::from_millis(place.since_ms), PAGES);
    let mut refunds_after = place.after.clone();
    if !place.is_refunds {
        // Only a run that has seen the whole list knows what is missing in it.
        let is_from_start = place.after.is_empty();
        if let Some(after) = comparison.charges(port, since, place.after.clone(), &mut pages).await? {
            return Ok(Some(Place { after, ..place }));
        }
        if is_from_start {
            comparison.look_for_unlisted(since).await?;
        }
        refunds_after = String::new();
    }
    let rest = comparison.refunds(port, since, refunds_after, &mut pages).await?;
    Ok(rest.map(|after| Place { is_refunds: true, after, ..place }))
}

fn is_of_provider(error: &Error) -> bool {
    [&errors::PAYMENT_PROVIDER_UNAVAILABLE, &errors::PAYMENT_PROVIDER_REFUSED]
        .iter()
        .any(|spec| spec.code == error.code())
}

fn report(provider: &'static str, comparison: &Comparison<'_>) {
    let differences = &comparison.said.differences;
    let open: Vec<&str> = differences
        .iter()
        .filter(|difference| !difference.is_repaired)
        .map(|difference| difference.provider_reference.as_str())
        .collect();
    let repaired = differences.len() - open.len();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let compared = u64::try_from(comparison.said.attempt_count).unwrap_or_default();
    metrics::counter!("pulse_payment_attempts_compared_total", "provider" => provider).increment(compared);
    metrics::counter!("pulse_payment_differences_repaired_total", "provider" => provider).increment(count(repaired));
    metrics::counter!("pulse_payment_differences_open_total", "provider" => provider).increment(count(open.len()));
    if !differences.is_empty() {
        let named = open.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(" ");
        let open = open.len();
        tracing::warn!(provider, compared, repaired, open, named, "a provider knew payments otherwise than we did");
    }
}

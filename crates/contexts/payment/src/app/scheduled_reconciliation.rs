//! Compares payments with every provider at regular intervals and repairs differences, so that a lost webhook is made up
//! for automatically (T5).
//!
//! A step reads a bounded number of pages; the timer of the next step contains the position. There is one timer, which one
//! node fires.

use std::time::Duration;

use pulse_contract::payment::v1::errors;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Timer};
use serde::{Deserialize, Serialize};

use super::App;
use super::reconcile::Comparison;
use crate::metrics;
use crate::providers::Provider;
use crate::timers::{RECONCILE, done_once};

/// Maximum number of pages that one step reads.
const PAGES: usize = 10;
/// Time between the start of a process and its first step.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// Time between two steps of one round.
const STEP_PAUSE: Duration = Duration::from_secs(1);
/// Minimum of the compared period, which is twice the interval of the rounds.
const PERIOD_MIN: Duration = Duration::from_secs(86_400);
/// Maximum number of unrepaired differences that a log line names.
const NAMED_MAX: usize = 5;

/// Position in a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    provider: String,
    since_ms: i64,
    /// Whether all attempts are compared.
    is_refunds: bool,
    /// Position of the next page; empty for the first one.
    after: String,
}

/// Adds the timer of the first step, or cancels it if reconciliation is off.
pub(crate) fn first_reconciliation(commit: Commit, every: Duration, now: Timestamp) -> Commit {
    if every.is_zero() {
        return commit.cancel_timer(RECONCILE, 0);
    }
    commit.timer(next(now.plus(FIRST_AFTER.min(every)), None))
}

fn next(due_at: Timestamp, position: Option<&Position>) -> Timer {
    let payload = position.and_then(|position| serde_json::to_vec(position).ok()).unwrap_or_default();
    Timer { kind: RECONCILE, key: 0, due_at, payload: payload.into() }
}

pub(crate) async fn scheduled_reconciliation(app: &App, due: &DueTimer) -> Result<(), Error> {
    let (every, now) = (app.deps.config.reconcile_every, app.store().clock().now());
    let cx = Cx::system(RECONCILE, now);
    // Without a readable position, a new round begins.
    let position: Option<Position> = serde_json::from_slice(&due.payload).ok();
    let begin = |provider: &str| Position {
        provider: provider.to_owned(),
        since_ms: now.minus(PERIOD_MIN.max(every.saturating_mul(2))).as_millis(),
        is_refunds: false,
        after: String::new(),
    };
    let position = position.or_else(|| app.providers.after("").map(begin));
    let rest = match &position {
        Some(position) => match step(app, &cx, position.clone()).await? {
            Some(rest) => Some(rest),
            None => app.providers.after(&position.provider).map(begin),
        },
        None => None,
    };
    let due_at = now.plus(if rest.is_some() { STEP_PAUSE } else { every });
    let commit = Commit::new().fired(due);
    let commit = if every.is_zero() { commit } else { commit.timer(next(due_at, rest.as_ref())) };
    done_once(app.store().commit(&cx, commit).await)
}

/// One step. Returns the next position at this provider, if there is one. A provider that does not answer is compared in
/// the next round, so that the others do not wait for it.
async fn step(app: &App, cx: &Cx, position: Position) -> Result<Option<Position>, Error> {
    // The provider may have been removed from the configuration since.
    let Ok((provider, port)) = app.providers.named(&position.provider) else { return Ok(None) };
    let mut comparison = Comparison::of(app, cx, provider, true);
    let rest = compare(&mut comparison, port.as_ref(), position).await;
    report(provider, &comparison);
    match rest {
        Ok(rest) => Ok(rest),
        Err(error) if is_of_provider(&error) => {
            metrics::reconciliation_failed(provider);
            tracing::warn!(
                provider,
                report = error.report(),
                "reconciliation with the provider failed; the next round retries"
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn compare(
    comparison: &mut Comparison<'_>,
    port: &dyn Provider,
    position: Position,
) -> Result<Option<Position>, Error> {
    let (since, mut pages) = (Timestamp::from_millis(position.since_ms), PAGES);
    let mut refunds_after = position.after.clone();
    if !position.is_refunds {
        // Only a step that has read the whole list can find unlisted attempts.
        let is_from_start = position.after.is_empty();
        if let Some(after) = comparison.charges(port, since, position.after.clone(), &mut pages).await? {
            return Ok(Some(Position { after, ..position }));
        }
        if is_from_start {
            comparison.find_unlisted(since).await?;
        }
        refunds_after = String::new();
    }
    let rest = comparison.refunds(port, since, refunds_after, &mut pages).await?;
    Ok(rest.map(|after| Position { is_refunds: true, after, ..position }))
}

fn is_of_provider(error: &Error) -> bool {
    [&errors::PAYMENT_PROVIDER_UNAVAILABLE, &errors::PAYMENT_PROVIDER_REFUSED]
        .iter()
        .any(|spec| spec.code == error.code())
}

fn report(provider: &'static str, comparison: &Comparison<'_>) {
    let differences = &comparison.result.differences;
    let open: Vec<&str> = differences
        .iter()
        .filter(|difference| !difference.is_repaired)
        .map(|difference| difference.provider_reference.as_str())
        .collect();
    let repaired = differences.len() - open.len();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let compared = u64::try_from(comparison.result.attempt_count).unwrap_or_default();
    metrics::reconciled(provider, compared, count(repaired), count(open.len()));
    if !differences.is_empty() {
        let named = open.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(" ");
        let open = open.len();
        tracing::warn!(provider, compared, repaired, open, named, "payments differ from the records of the provider");
    }
}

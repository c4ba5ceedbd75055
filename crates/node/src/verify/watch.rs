//! Periodic verification in the background of a running node.
//!
//! Work is in progress on a running node: an event may not have reached its consumer yet. So a violation counts when two
//! consecutive runs have found it. A lease selects one node of several.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Unit, describe_gauge, gauge};
use pulse_kernel::Timestamp;
use pulse_store::{Lease, Store, Throttle};

use super::{Report, VerifyTargets, Violation, verify_once};
use crate::config::VerifySection;

/// Name of the lease.
const LEASE: &str = "verify";
/// Time after which another node takes over, beyond the time between two runs.
const LEASE_SLACK: Duration = Duration::from_secs(60);
/// Number of renewals within the time of the lease: one may be missed.
const RENEWALS: u32 = 3;
/// Pause before new violations are checked again: work in progress is finished by then.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);

/// Identity of a violation in consecutive runs.
type Mark = (&'static str, String);

/// Verifies a running node periodically.
pub struct Watch {
    targets: VerifyTargets,
    /// Store of the lease.
    leases: Store,
    holder: String,
    config: VerifySection,
    /// Violations of the last run.
    before: BTreeSet<Mark>,
    /// Violations that were published.
    published: BTreeSet<Mark>,
}

impl Watch {
    pub(crate) fn new(targets: VerifyTargets, leases: Store, holder: String, config: VerifySection) -> Self {
        describe_metrics();
        let throttle = Arc::new(Throttle::of_percent(config.read_budget_percent));
        Self {
            targets: targets.throttled(&throttle),
            leases,
            holder,
            config,
            before: BTreeSet::new(),
            published: BTreeSet::new(),
        }
    }

    /// Runs until the future is dropped.
    pub(crate) async fn run(mut self) {
        let clock = self.leases.clock().clone();
        loop {
            clock.sleep_until(clock.now().plus(self.pause())).await;
            if let Err(error) = self.run_once().await {
                tracing::warn!(error = format!("{error:#}"), "verification failed; it runs again after the pause");
            }
        }
    }

    /// Pause before the next run.
    fn pause(&self) -> Duration {
        if self.before.is_subset(&self.published) { self.config.every } else { CONFIRM_AFTER.min(self.config.every) }
    }

    /// Verifies everything once, when this node has the lease, and publishes the violations that this run and the last one
    /// have found. Returns whether it ran.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn run_once(&mut self) -> anyhow::Result<bool> {
        let ttl = self.config.every.saturating_add(LEASE_SLACK);
        let Some(lease) = self.leases.acquire_lease(LEASE, &self.holder, ttl).await? else {
            self.resign();
            return Ok(false);
        };
        let started = Instant::now();
        let report = tokio::select! {
            report = verify_once(&self.targets, false) => Some(report?),
            () = hold(&self.leases, lease, ttl) => None,
        };
        let Some(report) = report else {
            self.resign();
            return Ok(false);
        };
        gauge!("pulse_verify_last_duration_seconds").set(started.elapsed());
        gauge!("pulse_verify_last_run_timestamp_seconds").set(seconds(self.leases.clock().now()));
        self.publish(&report);
        Ok(true)
    }

    fn publish(&mut self, report: &Report) {
        let found: BTreeSet<Mark> = report.findings.iter().map(mark).collect();
        let confirmed: BTreeSet<Mark> = found.intersection(&self.before).cloned().collect();
        for finding in &report.findings {
            let mark = mark(finding);
            if confirmed.contains(&mark) && !self.published.contains(&mark) {
                let Violation { invariant, subject, detail, .. } = finding;
                tracing::warn!(invariant, subject, detail, "invariant {invariant} is violated by {subject}: {detail}");
            }
        }
        for (invariant, checked) in &report.checked {
            let count = confirmed.iter().filter(|(of, _)| of == invariant).count();
            let (context, kind) = invariant.split_once('.').unwrap_or(("", invariant));
            gauge!("pulse_verify_findings", "context" => context, "kind" => kind).set(size(count));
            gauge!("pulse_verify_checked", "context" => context, "kind" => kind).set(size(*checked));
        }
        (self.before, self.published) = (found, confirmed);
    }

    /// Another node has the lease: this one publishes nothing.
    fn resign(&mut self) {
        self.publish_nothing();
        self.before.clear();
        self.published.clear();
    }

    fn publish_nothing(&self) {
        for (invariant, _) in &self.published {
            let (context, kind) = invariant.split_once('.').unwrap_or(("", invariant));
            gauge!("pulse_verify_findings", "context" => context, "kind" => kind).set(0.0);
        }
    }
}

/// Renews the lease; returns when it is lost.
async fn hold(store: &Store, mut lease: Lease, ttl: Duration) {
    let pause = ttl.checked_div(RENEWALS).unwrap_or(ttl);
    loop {
        store.clock().sleep_until(store.clock().now().plus(pause)).await;
        match store.renew_lease(&lease, ttl).await {
            Ok(renewed) => lease = renewed,
            Err(pulse_store::StoreError::Fenced) => return,
            Err(error) => tracing::warn!(%error, "lease of the verification not renewed; retrying"),
        }
    }
}

/// Within a context the subject identifies a violation, because its audit excludes rows that change. Between contexts an
/// order moves from step to step; each step is another violation.
fn mark(finding: &Violation) -> Mark {
    let is_between = finding.invariant.starts_with("between.");
    let detail = if is_between { format!(": {}", finding.detail) } else { String::new() };
    (finding.invariant, finding.subject.clone() + &detail)
}

fn describe_metrics() {
    describe_gauge!(
        "pulse_verify_findings",
        "Violations that the last two verifications found, by context and invariant."
    );
    describe_gauge!("pulse_verify_checked", "Rows that the last verification checked, by context and invariant.");
    describe_gauge!("pulse_verify_last_duration_seconds", Unit::Seconds, "Duration of the last verification.");
    describe_gauge!(
        "pulse_verify_last_run_timestamp_seconds",
        Unit::Seconds,
        "End of the last verification, in seconds since 1970."
    );
}

/// Converts a count for a gauge; at most 4294967295.
fn size(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

fn seconds(instant: Timestamp) -> f64 {
    Duration::from_millis(u64::try_from(instant.as_millis()).unwrap_or_default()).as_secs_f64()
}

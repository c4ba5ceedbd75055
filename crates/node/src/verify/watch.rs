//! The books of a running node, proven again and again in the background.
//!
//! Things are under way on a running node: an event may not have reached its consumer yet. A finding counts when two looks
//! in a row have found it. One node of several looks; a lease says which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use pulse_kernel::Timestamp;
use pulse_store::{Lease, Store, Throttle};

use super::{Report, VerifyTargets, Violation, verify_once};
use crate::config::VerifySection;

/// What only one node of several does.
const LEASE: &str = "verify";
/// How long another node waits after this one fell silent, beyond the time between looks.
const LEASE_SLACK: Duration = Duration::from_secs(60);
/// A lease is renewed so often within its time that missing one renewal does no harm.
const RENEWALS: u32 = 3;
/// When to look again at what looks wrong: what was under way by then is not any more.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a finding is recognized by.
type Mark = (&'static str, String);

/// Looks at the books of a running node.
pub struct Watch {
    targets: VerifyTargets,
    /// Has the lease.
    leases: Store,
    holder: String,
    config: VerifySection,
    /// What the look before has found.
    before: BTreeSet<Mark>,
    /// What was told.
    told: BTreeSet<Mark>,
}

impl Watch {
    pub(crate) fn new(targets: VerifyTargets, leases: Store, holder: String, config: VerifySection) -> Self {
        let throttle = Arc::new(Throttle::of_percent(config.read_budget_percent));
        Self {
            targets: targets.throttled(&throttle),
            leases,
            holder,
            config,
            before: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Looks for ever.
    pub(crate) async fn keep(mut self) {
        let clock = self.leases.clock().clone();
        loop {
            clock.sleep_until(clock.now().plus(self.pause())).await;
            if let Err(error) = self.look().await {
                tracing::warn!(error = format!("{error:#}"), "the books could not be looked at");
            }
        }
    }

    /// How long to wait before the next look.
    fn pause(&self) -> Duration {
        if self.before.is_subset(&self.told) { self.config.every } else { LOOK_AGAIN.min(self.config.every) }
    }

    /// Looks once at everything, when it is this node that does, and publishes what was found by this look and by the one
    /// before. Says whether it did.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn look(&mut self) -> anyhow::Result<bool> {
        let ttl = self.config.every.saturating_add(LEASE_SLACK);
        let Some(lease) = self.leases.acquire_lease(LEASE, &self.holder, ttl).await? else {
            self.leave();
            return Ok(false);
        };
        let started = Instant::now();
        let looked = tokio::select! {
            report = verify_once(&self.targets, false) => Some(report?),
            () = hold(&self.leases, lease, ttl) => None,
        };
        let Some(report) = looked else {
            self.leave();
            return Ok(false);
        };
        gauge!("pulse_verify_last_duration_seconds").set(started.elapsed());
        gauge!("pulse_verify_last_run_timestamp_seconds").set(seconds(self.leases.clock().now()));
        self.publish(&report);
        Ok(true)
    }

    fn publish(&mut self, report: &Report) {
        let found: BTreeSet<Mark> = report.findings.iter().map(mark).collect();
        let told: BTreeSet<Mark> = found.intersection(&self.before).cloned().collect();
        for finding in &report.findings {
            let mark = mark(finding);
            if told.contains(&mark) && !self.told.contains(&mark) {
                let Violation { invariant, subject, detail, .. } = finding;
                tracing::warn!(invariant, subject, detail, "the books do not hold: {invariant} of {subject}: {detail}");
            }
        }
        for (invariant, checked) in &report.checked {
            let count = told.iter().filter(|(of, _)| of == invariant).count();
            let (context, kind) = invariant.split_once('.').unwrap_or(("", invariant));
            gauge!("pulse_verify_findings", "context" => context, "kind" => kind).set(size(count));
            gauge!("pulse_verify_checked", "context" => context, "kind" => kind).set(size(*checked));
        }
        (self.before, self.told) = (found, told);
    }

    /// Another node looks: what this one has found is not told twice.
    fn leave(&mut self) {
        self.publish_nothing();
        self.before.clear();
        self.told.clear();
    }

    fn publish_nothing(&self) {
        for (invariant, _) in &self.told {
            let (context, kind) = invariant.split_once('.').unwrap_or(("", invariant));
            gauge!("pulse_verify_findings", "context" => context, "kind" => kind).set(0.0);
        }
    }
}

/// Keeps the lease; ends when it is lost.
async fn hold(store: &Store, mut lease: Lease, ttl: Duration) {
    let pause = ttl.checked_div(RENEWALS).unwrap_or(ttl);
    loop {
        store.clock().sleep_until(store.clock().now().plus(pause)).await;
        match store.renew_lease(&lease, ttl).await {
            Ok(renewed) => lease = renewed,
            Err(pulse_store::StoreError::Fenced) => return,
            Err(error) => tracing::warn!(%error, "the lease of the looks at the books was not renewed; trying again"),
        }
    }
}

/// Within a context a subject is enough: its look sees to it that nothing moves. Between contexts an order goes from step
/// to step, and is another finding in each.
fn mark(finding: &Violation) -> Mark {
    let is_between = finding.invariant.starts_with("between.");
    let detail = if is_between { format!(": {}", finding.detail) } else { String::new() };
    (finding.invariant, finding.subject.clone() + &detail)
}

/// A count as a gauge takes it; exact up to 32 bits.
fn size(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

fn seconds(instant: Timestamp) -> f64 {
    Duration::from_millis(u64::try_from(instant.as_millis()).unwrap_or_default()).as_secs_f64()
}

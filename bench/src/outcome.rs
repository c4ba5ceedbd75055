//! What a run recorded: counts, statuses, failures and two histograms.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::rates::{millis, nanos, per_second};

/// Latencies above this are recorded as this.
const LATENCY_NS_MAX: u64 = 120_000_000_000;
/// Three significant digits: an error of 0.1 % at most.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The result of one run. The warm-up is only in `sent`, `reconnects` and `generator_cpu`.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests that were sent and got a reply or failed, warm-up included; 0 for calls within the process.
    pub sent: u64,
    /// Replies with any status, or finished calls.
    pub replies: u64,
    /// Replies by status code; empty for calls within the process.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an acceptable reply, by kind: `connect`, `io`, `closed`, `malformed`, `unanswered`; for
    /// calls within the process `failed`.
    pub failures: BTreeMap<&'static str, u64>,
    /// How often a connection was opened again, after a failure or because the server closed it.
    pub reconnects: u64,
    /// How long the measured part took.
    pub elapsed: Duration,
    /// Nanoseconds from the instant at which the request was *due* to its reply. In a closed loop a request is due
    /// when it is sent; in an open loop the schedule says when, however late it was sent.
    pub latency: Histogram<u64>,
    /// Nanoseconds from sending to the reply: what a closed-loop benchmark would report as latency.
    pub service: Histogram<u64>,
    /// A status of 400 or more that is the right answer here.
    pub refusal: Option<u16>,
    /// Processor time of the generator's connections for all that was `sent`; `None` where the system does not tell.
    pub generator_cpu: Option<Duration>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            sent: 0,
            replies: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            reconnects: 0,
            elapsed: Duration::ZERO,
            latency: histogram(),
            service: histogram(),
            refusal: None,
            generator_cpu: None,
        }
    }
}

impl Outcome {
    /// The outcome of one job that worked through `units` (rows, files, starts) in `elapsed`.
    #[must_use]
    pub fn of_job(units: u64, elapsed: Duration) -> Self {
        let mut outcome = Self { replies: units, elapsed, ..Self::default() };
        outcome.latency.saturating_record(nanos(elapsed));
        outcome.service.saturating_record(nanos(elapsed));
        outcome
    }

    /// Replies per second.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        per_second(self.replies, self.elapsed)
    }

    /// The latency in milliseconds below which `percentile` (0 to 100) of the replies came.
    #[must_use]
    pub fn latency_ms(&self, percentile: f64) -> f64 {
        millis(self.latency.value_at_percentile(percentile))
    }

    /// Requests without an acceptable reply.
    #[must_use]
    pub fn failure_count(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Failures, and replies with a status of 400 or more, unless that is the right answer. Where a refusal is right,
    /// every other reply is an error.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        let is_error = |status: u16| self.refusal.map_or(status >= 400, |right| status != right);
        let wrong = self.statuses.iter().filter(|(status, _)| is_error(**status));
        self.failure_count() + wrong.map(|(_, count)| count).sum::<u64>()
    }

    /// Records one reply; the instants are nanoseconds on one clock.
    ///
    /// `due` is when the request should have been sent, `sent` when it was. The time between the two is what a
    /// generator with coordinated omission forgets.
    pub fn record(&mut self, due: u64, sent: u64, done: u64) {
        self.replies += 1;
        self.latency.saturating_record(done.saturating_sub(due));
        self.service.saturating_record(done.saturating_sub(sent));
    }

    /// Counts requests without an acceptable reply.
    pub fn fail(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.failures.entry(kind).or_default() += count;
        }
    }

    /// Adds what another thread recorded in the same run, or what another round of the same load recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.replies += other.replies;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (kind, count) in &other.failures {
            self.fail(kind, *count);
        }
        self.reconnects += other.reconnects;
        // Both have the same bounds, so adding cannot fail.
        self.latency.add(&other.latency).unwrap_or_default();
        self.service.add(&other.service).unwrap_or_default();
        self.generator_cpu = self.generator_cpu.into_iter().chain(other.generator_cpu).reduce(|sum, more| sum + more);
    }
}

/// An empty histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS).expect("the bounds are constant and valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Schedule;

    const MS: u64 = 1_000_000;

    /// One connection, 1,000 requests per second for 2 s, 0.1 ms each; the server stands still once for 200 ms.
    fn stalled_run() -> Outcome {
        let schedule = Schedule::new(1_000, 0);
        let (mut outcome, mut free_at) = (Outcome::default(), 0);
        for number in 0..2_000 {
            let due = schedule.due_at(number);
            let sent = due.max(free_at);
            let stall = if number == 500 { 200 * MS } else { 0 };
            free_at = sent + 100_000 + stall;
            outcome.record(due, sent, free_at);
        }
        outcome
    }

    #[test]
    fn a_stall_shows_in_the_latency_and_hides_in_the_service_time() {
        let outcome = stalled_run();
        assert_eq!(outcome.replies, 2_000);
        // About 200 + 200/9 requests were due during the stall and the catching up: 11 % of all.
        assert!(outcome.latency_ms(99.0) > 150.0, "p99 is {} ms", outcome.latency_ms(99.0));
        assert!(outcome.latency_ms(50.0) < 0.2);
        assert!(outcome.service.value_at_percentile(99.9) < MS, "one request of 2,000 noticed");
        let late = outcome.latency.count_between(100 * MS, LATENCY_NS_MAX);
        assert!((100..=115).contains(&late), "{late} requests were at least 100 ms late");
    }

    #[test]
    fn merging_adds_everything_up() {
        let mut left = Outcome::of_job(10, Duration::from_millis(5));
        let mut right = Outcome { generator_cpu: Some(Duration::from_secs(1)), reconnects: 2, ..Outcome::default() };
        right.statuses.insert(404, 3);
        right.fail("closed", 1);
        right.record(0, 0, 7);
        left.merge(&right);
        assert_eq!((left.replies, left.reconnects, left.latency.len()), (11, 2, 2));
        assert_eq!((left.failure_count(), left.error_count()), (1, 4));
        assert_eq!(left.generator_cpu, Some(Duration::from_secs(1)));
        assert_eq!(left.elapsed, Duration::from_millis(5));
    }
}

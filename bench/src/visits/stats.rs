//! Statistics of a run: pure counting, on times that are passed in.

use hdrhistogram::Histogram;

use super::arrival_queue::{Arrival, ArrivalQueue};
use super::report::{LoadReport, Operation, Percentiles, ResponseStats};
use crate::outcome::histogram;
use crate::rates::{millis, rounded};

/// Maximum number of different responses per operation; further ones are counted as `other`.
const RESPONSES_MAX: usize = 32;
/// Delay after the due time from which a visit counts as late, in nanoseconds.
const LATE_NS: u64 = 1_000_000;

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VisitEnd {
    /// All steps completed.
    Served,
    /// Expected refusal, such as a sold-out item.
    Refused,
    /// Any other error response, or a response that lacks a required value.
    Unexpected,
    /// No response, with an immediate failure.
    Failed,
    /// No response within the timeout.
    TimedOut,
}

/// Result of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Response<'a> {
    /// HTTP status; 0 when there was no response.
    pub(super) status: u16,
    /// Error code, or the kind of failure; empty for a success.
    pub(super) code: &'a str,
}

/// Due time and end of a request or visit, in nanoseconds from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) due: u64,
    pub(super) done: u64,
}

impl Timing {
    fn nanos(self) -> u64 {
        self.done.saturating_sub(self.due)
    }
}

/// Counters and histograms of a run.
pub(super) struct Stats {
    operations: Vec<(&'static str, Vec<ResponseCount>)>,
    visits: Histogram<u64>,
    waits: Histogram<u64>,
    served: u64,
    refused: u64,
    unexpected: u64,
    failed: u64,
    late: u64,
    interval: Interval,
}

/// Responses with the same status and code.
struct ResponseCount {
    status: u16,
    code: String,
    latency: Histogram<u64>,
}

/// Counters since the last snapshot.
pub(super) struct Interval {
    /// Ended visits.
    pub(super) ended: u64,
    /// Ended visits with an error.
    pub(super) errors: u64,
    /// Latency of visits.
    pub(super) visits: Histogram<u64>,
}

impl Interval {
    fn new() -> Self {
        Self { ended: 0, errors: 0, visits: histogram() }
    }
}

impl Stats {
    pub(super) fn new(operations: &[&'static str]) -> Self {
        Self {
            operations: operations.iter().map(|name| (*name, Vec::new())).collect(),
            visits: histogram(),
            waits: histogram(),
            served: 0,
            refused: 0,
            unexpected: 0,
            failed: 0,
            late: 0,
            interval: Interval::new(),
        }
    }

    /// Records the start of a visit.
    pub(super) fn begin_visit(&mut self, due: u64, now: u64) {
        let wait = now.saturating_sub(due);
        self.waits.saturating_record(wait);
        self.late += u64::from(wait > LATE_NS);
    }

    /// Records the response of a request, or its failure.
    pub(super) fn record_response(&mut self, operation: usize, timing: Timing, response: Response<'_>) {
        let Some((_, kinds)) = self.operations.get_mut(operation) else { return };
        let found = kinds.iter().position(|kind| kind.status == response.status && kind.code == response.code);
        let index = match found {
            Some(index) => index,
            None if kinds.len() < RESPONSES_MAX => {
                let is_last = kinds.len() + 1 == RESPONSES_MAX;
                let (status, code) = if is_last { (0, "other") } else { (response.status, response.code) };
                kinds.push(ResponseCount { status, code: code.to_owned(), latency: histogram() });
                kinds.len() - 1
            }
            None => RESPONSES_MAX - 1,
        };
        if let Some(kind) = kinds.get_mut(index) {
            kind.latency.saturating_record(timing.nanos());
        }
    }

    /// Records the end of a visit.
    pub(super) fn end_visit(&mut self, timing: Timing, end: VisitEnd) {
        let count = match end {
            VisitEnd::Served => &mut self.served,
            VisitEnd::Refused => &mut self.refused,
            VisitEnd::Unexpected => &mut self.unexpected,
            VisitEnd::Failed | VisitEnd::TimedOut => &mut self.failed,
        };
        *count += 1;
        self.interval.ended += 1;
        self.interval.errors += u64::from(matches!(end, VisitEnd::Unexpected | VisitEnd::Failed | VisitEnd::TimedOut));
        // Immediate failures are left out: they would make the latency look better.
        if matches!(end, VisitEnd::Served | VisitEnd::Refused | VisitEnd::TimedOut) {
            self.visits.saturating_record(timing.nanos());
            self.interval.visits.saturating_record(timing.nanos());
        }
    }

    /// Records an unfinished visit with its latency until now. Without it, a server that stops responding would look as fast
    /// as before.
    pub(super) fn give_up(&mut self, timing: Timing) {
        self.visits.saturating_record(timing.nanos());
    }

    /// Returns and resets the counters since the last call.
    pub(super) fn take_interval(&mut self) -> Interval {
        std::mem::replace(&mut self.interval, Interval::new())
    }

    /// Number of ended visits.
    fn ended(&self) -> u64 {
        self.served + self.refused + self.unexpected + self.failed
    }

    /// Report of the whole run.
    pub(super) fn report(&self, queue: &ArrivalQueue, elapsed: u64) -> LoadReport {
        LoadReport {
            elapsed_ms: rounded(millis(elapsed), 3),
            arrived: queue.arrived(),
            served: self.served,
            refused: self.refused,
            unexpected: self.unexpected,
            failed: self.failed,
            dropped: queue.dropped(),
            unfinished: queue.arrived().saturating_sub(queue.dropped()).saturating_sub(self.ended()),
            late: self.late,
            is_cut_short: false,
            visit_ms: Percentiles::of(&self.visits),
            wait_ms: Percentiles::of(&self.waits),
            operations: self.operations.iter().map(|(name, kinds)| operation(name, kinds)).collect(),
        }
    }

    /// Records all visits that are waiting or in progress at the end as unfinished.
    pub(super) fn give_up_all(&mut self, in_progress: impl IntoIterator<Item = u64>, queue: &ArrivalQueue, now: u64) {
        let waiting = queue.waiting().map(|Arrival { due, .. }| due);
        for due in in_progress.into_iter().chain(waiting) {
            self.give_up(Timing { due, done: now });
        }
    }
}

fn operation(name: &str, kinds: &[ResponseCount]) -> Operation {
    let mut all = histogram();
    let mut responses: Vec<ResponseStats> = Vec::with_capacity(kinds.len());
    for kind in kinds {
        // Both have the same bounds, so adding cannot fail.
        all.add(&kind.latency).unwrap_or_default();
        let code = (!kind.code.is_empty()).then(|| kind.code.clone());
        let status = (kind.status > 0).then_some(kind.status);
        responses.push(ResponseStats { status, code, latency_ms: Percentiles::of(&kind.latency) });
    }
    responses.sort_by_key(|response| std::cmp::Reverse(response.latency_ms.count));
    Operation { name: name.to_owned(), latency_ms: Percentiles::of(&all), responses }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::arrivals::{Arrivals, Spacing};
    use super::*;

    const MS: u64 = 1_000_000;

    /// A simulated server on a virtual clock.
    #[derive(Clone, Copy, Debug)]
    struct Server {
        /// Time to respond, in nanoseconds.
        service: u64,
        /// Start and length of a stall without responses, in nanoseconds.
        stall: (u64, u64),
    }

    impl Server {
        fn done(self, sent: u64) -> u64 {
            let (from, length) = self.stall;
            let done = sent + self.service;
            if sent < from + length && done > from { from + length + self.service } else { done }
        }
    }

    /// Runs a schedule against the server with the queue and the statistics of a real run.
    fn run(arrivals: &Arrivals, connections: usize, queue_max: usize, server: Server) -> LoadReport {
        let (mut queue, mut stats) = (ArrivalQueue::new(queue_max), Stats::new(&["ask"]));
        let mut free: BinaryHeap<Reverse<u64>> = (0..connections).map(|_| Reverse(0)).collect();
        let mut last = 0;
        let mut serve_until = |queue: &mut ArrivalQueue, now: u64, stats: &mut Stats| {
            while free.peek().is_some_and(|Reverse(at)| *at <= now) {
                let Some(Arrival { due, .. }) = queue.pop() else { return };
                let Reverse(at) = free.pop().unwrap();
                let sent = due.max(at);
                let timing = Timing { due, done: server.done(sent) };
                stats.begin_visit(due, sent);
                stats.record_response(0, timing, Response { status: 200, code: "" });
                stats.end_visit(timing, VisitEnd::Served);
                free.push(Reverse(timing.done));
                last = last.max(timing.done);
            }
        };
        for due in arrivals.due_times() {
            serve_until(&mut queue, due, &mut stats);
            queue.push(due);
            serve_until(&mut queue, due, &mut stats);
        }
        serve_until(&mut queue, u64::MAX, &mut stats);
        stats.report(&queue, last)
    }

    fn constant(rate_per_s: f64) -> Arrivals {
        let (ramp, duration) = (Duration::ZERO, Duration::from_secs(2));
        Arrivals { rate_per_s, ramp, duration, spacing: Spacing::Constant, seed: 0, visits_max: None }
    }

    /// A stall of 100 ms delays a twentieth of the visits of 2 s. All of them are in the p99, although the single connection
    /// had only one request in progress.
    #[test]
    fn a_stall_is_in_the_latency_of_every_visit_that_was_due() {
        let server = Server { service: 100_000, stall: (500 * MS, 100 * MS) };
        let report = run(&constant(1_000.0), 1, 10_000, server);
        assert_eq!((report.arrived, report.served, report.dropped, report.unfinished), (2_000, 2_000, 0, 0));
        assert!((80.0..=101.0).contains(&report.visit_ms.p99_ms), "p99 {}", report.visit_ms.p99_ms);
        assert!(report.visit_ms.p50_ms < 0.2, "p50 {}", report.visit_ms.p50_ms);
        assert!((99..=115).contains(&report.late), "{} began late", report.late);
        // With more connections, visits wait for the server instead of a connection; the latency is the same.
        let many = run(&constant(1_000.0), 200, 10_000, server);
        assert!((80.0..=101.0).contains(&many.visit_ms.p99_ms), "p99 {}", many.visit_ms.p99_ms);
        assert_eq!(many.late, 0);
    }

    /// Visits beyond the queue are counted as dropped.
    #[test]
    fn a_full_queue_counts_dropped_visits() {
        let server = Server { service: 10 * MS, stall: (0, 0) };
        let report = run(&constant(1_000.0), 1, 50, server);
        // One connection of 10 ms per visit serves 100 per second; 50 are waiting at the end.
        assert!((240..=260).contains(&report.served), "{} were served", report.served);
        assert_eq!(report.served + report.dropped, 2_000);
        assert!(report.visit_ms.p50_ms > 400.0, "50 waiting visits of 10 ms each: {}", report.visit_ms.p50_ms);
    }

    /// Unfinished visits are part of the percentiles.
    #[test]
    fn unfinished_visits_are_slow() {
        let (mut queue, mut stats) = (ArrivalQueue::new(10), Stats::new(&["ask"]));
        for due in 0..10 {
            queue.push(due * MS);
        }
        for _ in 0..8 {
            let Arrival { due, .. } = queue.pop().unwrap();
            stats.end_visit(Timing { due, done: due + MS }, VisitEnd::Served);
        }
        let in_progress = queue.pop().unwrap().due;
        stats.give_up_all([in_progress], &queue, 5_000 * MS);
        let report = stats.report(&queue, 5_000 * MS);
        assert_eq!((report.arrived, report.served, report.unfinished, report.errors()), (10, 8, 2, 2));
        assert!(report.visit_ms.p99_ms > 4_900.0);
    }

    /// Immediate failures are not part of the latency.
    #[test]
    fn immediate_failures_do_not_improve_the_latency() {
        let (mut queue, mut stats) = (ArrivalQueue::new(10), Stats::new(&["ask"]));
        for (end, took_ms) in [
            (VisitEnd::Served, 50),
            (VisitEnd::Failed, 1),
            (VisitEnd::Unexpected, 1),
            (VisitEnd::TimedOut, 900),
            (VisitEnd::Refused, 50),
        ] {
            queue.push(0);
            queue.pop().unwrap();
            stats.end_visit(Timing { due: 0, done: took_ms * MS }, end);
        }
        let last = stats.take_interval();
        assert_eq!((last.ended, last.errors, last.visits.len()), (5, 3, 3));
        let report = stats.report(&queue, MS);
        assert_eq!(
            (report.served, report.refused, report.unexpected, report.failed, report.unfinished),
            (1, 1, 1, 2, 0)
        );
        assert!(
            (49.0..51.0).contains(&report.visit_ms.p50_ms) && report.visit_ms.max_ms > 899.0,
            "{:?}",
            report.visit_ms
        );
    }

    #[test]
    fn responses_are_grouped_and_their_kinds_are_bounded() {
        let mut stats = Stats::new(&["look", "buy"]);
        let timing = Timing { due: 0, done: MS };
        stats.record_response(1, timing, Response { status: 409, code: "SOLD_OUT" });
        for _ in 0..2 {
            stats.record_response(1, timing, Response { status: 200, code: "" });
        }
        for number in 0..100 {
            stats.record_response(0, timing, Response { status: 500, code: &format!("CODE_{number}") });
        }
        let report = stats.report(&ArrivalQueue::new(1), MS);
        let [look, buy] = report.operations.as_slice() else { panic!("two operations") };
        let kinds: Vec<_> =
            buy.responses.iter().map(|response| (response.label(), response.latency_ms.count)).collect();
        assert_eq!(kinds, [("200".to_owned(), 2), ("409 SOLD_OUT".to_owned(), 1)]);
        assert_eq!((look.latency_ms.count, look.responses.len()), (100, RESPONSES_MAX));
        assert_eq!((look.responses[0].label(), look.responses[0].latency_ms.count), ("other".to_owned(), 69));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// For any server: every due visit is served or dropped, and no latency is below the service time.
        #[test]
        fn every_visit_is_counted(
            rate in 1.0..3_000.0_f64, seed: u64, connections in 1_usize..40, queue_max in 1_usize..200,
            service in 1_u64..20_000_000, stall in (0_u64..2_000_000_000, 0_u64..500_000_000),
        ) {
            let arrivals = Arrivals { seed, spacing: Spacing::Random, ..constant(rate) };
            let report = run(&arrivals, connections, queue_max, Server { service, stall });
            prop_assert_eq!(report.arrived, arrivals.count());
            prop_assert_eq!(report.served + report.dropped, report.arrived);
            prop_assert_eq!(report.visit_ms.count, report.served);
            prop_assert_eq!(report.wait_ms.count, report.served);
            prop_assert_eq!(report.operations[0].latency_ms.count, report.served);
            prop_assert!(report.served == 0 || report.visit_ms.p50_ms >= millis(service.saturating_sub(service >> 9).saturating_sub(1_000)));
            prop_assert!(report.late <= report.served);
        }
    }
}

//! What is recorded of visits: pure counting, on instants that are handed in.

use hdrhistogram::Histogram;

use super::backlog::{Arrival, Backlog};
use super::report::{Answer, Operation, Percentiles, Visited};
use crate::outcome::histogram;
use crate::rates::{millis, rounded};

/// Different answers of one operation at most; more are counted as `other`.
const ANSWERS_MAX: usize = 32;
/// A visit that begins later than this after it was due is late, in nanoseconds.
const LATE_NS: u64 = 1_000_000;

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The visitor has everything that they came for.
    Served,
    /// The visitor heard a no that is right, such as that something is sold out.
    Refused,
    /// The visitor heard something that is not right.
    Wrong,
    /// There was no answer, and that was known at once.
    Failed,
    /// There was no answer in time.
    TimedOut,
}

/// What one request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    /// The status; 0 when there was no answer.
    pub(super) status: u16,
    /// The code of a refusal, or what went wrong; empty for a plain answer.
    pub(super) code: &'a str,
}

/// When a request should have been sent and when its answer was there, in nanoseconds from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    pub(super) due: u64,
    pub(super) done: u64,
}

impl Took {
    fn nanos(self) -> u64 {
        self.done.saturating_sub(self.due)
    }
}

/// The record of a run.
pub(super) struct Tally {
    operations: Vec<(&'static str, Vec<Kind>)>,
    visits: Histogram<u64>,
    waits: Histogram<u64>,
    served: u64,
    refused: u64,
    wrong: u64,
    failed: u64,
    late: u64,
    second: Second,
}

/// Answers of one kind.
struct Kind {
    status: u16,
    code: String,
    latency: Histogram<u64>,
}

/// What happened since somebody looked last.
pub(super) struct Second {
    /// Visits that ended.
    pub(super) ended: u64,
    /// Visits that ended in something that is not right.
    pub(super) errors: u64,
    /// How long visits took.
    pub(super) visits: Histogram<u64>,
}

impl Second {
    fn new() -> Self {
        Self { ended: 0, errors: 0, visits: histogram() }
    }
}

impl Tally {
    pub(super) fn new(operations: &[&'static str]) -> Self {
        Self {
            operations: operations.iter().map(|name| (*name, Vec::new())).collect(),
            visits: histogram(),
            waits: histogram(),
            served: 0,
            refused: 0,
            wrong: 0,
            failed: 0,
            late: 0,
            second: Second::new(),
        }
    }

    /// A visit begins, however long after it was due.
    pub(super) fn begin(&mut self, due: u64, now: u64) {
        let wait = now.saturating_sub(due);
        self.waits.saturating_record(wait);
        self.late += u64::from(wait > LATE_NS);
    }

    /// A request has its answer, or will have none.
    pub(super) fn hear(&mut self, operation: usize, took: Took, heard: Heard<'_>) {
        let Some((_, kinds)) = self.operations.get_mut(operation) else { return };
        let found = kinds.iter().position(|kind| kind.status == heard.status && kind.code == heard.code);
        let index = match found {
            Some(index) => index,
            None if kinds.len() < ANSWERS_MAX => {
                let is_last = kinds.len() + 1 == ANSWERS_MAX;
                let (status, code) = if is_last { (0, "other") } else { (heard.status, heard.code) };
                kinds.push(Kind { status, code: code.to_owned(), latency: histogram() });
                kinds.len() - 1
            }
            None => ANSWERS_MAX - 1,
        };
        if let Some(kind) = kinds.get_mut(index) {
            kind.latency.saturating_record(took.nanos());
        }
    }

    /// A visit ends.
    pub(super) fn end(&mut self, took: Took, end: End) {
        let count = match end {
            End::Served => &mut self.served,
            End::Refused => &mut self.refused,
            End::Wrong => &mut self.wrong,
            End::Failed | End::TimedOut => &mut self.failed,
        };
        *count += 1;
        self.second.ended += 1;
        self.second.errors += u64::from(matches!(end, End::Wrong | End::Failed | End::TimedOut));
        // Who is turned away at once does not make the others faster.
        if matches!(end, End::Served | End::Refused | End::TimedOut) {
            self.visits.saturating_record(took.nanos());
            self.second.visits.saturating_record(took.nanos());
        }
    }

    /// A visit does not end: it took at least until now, and that is in the percentiles. Without it a server that falls
    /// silent would look as fast as it was before.
    pub(super) fn give_up(&mut self, took: Took) {
        self.visits.saturating_record(took.nanos());
    }

    /// What happened since it was asked last.
    pub(super) fn second(&mut self) -> Second {
        std::mem::replace(&mut self.second, Second::new())
    }

    /// How many visits have ended.
    fn ended(&self) -> u64 {
        self.served + self.refused + self.wrong + self.failed
    }

    /// All of it.
    pub(super) fn report(&self, backlog: &Backlog, elapsed: u64) -> Visited {
        Visited {
            elapsed_ms: rounded(millis(elapsed), 3),
            arrived: backlog.arrived(),
            served: self.served,
            refused: self.refused,
            wrong: self.wrong,
            failed: self.failed,
            dropped: backlog.dropped(),
            unfinished: backlog.arrived().saturating_sub(backlog.dropped()).saturating_sub(self.ended()),
            late: self.late,
            is_cut_short: false,
            visit_ms: Percentiles::of(&self.visits),
            wait_ms: Percentiles::of(&self.waits),
            operations: self.operations.iter().map(|(name, kinds)| operation(name, kinds)).collect(),
        }
    }

    /// Gives up whoever waits or is under way at the end.
    pub(super) fn give_up_all(&mut self, under_way: impl IntoIterator<Item = u64>, backlog: &Backlog, now: u64) {
        let waiting = backlog.waiting().map(|Arrival { due, .. }| due);
        for due in under_way.into_iter().chain(waiting) {
            self.give_up(Took { due, done: now });
        }
    }
}

fn operation(name: &str, kinds: &[Kind]) -> Operation {
    let mut all = histogram();
    let mut answers: Vec<Answer> = Vec::with_capacity(kinds.len());
    for kind in kinds {
        // Both have the same bounds, so adding cannot fail.
        all.add(&kind.latency).unwrap_or_default();
        let code = (!kind.code.is_empty()).then(|| kind.code.clone());
        let status = (kind.status > 0).then_some(kind.status);
        answers.push(Answer { status, code, latency_ms: Percentiles::of(&kind.latency) });
    }
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.latency_ms.count));
    Operation { name: name.to_owned(), latency_ms: Percentiles::of(&all), answers }
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

    /// A server on a clock that only the test moves.
    #[derive(Clone, Copy, Debug)]
    struct Server {
        /// How long an answer takes.
        service: u64,
        /// When it stands still, and how long: nothing is answered meanwhile.
        stall: (u64, u64),
    }

    impl Server {
        fn done(self, sent: u64) -> u64 {
            let (from, length) = self.stall;
            let done = sent + self.service;
            if sent < from + length && done > from { from + length + self.service } else { done }
        }
    }

    /// Runs a schedule against it with the queue and the record of a real run.
    fn run(arrivals: &Arrivals, connections: usize, waiting_max: usize, server: Server) -> Visited {
        let (mut backlog, mut tally) = (Backlog::new(waiting_max), Tally::new(&["ask"]));
        let mut free: BinaryHeap<Reverse<u64>> = (0..connections).map(|_| Reverse(0)).collect();
        let mut last = 0;
        let mut serve_until = |backlog: &mut Backlog, now: u64, tally: &mut Tally| {
            while free.peek().is_some_and(|Reverse(at)| *at <= now) {
                let Some(Arrival { due, .. }) = backlog.take() else { return };
                let Reverse(at) = free.pop().unwrap();
                let sent = due.max(at);
                let took = Took { due, done: server.done(sent) };
                tally.begin(due, sent);
                tally.hear(0, took, Heard { status: 200, code: "" });
                tally.end(took, End::Served);
                free.push(Reverse(took.done));
                last = last.max(took.done);
            }
        };
        for due in arrivals.instants() {
            serve_until(&mut backlog, due, &mut tally);
            backlog.offer(due);
            serve_until(&mut backlog, due, &mut tally);
        }
        serve_until(&mut backlog, u64::MAX, &mut tally);
        tally.report(&backlog, last)
    }

    fn even(rate_per_s: f64) -> Arrivals {
        let (ramp, duration) = (Duration::ZERO, Duration::from_secs(2));
        Arrivals { rate_per_s, ramp, duration, spacing: Spacing::Even, seed: 0, visitors_max: None }
    }

    /// A server that stands still for 100 ms keeps a twentieth of the visitors of 2 s waiting, and they are in the p99,
    /// although only one request of the one connection was under way.
    #[test]
    fn a_stall_is_told_by_everybody_who_came_during_it() {
        let server = Server { service: 100_000, stall: (500 * MS, 100 * MS) };
        let told = run(&even(1_000.0), 1, 10_000, server);
        assert_eq!((told.arrived, told.served, told.dropped, told.unfinished), (2_000, 2_000, 0, 0));
        assert!((80.0..=101.0).contains(&told.visit_ms.p99_ms), "p99 {}", told.visit_ms.p99_ms);
        assert!(told.visit_ms.p50_ms < 0.2, "p50 {}", told.visit_ms.p50_ms);
        assert!((99..=115).contains(&told.late), "{} were late", told.late);
        // With more connections each of them waits for the server instead of for a connection; users see the same.
        let many = run(&even(1_000.0), 200, 10_000, server);
        assert!((80.0..=101.0).contains(&many.visit_ms.p99_ms), "p99 {}", many.visit_ms.p99_ms);
        assert_eq!(many.late, 0);
    }

    /// What does not fit is counted and not hidden.
    #[test]
    fn a_full_generator_says_how_many_it_dropped() {
        let server = Server { service: 10 * MS, stall: (0, 0) };
        let told = run(&even(1_000.0), 1, 50, server);
        // One connection of 10 ms serves 100 a second; 50 wait at the end.
        assert!((240..=260).contains(&told.served), "{} were served", told.served);
        assert_eq!(told.served + told.dropped, 2_000);
        assert!(told.visit_ms.p50_ms > 400.0, "50 who wait 10 ms each: {}", told.visit_ms.p50_ms);
    }

    /// Who waits for an answer that never comes is in the percentiles.
    #[test]
    fn silence_is_slow() {
        let (mut backlog, mut tally) = (Backlog::new(10), Tally::new(&["ask"]));
        for due in 0..10 {
            backlog.offer(due * MS);
        }
        for _ in 0..8 {
            let Arrival { due, .. } = backlog.take().unwrap();
            tally.end(Took { due, done: due + MS }, End::Served);
        }
        let under_way = backlog.take().unwrap().due;
        tally.give_up_all([under_way], &backlog, 5_000 * MS);
        let told = tally.report(&backlog, 5_000 * MS);
        assert_eq!((told.arrived, told.served, told.unfinished, told.errors()), (10, 8, 2, 2));
        assert!(told.visit_ms.p99_ms > 4_900.0);
    }

    /// Quick failures do not flatter.
    #[test]
    fn who_is_turned_away_at_once_makes_nobody_faster() {
        let (mut backlog, mut tally) = (Backlog::new(10), Tally::new(&["ask"]));
        for (end, took_ms) in
            [(End::Served, 50), (End::Failed, 1), (End::Wrong, 1), (End::TimedOut, 900), (End::Refused, 50)]
        {
            backlog.offer(0);
            backlog.take().unwrap();
            tally.end(Took { due: 0, done: took_ms * MS }, end);
        }
        let second = tally.second();
        assert_eq!((second.ended, second.errors, second.visits.len()), (5, 3, 3));
        let told = tally.report(&backlog, MS);
        assert_eq!((told.served, told.refused, told.wrong, told.failed, told.unfinished), (1, 1, 1, 2, 0));
        assert!((49.0..51.0).contains(&told.visit_ms.p50_ms) && told.visit_ms.max_ms > 899.0, "{:?}", told.visit_ms);
    }

    #[test]
    fn answers_are_told_apart_and_their_kinds_are_bounded() {
        let mut tally = Tally::new(&["look", "buy"]);
        let took = Took { due: 0, done: MS };
        tally.hear(1, took, Heard { status: 409, code: "SOLD_OUT" });
        for _ in 0..2 {
            tally.hear(1, took, Heard { status: 200, code: "" });
        }
        for number in 0..100 {
            tally.hear(0, took, Heard { status: 500, code: &format!("CODE_{number}") });
        }
        let told = tally.report(&Backlog::new(1), MS);
        let [look, buy] = told.operations.as_slice() else { panic!("two operations") };
        let kinds: Vec<_> = buy.answers.iter().map(|answer| (answer.label(), answer.latency_ms.count)).collect();
        assert_eq!(kinds, [("200".to_owned(), 2), ("409 SOLD_OUT".to_owned(), 1)]);
        assert_eq!((look.latency_ms.count, look.answers.len()), (100, ANSWERS_MAX));
        assert_eq!((look.answers[0].label(), look.answers[0].latency_ms.count), ("other".to_owned(), 69));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the server does: everybody who should come is served or dropped, and nobody is faster than the server.
        #[test]
        fn everybody_is_accounted_for(
            rate in 1.0..3_000.0_f64, seed: u64, connections in 1_usize..40, waiting_max in 1_usize..200,
            service in 1_u64..20_000_000, stall in (0_u64..2_000_000_000, 0_u64..500_000_000),
        ) {
            let arrivals = Arrivals { seed, spacing: Spacing::Random, ..even(rate) };
            let told = run(&arrivals, connections, waiting_max, Server { service, stall });
            prop_assert_eq!(told.arrived, arrivals.count());
            prop_assert_eq!(told.served + told.dropped, told.arrived);
            prop_assert_eq!(told.visit_ms.count, told.served);
            prop_assert_eq!(told.wait_ms.count, told.served);
            prop_assert_eq!(told.operations[0].latency_ms.count, told.served);
            prop_assert!(told.served == 0 || told.visit_ms.p50_ms >= millis(service.saturating_sub(service >> 9).saturating_sub(1_000)));
            prop_assert!(told.late <= told.served);
        }
    }
}

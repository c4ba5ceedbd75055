//! What a run came to, for machines and for people.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::columns::columns;
use crate::rates::{millis, ratio, rounded};

/// The result of a run. Every visitor who came is in exactly one of `served`, `refused`, `wrong`, `failed`, `dropped` and
/// `unfinished`.
#[derive(Clone, Debug, Serialize)]
pub struct Visited {
    /// How long it took.
    pub elapsed_ms: f64,
    /// How many visitors came, which the schedule says and not the server.
    pub arrived: u64,
    /// Those who had everything that they came for.
    pub served: u64,
    /// Those who heard a no that is right, such as that something is sold out.
    pub refused: u64,
    /// Those who heard something that is not right.
    pub wrong: u64,
    /// Those who had no answer: no connection, broken off, out of time.
    pub failed: u64,
    /// Those for whom the generator itself had no room.
    pub dropped: u64,
    /// Those who still waited at the end.
    pub unfinished: u64,
    /// Those who began more than 1 ms after they were due, because no connection was free or the
    /// generator itself was late.
    pub late: u64,
    /// Whether somebody ended it before its time.
    pub is_cut_short: bool,
    /// From the instant at which visitors were due to their last answer, of those who were served or rightly refused. Those
    /// who waited in vain are in it with the time that they waited: until their time was out, or the run.
    pub visit_ms: Percentiles,
    /// From the instant at which visitors were due until they began.
    pub wait_ms: Percentiles,
    /// What they asked for.
    pub operations: Vec<Operation>,
}

/// One thing that visitors ask for.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// What it is called.
    pub name: String,
    /// All answers. The first request of a visit counts from the instant at which it was due, a later one from the answer
    /// before.
    pub latency_ms: Percentiles,
    /// Each kind of answer, the most frequent one first.
    pub answers: Vec<Answer>,
}

/// Answers of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The status; none when there was no answer.
    pub status: Option<u16>,
    /// The code of a refusal, or what went wrong.
    pub code: Option<String>,
    /// How many, and how long they took.
    pub latency_ms: Percentiles,
}

/// How long something took, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half took less.
    pub p50_ms: f64,
    /// 90 % took less.
    pub p90_ms: f64,
    /// 99 % took less.
    pub p99_ms: f64,
    /// 99.9 % took less.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Percentiles {
    pub(super) fn of(latency: &Histogram<u64>) -> Self {
        let at = |percentile| rounded(millis(latency.value_at_percentile(percentile)), 3);
        Self {
            count: latency.len(),
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            max_ms: rounded(millis(latency.max()), 3),
        }
    }

    fn cells(&self) -> [String; 6] {
        let shown = |ms: f64| if self.count == 0 { "-".to_owned() } else { format!("{ms:.2}") };
        let [p50, p90, p99, p999, max] = [self.p50_ms, self.p90_ms, self.p99_ms, self.p999_ms, self.max_ms].map(shown);
        [self.count.to_string(), p50, p90, p99, p999, max]
    }
}

impl Answer {
    /// The status and the code, as far as there are any.
    #[must_use]
    pub fn label(&self) -> String {
        let words = [self.status.map(|status| status.to_string()), self.code.clone()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Visited {
    /// Visitors who did not have what is right: wrong, failed, dropped and unfinished. When it was ended before its time,
    /// nobody can be blamed for what is unfinished.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let unfinished = if self.is_cut_short { 0 } else { self.unfinished };
        self.wrong + self.failed + self.dropped + unfinished
    }

    /// Visitors per second who were answered rightly.
    #[must_use]
    pub fn answered_per_s(&self) -> f64 {
        let answered = crate::rates::fraction(self.served + self.refused);
        rounded(ratio(answered, ratio(self.elapsed_ms, 1e3)), 1)
    }

    /// What came, and how long everything took, as lines and a table.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { arrived, served, refused, wrong, failed, dropped, unfinished, late, .. } = self;
        let mut text = format!(
            "{arrived} came, {:.1}/s answered: {served} served, {refused} refused, {wrong} wrong, {failed} failed, \
             {dropped} dropped, {unfinished} unfinished; {late} late\n\n",
            self.answered_per_s()
        );
        let row = |name: &str, took: &Percentiles| {
            let [count, p50, p90, p99, p999, max] = took.cells();
            [name.to_owned(), count, p50, p90, p99, p999, max]
        };
        let mut rows = vec![["", "count", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"].map(str::to_owned)];
        rows.push(row("visit", &self.visit_ms));
        rows.push(row("  waited to begin", &self.wait_ms));
        for operation in self.operations.iter().filter(|operation| operation.latency_ms.count > 0) {
            if let [only] = operation.answers.as_slice() {
                rows.push(row(&format!("{}: {}", operation.name, only.label()), &only.latency_ms));
                continue;
            }
            rows.push(row(&operation.name, &operation.latency_ms));
            rows.extend(
                operation.answers.iter().map(|answer| row(&format!("  {}", answer.label()), &answer.latency_ms)),
            );
        }
        text.push_str(&columns(&rows, &[0]));
        text
    }
}

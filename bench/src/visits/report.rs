//! Report of a load test, as JSON and as a table.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::columns::columns;
use crate::rates::{millis, ratio, rounded};

/// Report of a load test. Every visit is counted in exactly one of `served`, `refused`, `unexpected`, `failed`, `dropped`
/// and `unfinished`.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// Duration of the run, in milliseconds.
    pub elapsed_ms: f64,
    /// Visits that were due, as the schedule determines.
    pub arrived: u64,
    /// Visits that completed all steps.
    pub served: u64,
    /// Visits that ended with an expected refusal, such as a sold-out item.
    pub refused: u64,
    /// Visits that ended with any other error response.
    pub unexpected: u64,
    /// Visits without a response: connection refused, broken off, or timed out.
    pub failed: u64,
    /// Visits that found the queue of the generator full.
    pub dropped: u64,
    /// Visits that were waiting or in progress at the end.
    pub unfinished: u64,
    /// Visits that began more than 1 ms after they were due, because no connection was free or the generator was late.
    pub late: u64,
    /// Whether the run was stopped before its end.
    pub is_cut_short: bool,
    /// Time from the due time to the last response, of served and refused visits. Visits that timed out or did not finish are
    /// included with the time that they waited.
    pub visit_ms: Percentiles,
    /// Time from the due time to the first request.
    pub wait_ms: Percentiles,
    /// Statistics per operation.
    pub operations: Vec<Operation>,
}

/// Statistics of one operation of the scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Name of the operation.
    pub name: String,
    /// Latency of all responses. The first request of a visit counts from its due time, a later one from the previous
    /// response.
    pub latency_ms: Percentiles,
    /// Statistics per status and code, the most frequent first.
    pub responses: Vec<ResponseStats>,
}

/// Responses with the same status and code.
#[derive(Clone, Debug, Serialize)]
pub struct ResponseStats {
    /// HTTP status; `None` when there was no response.
    pub status: Option<u16>,
    /// Error code, or the kind of failure.
    pub code: Option<String>,
    /// Number of responses and their latency.
    pub latency_ms: Percentiles,
}

/// Percentiles of a duration, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Number of measured values.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// Maximum.
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

impl ResponseStats {
    /// Status and code, such as `409 SALE_SOLD_OUT`.
    #[must_use]
    pub fn label(&self) -> String {
        let words = [self.status.map(|status| status.to_string()), self.code.clone()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl LoadReport {
    /// Number of visits with an error: unexpected, failed, dropped and unfinished. Unfinished visits of a run that was stopped
    /// early are not errors.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let unfinished = if self.is_cut_short { 0 } else { self.unfinished };
        self.unexpected + self.failed + self.dropped + unfinished
    }

    /// Served and refused visits per second.
    #[must_use]
    pub fn completed_per_s(&self) -> f64 {
        let completed = crate::rates::fraction(self.served + self.refused);
        rounded(ratio(completed, ratio(self.elapsed_ms, 1e3)), 1)
    }

    /// Counts and percentiles as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { arrived, served, refused, unexpected, failed, dropped, unfinished, late, .. } = self;
        let mut text = format!(
            "{arrived} visits, {:.1}/s completed: {served} served, {refused} refused, {unexpected} unexpected, {failed} failed, \
             {dropped} dropped, {unfinished} unfinished; {late} began late\n\n",
            self.completed_per_s()
        );
        let row = |name: &str, took: &Percentiles| {
            let [count, p50, p90, p99, p999, max] = took.cells();
            [name.to_owned(), count, p50, p90, p99, p999, max]
        };
        let mut rows = vec![["", "count", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"].map(str::to_owned)];
        rows.push(row("visit", &self.visit_ms));
        rows.push(row("  waiting time", &self.wait_ms));
        for operation in self.operations.iter().filter(|operation| operation.latency_ms.count > 0) {
            if let [only] = operation.responses.as_slice() {
                rows.push(row(&format!("{}: {}", operation.name, only.label()), &only.latency_ms));
                continue;
            }
            rows.push(row(&operation.name, &operation.latency_ms));
            rows.extend(
                operation
                    .responses
                    .iter()
                    .map(|response| row(&format!("  {}", response.label()), &response.latency_ms)),
            );
        }
        text.push_str(&columns(&rows, &[0]));
        text
    }
}

//! Counts and times of one route. The handles are made once, so that counting formats and allocates nothing.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, histogram};

/// The statuses that the edge answers with; others are counted under 500.
const STATUSES: [u16; 24] = [
    500, 200, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 431, 501, 502, 503, 504, 201, 202,
    206,
];

/// Counts and times of one route.
pub(crate) struct Meter {
    /// The label: a template, an rpc, or the kind of page. Never the path of a request.
    pub(crate) route: String,
    latency: Histogram,
    by_status: [OnceLock<Counter>; STATUSES.len()],
}

impl Meter {
    /// A meter; the recorder must be installed before.
    pub(crate) fn new(route: impl Into<String>) -> Self {
        let route = route.into();
        let latency = histogram!("pulse_edge_latency_seconds", "route" => route.clone());
        Self { route, latency, by_status: [const { OnceLock::new() }; STATUSES.len()] }
    }

    /// Counts one answer.
    pub(crate) fn record(&self, status: StatusCode, took: Duration) {
        self.latency.record(took);
        let index = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(0);
        if let (Some(counter), Some(status)) = (self.by_status.get(index), STATUSES.get(index)) {
            let make =
                || counter!("pulse_edge_requests_total", "route" => self.route.clone(), "status" => status.to_string());
            counter.get_or_init(make).increment(1);
        }
    }
}

/// Says what the numbers of the edge mean.
pub(crate) fn describe() {
    describe_counter!("pulse_edge_requests_total", "Requests that were answered, by route and status");
    describe_histogram!("pulse_edge_latency_seconds", "From the headers of a request to the headers of its answer");
    describe_counter!("pulse_edge_errors_total", "Refusals and failures, by error code");
    describe_gauge!("pulse_edge_calls", "Contract calls under way");
    describe_gauge!("pulse_edge_streams", "Open server streams");
    describe_counter!("pulse_edge_gate_failures_total", "Rate limits that could not be checked");
}

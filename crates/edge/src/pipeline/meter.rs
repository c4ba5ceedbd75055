//! Metrics of one route. The handles are created once, so recording neither formats nor allocates.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, histogram};

/// Statuses whose counters are created once; the counter of every other status is looked up.
const STATUSES: [u16; 26] = [
    500, 200, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 431, 501, 502, 503, 504, 201,
    202, 206, 302,
];

/// Request count and duration of one route.
pub(crate) struct Meter {
    /// Value of the label `route`: a path template, an rpc, or a kind of page. Never the path of a request.
    pub(crate) route: String,
    duration: Histogram,
    by_status: [OnceLock<Counter>; STATUSES.len()],
}

impl Meter {
    /// Registers the metrics of a route; the recorder must be installed before.
    pub(crate) fn new(route: impl Into<String>) -> Self {
        let route = route.into();
        let duration = histogram!("pulse_edge_request_duration_seconds", "route" => route.clone());
        Self { route, duration, by_status: [const { OnceLock::new() }; STATUSES.len()] }
    }

    /// Records one response.
    pub(crate) fn record(&self, status: StatusCode, took: Duration) {
        self.duration.record(took);
        let code = status.as_str();
        let make = || counter!("pulse_edge_requests_total", "route" => self.route.clone(), "status" => code.to_owned());
        let index = STATUSES.iter().position(|known| *known == status.as_u16());
        match index.and_then(|index| self.by_status.get(index)) {
            Some(counter) => counter.get_or_init(make).increment(1),
            None => make().increment(1),
        }
    }
}

/// Registers the HELP text of the edge's metrics.
pub(crate) fn describe() {
    describe_counter!("pulse_edge_requests_total", "Completed requests, by route and HTTP status.");
    describe_histogram!(
        "pulse_edge_request_duration_seconds",
        "Time from the headers of a request to the headers of its response, by route."
    );
    describe_counter!("pulse_edge_errors_total", "Error responses, by error code.");
    describe_gauge!("pulse_edge_requests_in_flight", "Contract calls in progress.");
    describe_gauge!("pulse_edge_streams", "Open server streams.");
    describe_counter!(
        "pulse_edge_rate_limiter_errors_total",
        "Rate limit checks that failed; the requests were allowed."
    );
}

//! Open-loop load test of visits: sequences of requests that depend on each other.
//!
//! [`crate::Load`] measures a single request. Here, visits are due on a schedule that does not depend on the server. A visit
//! makes several requests, such as taking a ticket and then buying with it. A visit that finds all connections busy
//! waits in a queue, and the wait is part of its latency; a visit that finds the queue full is dropped and counted.
//! Therefore a server that stalls shows the latency that its users see (no coordinated omission).

mod arrival_queue;
mod arrivals;
mod client;
mod load_run;
mod report;
mod stats;

use bytes::Bytes;

pub use arrivals::{Arrivals, Spacing};
pub use load_run::{LoadRun, Snapshot};
pub use report::{LoadReport, Operation, Percentiles, ResponseStats};

/// Requests of a visit.
pub trait Scenario: Send + Sync {
    /// Names of the operations that the requests belong to.
    fn operations(&self) -> &'static [&'static str];

    /// Error codes of refusals that are correct results, such as a sold-out item.
    fn expected_refusals(&self) -> &'static [&'static str];

    /// Next step of a visit: `visit` is its number, `step` counts from 0, `last` is the body of the last response. Called
    /// only after responses with a status below 400.
    fn next(&self, visit: u64, step: usize, last: &[u8]) -> NextStep;
}

/// Next step of a visit.
#[derive(Clone, Debug)]
pub enum NextStep {
    /// Sends a request.
    Send {
        /// Index into the operations of the scenario.
        operation: usize,
        /// The rendered request.
        request: Bytes,
    },
    /// The visit ends successfully.
    Done,
    /// The visit ends with an expected refusal whose status is not an error, such as a position in a waiting room.
    Refused,
    /// The visit ends because the last response lacks a required value.
    Unexpected,
}

//! Visitors: an open loop of people who each ask for something in a few steps.
//!
//! [`crate::Load`] finds out how fast one request can be answered. Here visitors come as a schedule says, whatever the
//! server does, and each makes a visit: requests that follow from one another, such as taking a ticket and then buying
//! with it. Whoever finds all connections busy waits, and the wait is part of what is measured; whoever finds too many
//! waiting goes away and is counted. So a server that stands still looks as bad as it is (no coordinated omission).

mod arrivals;
mod backlog;
mod crowd;
mod line;
mod report;
mod tally;

use bytes::Bytes;

pub use arrivals::{Arrivals, Spacing};
pub use crowd::{Crowd, Glimpse};
pub use report::{Answer, Operation, Percentiles, Visited};

/// What visitors do.
pub trait Scenario: Send + Sync {
    /// The names of what they ask for.
    fn operations(&self) -> &'static [&'static str];

    /// The codes of refusals that are right answers.
    fn right_refusals(&self) -> &'static [&'static str];

    /// What the visitor of this number does in this step (0 is the first), after this body of the last answer. It is only
    /// asked after answers with a status below 400.
    fn next(&self, visitor: u64, step: usize, last: &[u8]) -> Next;
}

/// A step of a visit.
#[derive(Clone, Debug)]
pub enum Next {
    /// The visitor asks.
    Ask {
        /// The place of the operation among the scenario's.
        operation: usize,
        /// The rendered request.
        request: Bytes,
    },
    /// The visitor has everything.
    Over,
    /// The answer was a no that is right, although its status is not one of refusals: a place in a waiting room.
    Refused,
    /// The answer lacks what should be in it.
    Lost,
}

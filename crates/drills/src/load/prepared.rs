//! A prepared scenario.

use std::sync::Arc;

use pulse_bench::Scenario;

/// A scenario that can run, with remarks about its preparation.
pub(super) struct Prepared {
    pub(super) scenario: Arc<dyn Scenario>,
    pub(super) notes: Vec<String>,
}

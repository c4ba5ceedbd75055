//! Results of benchmarks, and where they go.

use std::time::Duration;

use pulse_bench::{Measurement, Outcome};
use serde::Serialize;
use serde_json::{Map, Value};

/// A measurement with the additional values of its benchmark.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Subject and reference, with rates and percentiles.
    #[serde(flatten)]
    pub measurement: Measurement,
    /// Additional values by name; each name ends in its unit.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl From<Measurement> for Figure {
    fn from(measurement: Measurement) -> Self {
        Self { measurement, more: Map::new() }
    }
}

impl Figure {
    /// Adds a value under a name that ends in its unit.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.measurement.notes.push(format!("{name} {value}"));
        self.more.insert(name.to_owned(), value);
        self
    }
}

/// Receives each figure as soon as it is measured.
pub(super) struct Output<'a>(pub(super) &'a mut dyn FnMut(Figure) -> anyhow::Result<()>);

impl Output<'_> {
    pub(super) fn add(&mut self, figure: Figure) -> anyhow::Result<()> {
        (self.0)(figure)
    }
}

/// Converts a duration and a list of latencies into an outcome.
pub(super) fn outcome_of(elapsed: Duration, latencies: &[Duration]) -> Outcome {
    let mut outcome = Outcome { elapsed, ..Outcome::default() };
    for latency in latencies {
        outcome.record(0, 0, u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
    outcome
}

/// Converts a run of the store into an outcome.
pub(super) fn outcome(run: &pulse_store::bench::Run) -> Outcome {
    outcome_of(run.elapsed, &run.latencies)
}

//! Errors of starting telemetry.

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

use crate::export::Failure;

/// Telemetry cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is not valid.
    #[error("the log filter is not valid")]
    Filter(#[source] ParseError),
    /// The span exporter cannot be created.
    #[error("the span exporter cannot be created")]
    Exporter(#[source] Failure),
    /// Spans are to be exported, and the binary was built without an exporter.
    #[error("spans cannot be exported: this binary was built without OTLP (feature `full`)")]
    NoExporter,
    /// The process already has a subscriber for log lines.
    #[error("logging is already started in this process")]
    Started(#[source] TryInitError),
    /// The process already has a metrics recorder, or its thread cannot be started.
    #[error("the metrics recorder cannot be installed")]
    Metrics,
}

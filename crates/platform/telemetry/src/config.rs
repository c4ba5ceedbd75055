//! Configuration of telemetry; the node reads the values.

use std::time::Duration;

use pulse_kernel::Timestamp;

use crate::incoming::Sampling;

/// Format of log lines. Both write one event per line with the same fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for a terminal.
    #[default]
    Human,
    /// One JSON object per line, for collectors.
    Json,
}

/// Export of spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// URL of an OTLP collector over gRPC, for example `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// Timeout of one export.
    pub timeout: Duration,
}

/// Build of the binary, for `pulse_build_info` and the span exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// Version of the release, for example `0.1.0`.
    pub version: String,
    /// Source revision; empty if unknown.
    pub revision: String,
    /// Release time; `None` if unknown.
    pub released_at: Option<Timestamp>,
}

/// Configuration of telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Name of the process in traces, for example `pulse-gateway`.
    pub service: String,
    /// Build of the binary.
    pub build: BuildInfo,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Log levels by module, for example `info,pulse_store=debug`.
    pub log_filter: String,
    /// Selection of traced requests.
    pub sampling: Sampling,
    /// Export of spans; without it no spans are recorded, and trace contexts are only propagated.
    pub otlp: Option<OtlpConfig>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            service: "pulse".to_owned(),
            build: BuildInfo::default(),
            log_format: LogFormat::default(),
            log_filter: "info".to_owned(),
            sampling: Sampling::default(),
            otlp: None,
        }
    }
}

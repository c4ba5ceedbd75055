//! What telemetry may be told: all of it values, read by the node.

use std::time::Duration;

use pulse_kernel::Timestamp;

use crate::incoming::Sampling;

/// How log lines look. Both print one event per line with the same fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    #[default]
    Human,
    /// One JSON object per line, for collectors.
    Json,
}

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// URL of a collector that speaks OTLP over gRPC, for example `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// How long one export may take.
    pub timeout: Duration,
}

/// What is running, for `pulse_build_info` and for the collector of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of the release, for example `0.1.0`.
    pub version: String,
    /// The revision that it was built from; empty when unknown.
    pub revision: String,
    /// When it was released; `None` when unknown.
    pub released_at: Option<Timestamp>,
}

/// Everything that telemetry may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// The name of this process among others, for example `pulse-gateway`.
    pub service: String,
    /// What is running.
    pub build: BuildInfo,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are: levels by module, for example `info,pulse_store=debug`.
    pub log_filter: String,
    /// Which requests without a decision of their caller are traced.
    pub sampling: Sampling,
    /// Where spans go; without it there are none, and traces are only passed on.
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

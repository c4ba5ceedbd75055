//! Logs, traces, metrics and profiles.
//!
//! A process that runs nodes calls [`init`] once. Without it everything else works and records nothing.
//!
//! - A request's [`pulse_kernel::TraceContext`] comes from its headers ([`Sampling::trace_of`]), becomes a span
//!   ([`TraceSpan::open`]) and travels in `Cx`, over the network and through the outbox. Work runs inside
//!   [`TraceSpan::run`], so each of its log lines carries the trace id in the field `trace`. Spawned futures are wrapped
//!   in [`in_current_trace`].
//! - Counters, gauges and histograms are written with the `metrics` crate and exported with [`metrics::render`]. Names
//!   are `pulse_<context>_<thing>_<unit>`, counters end in `_total`, durations in `_seconds`, sizes in `_bytes`. Each is
//!   described once; `promtool check metrics` rejects a metric without HELP.
//! - [`profile`] records CPU time and memory by function; [`runtime`] reports tasks and threads.
//! - Spans are exported and profiles are taken by what the binary installs: `pulse-otlp` and `pulse-profiler`.
//!
//! **Invariants:** every log line carries a trace id; a request that is not sampled allocates no span; telemetry never
//! fails a request.

mod config;
mod current;
mod error;
pub mod export;
mod incoming;
mod init;
mod logs;
pub mod metrics;
pub mod profile;
pub mod runtime;
mod span;
mod system;

pub use config::{BuildInfo, LogFormat, OtlpConfig, TelemetryConfig};
pub use current::{current_trace, in_current_trace, in_trace};
pub use error::TelemetryError;
pub use incoming::Sampling;
pub use init::{TelemetryGuard, init, install};
pub use span::{SpanKind, TraceSpan};

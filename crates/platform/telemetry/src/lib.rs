//! Logs, traces, metrics and profiles.
//!
//! [`init`] is called once by a process that runs nodes; everything else works without it too, into the void.
//!
//! - A request's [`pulse_kernel::TraceContext`] comes from its headers ([`Sampling::trace_of`]), becomes a span
//!   ([`TraceSpan::open`]) and travels in `Cx`, over the wire and through the outbox. Work runs inside
//!   [`TraceSpan::run`], so every log line of it carries the trace id in the field `trace`. What is spawned from
//!   there is wrapped into [`in_current_trace`].
//! - Counters, gauges and histograms are made with the `metrics` crate anywhere and read with
//!   [`metrics::render`]. Names are `pulse_<context>_<thing>_<unit>`, counters end in `_total`, durations in
//!   `_seconds`, sizes in `_bytes`; each is described once, or `promtool check metrics` complains.
//! - [`profile`] says where the time and the memory go, [`runtime`] what the tasks do.
//!
//! **Invariants:** every log line carries a trace id; a request that is not sampled allocates no span; nothing
//! here ever fails a request.

mod config;
mod current;
mod export;
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
pub use incoming::Sampling;
pub use init::{TelemetryError, TelemetryGuard, init, install};
pub use span::{SpanKind, TraceSpan};

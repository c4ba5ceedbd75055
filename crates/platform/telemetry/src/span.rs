//! Spans of work that a trace passes through: a request, a call, an event sent, an event handled.

use std::fmt;
use std::future::Future;

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use pulse_kernel::TraceContext;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::current::{in_trace, random_span_id, within};

/// What a span does in its trace (OpenTelemetry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Answers a request that came over the network.
    Server,
    /// Waits for the answer of somebody else.
    Client,
    /// Writes an event that somebody handles later.
    Producer,
    /// Handles an event that somebody wrote earlier.
    Consumer,
    /// Works in between.
    Internal,
}

impl SpanKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Internal => "internal",
        }
    }
}

/// Work in a trace. It is recorded from [`TraceSpan::open`] until it is dropped, if the trace is sampled and
/// spans are exported; otherwise it only carries the trace and allocates nothing.
pub struct TraceSpan {
    trace: TraceContext,
    span: tracing::Span,
}

impl TraceSpan {
    /// Begins work that `cause` led to: what [`crate::Sampling::trace_of`] read from a request, the trace of a
    /// `Cx`, or the one that an event brought along.
    #[must_use]
    pub fn open(name: &str, kind: SpanKind, cause: TraceContext) -> Self {
        let span = if cause.is_sampled { record(name, kind, cause) } else { tracing::Span::none() };
        let span_id = if span.is_disabled() {
            // Nobody records this work: what it causes hangs below its own cause.
            if cause.span_id == 0 { random_span_id() } else { cause.span_id }
        } else {
            u64::from_be_bytes(span.context().span().span_context().span_id().to_bytes())
        };
        Self { trace: TraceContext { span_id, ..cause }, span }
    }

    /// The place of this work in its trace: put it into the `Cx`, and into the headers of calls.
    #[must_use]
    pub const fn trace(&self) -> TraceContext {
        self.trace
    }

    /// Runs `future` as this work: its log lines carry the trace, and spans below it hang below this one.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        in_trace(self.trace, future).instrument(self.span.clone())
    }

    /// Adds a public value to what is recorded, for example `http.response.status_code`.
    pub fn set(&self, key: &'static str, value: impl fmt::Display) {
        if !self.span.is_disabled() {
            self.span.set_attribute(key, value.to_string());
        }
    }

    /// Records that the work failed, by the stable code of the error.
    pub fn fail(&self, code: &'static str) {
        if !self.span.is_disabled() {
            self.span.set_status(Status::error(code));
        }
    }
}

impl fmt::Debug for TraceSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSpan").field("trace", &self.trace).finish_non_exhaustive()
    }
}

fn record(name: &str, kind: SpanKind, cause: TraceContext) -> tracing::Span {
    // Inside the trace, because the filter of spans and the giver of trace ids look there.
    within(cause, || {
        let span = tracing::info_span!(parent: None, "span", otel.name = name, otel.kind = kind.name());
        if cause.span_id != 0 && !span.is_disabled() {
            let parent = SpanContext::new(
                TraceId::from_bytes(cause.trace_id.to_be_bytes()),
                SpanId::from_bytes(cause.span_id.to_be_bytes()),
                TraceFlags::SAMPLED,
                true,
                TraceState::default(),
            );
            let parent = opentelemetry::Context::new().with_remote_span_context(parent);
            if let Err(error) = span.set_parent(parent) {
                tracing::debug!(%error, "a span has lost its parent");
            }
        }
        if !span.is_disabled() {
            // Begins it, now that the trace is known.
            drop(span.context());
        }
        span
    })
}

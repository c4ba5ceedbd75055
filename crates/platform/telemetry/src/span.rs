//! Spans: a request, an outgoing call, an event sent, an event handled.

use std::fmt;
use std::future::Future;

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use pulse_kernel::TraceContext;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::current::{in_trace, random_span_id, within};

/// Role of a span in its trace (OpenTelemetry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Handles an incoming request.
    Server,
    /// Waits for the response of another service.
    Client,
    /// Publishes an event.
    Producer,
    /// Handles an event.
    Consumer,
    /// An internal step.
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

/// A span of a trace. It is recorded from [`TraceSpan::open`] until it is dropped, if the trace is sampled and spans are
/// exported; otherwise it only carries the trace context and allocates nothing.
pub struct TraceSpan {
    trace: TraceContext,
    span: tracing::Span,
}

impl TraceSpan {
    /// Starts a span below `cause`: the result of [`crate::Sampling::trace_of`], the trace of a `Cx`, or that of an
    /// event.
    #[must_use]
    pub fn open(name: &str, kind: SpanKind, cause: TraceContext) -> Self {
        let span = if cause.is_sampled { record(name, kind, cause) } else { tracing::Span::none() };
        let span_id = if span.is_disabled() {
            // Not recorded: child spans get the parent of this span.
            if cause.span_id == 0 { random_span_id() } else { cause.span_id }
        } else {
            u64::from_be_bytes(span.context().span().span_context().span_id().to_bytes())
        };
        Self { trace: TraceContext { span_id, ..cause }, span }
    }

    /// The trace context of this span, for the `Cx` and the headers of outgoing calls.
    #[must_use]
    pub const fn trace(&self) -> TraceContext {
        self.trace
    }

    /// Runs `future` in this span: its log lines carry the trace, and its spans are children of this span.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        in_trace(self.trace, future).instrument(self.span.clone())
    }

    /// Sets an attribute, for example `http.response.status_code`. The value must not be confidential.
    pub fn set(&self, key: &'static str, value: impl fmt::Display) {
        if !self.span.is_disabled() {
            self.span.set_attribute(key, value.to_string());
        }
    }

    /// Sets the status to failed, with the code of the error.
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
    // Inside the trace, because the span filter and the id generator read it.
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
                tracing::debug!(%error, "span parent cannot be set");
            }
        }
        if !span.is_disabled() {
            // Starts the OpenTelemetry span after its parent is set.
            drop(span.context());
        }
        span
    })
}

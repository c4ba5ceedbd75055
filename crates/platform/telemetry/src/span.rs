//! Spans: a request, an outgoing call, an event sent, an event handled.

use std::fmt;
use std::future::Future;

use pulse_kernel::TraceContext;
use tracing::Instrument;

use crate::current::{in_trace, random_span_id, within};
use crate::export::{self, Recorder};

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
    /// Only of a span that is recorded.
    recorder: Option<&'static dyn Recorder>,
}

impl TraceSpan {
    /// Starts a span below `cause`: the result of [`crate::Sampling::trace_of`], the trace of a `Cx`, or that of an
    /// event.
    #[must_use]
    pub fn open(name: &str, kind: SpanKind, cause: TraceContext) -> Self {
        let recorded = if cause.is_sampled { record(name, kind, cause) } else { None };
        let Some((span, recorder, span_id)) = recorded else {
            // Not recorded: child spans get the parent of this span.
            let span_id = if cause.span_id == 0 { random_span_id() } else { cause.span_id };
            return Self { trace: TraceContext { span_id, ..cause }, span: tracing::Span::none(), recorder: None };
        };
        Self { trace: TraceContext { span_id, ..cause }, span, recorder: Some(recorder) }
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
        if let Some(recorder) = self.recorder {
            recorder.set(&self.span, key, value.to_string());
        }
    }

    /// Sets the status to failed, with the code of the error.
    pub fn fail(&self, code: &'static str) {
        if let Some(recorder) = self.recorder {
            recorder.fail(&self.span, code);
        }
    }
}

impl fmt::Debug for TraceSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSpan").field("trace", &self.trace).finish_non_exhaustive()
    }
}

fn record(name: &str, kind: SpanKind, cause: TraceContext) -> Option<(tracing::Span, &'static dyn Recorder, u64)> {
    let recorder = export::installed()?.recorder();
    // Inside the trace, because the span filter and the id generator read it.
    within(cause, || {
        let span = tracing::info_span!(parent: None, "span", otel.name = name, otel.kind = kind.name());
        if span.is_disabled() {
            return None;
        }
        let span_id = recorder.start(&span, cause);
        Some((span, recorder, span_id))
    })
}

//! The trace of the running task, for log lines and for the decision whether spans are recorded.

use std::future::Future;
use std::sync::OnceLock;

use pulse_kernel::TraceContext;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace of this task: that of its request or event, else the trace of the process, for background work.
#[must_use]
pub fn current_trace() -> TraceContext {
    CURRENT.try_with(|trace| *trace).unwrap_or_else(|_| process_trace())
}

/// Runs `future` in `trace`. Not an `async fn`, which would store the future twice: as argument and while awaited.
pub fn in_trace<F: Future>(trace: TraceContext, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(trace, future)
}

/// Attaches the current trace and span to a future that will be spawned.
pub fn in_current_trace<F: Future>(future: F) -> impl Future<Output = F::Output> {
    tracing::Instrument::in_current_span(in_trace(current_trace(), future))
}

/// Runs `work` synchronously in `trace`.
pub(crate) fn within<R>(trace: TraceContext, work: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(trace, work)
}

fn process_trace() -> TraceContext {
    static PROCESS: OnceLock<TraceContext> = OnceLock::new();
    *PROCESS.get_or_init(|| TraceContext { trace_id: random_trace_id(), span_id: random_span_id(), is_sampled: false })
}

pub(crate) fn random_trace_id() -> u128 {
    rand::random::<u128>().max(1)
}

/// A random span id, never 0.
#[must_use]
pub fn random_span_id() -> u64 {
    rand::random::<u64>().max(1)
}

//! The trace in which the running task works: for log lines, and for deciding whether spans are made.

use std::future::Future;
use std::sync::OnceLock;

use pulse_kernel::TraceContext;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace in which this task works: that of its request or event, else the one of the process, under which
/// everything is found that happened for nobody in particular.
#[must_use]
pub fn current_trace() -> TraceContext {
    CURRENT.try_with(|trace| *trace).unwrap_or_else(|_| process_trace())
}

/// Runs `future` in `trace`. No `async fn`, which would keep the future twice: once as it came, once as it is awaited.
pub fn in_trace<F: Future>(trace: TraceContext, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(trace, future)
}

/// Gives a future that is about to be spawned the trace and the span of who spawns it.
pub fn in_current_trace<F: Future>(future: F) -> impl Future<Output = F::Output> {
    tracing::Instrument::in_current_span(in_trace(current_trace(), future))
}

/// Runs `work` at once in `trace`.
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

pub(crate) fn random_span_id() -> u64 {
    rand::random::<u64>().max(1)
}

//! Metrics of the tokio runtime.

use super::exposition::{Exposition, Type};

/// Writes the metrics of the current runtime; nothing outside of one.
pub(super) fn write(out: &mut Exposition) {
    let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
    let runtime = handle.metrics();
    out.family("pulse_runtime_workers", Type::Gauge, "Worker threads of the runtime.")
        .sample(&[], runtime.num_workers());
    out.family("pulse_runtime_tasks", Type::Gauge, "Tasks that have not ended.").sample(&[], runtime.num_alive_tasks());
    out.family("pulse_runtime_queued_tasks", Type::Gauge, "Tasks in the global queue of the runtime.")
        .sample(&[], runtime.global_queue_depth());
    let mut busy = out.family("pulse_runtime_busy_seconds_total", Type::Counter, "Time spent in tasks, by worker.");
    for worker in 0..runtime.num_workers() {
        let millis = runtime.worker_total_busy_duration(worker).as_millis();
        busy.millis(&[("worker", &worker.to_string())], u64::try_from(millis).unwrap_or(u64::MAX));
    }
    let mut parks = out.family("pulse_runtime_parks_total", Type::Counter, "Times that a worker became idle.");
    for worker in 0..runtime.num_workers() {
        parks.sample(&[("worker", &worker.to_string())], runtime.worker_park_count(worker));
    }
}

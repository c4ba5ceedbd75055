//! Process and machine as metrics, read from /proc when somebody asks.

mod exposition;
mod machine;
mod process;

use std::fs;

use self::exposition::{Exposition, Type};
use crate::config::BuildInfo;

/// Linux shows times to programs in hundredths of a second on every architecture (USER_HZ).
const MILLIS_PER_TICK: u64 = 10;

/// The metrics of process, machine, runtime and build. What this system does not show is left out.
pub(crate) fn render(build: Option<&BuildInfo>) -> String {
    let mut out = Exposition::default();
    if let Some(build) = build {
        write_build(&mut out, build);
    }
    process::write(&mut out);
    machine::write(&mut out);
    write_runtime(&mut out);
    out.into_text()
}

fn write_build(out: &mut Exposition, build: &BuildInfo) {
    let labels = [("version", build.version.as_str()), ("revision", build.revision.as_str())];
    out.family("pulse_build_info", Type::Gauge, "What is running; always 1.").sample(&labels, 1);
    if let Some(released_at) = build.released_at {
        out.family("pulse_build_release_time_seconds", Type::Gauge, "When it was released, since 1970.")
            .millis(&[], u64::try_from(released_at.as_millis()).unwrap_or(0));
    }
}

/// The runtime in which the question is asked; nothing outside of one.
fn write_runtime(out: &mut Exposition) {
    let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
    let runtime = handle.metrics();
    out.family("pulse_runtime_workers", Type::Gauge, "Threads that run tasks.").sample(&[], runtime.num_workers());
    out.family("pulse_runtime_tasks", Type::Gauge, "Tasks that are alive.").sample(&[], runtime.num_alive_tasks());
    out.family("pulse_runtime_queued_tasks", Type::Gauge, "Tasks that wait for any worker.")
        .sample(&[], runtime.global_queue_depth());
    let mut busy = out.family("pulse_runtime_busy_seconds_total", Type::Counter, "Time that workers ran tasks.");
    for worker in 0..runtime.num_workers() {
        let millis = runtime.worker_total_busy_duration(worker).as_millis();
        busy.millis(&[("worker", &worker.to_string())], u64::try_from(millis).unwrap_or(u64::MAX));
    }
    let mut parks = out.family("pulse_runtime_parks_total", Type::Counter, "Times that workers had nothing to do.");
    for worker in 0..runtime.num_workers() {
        parks.sample(&[("worker", &worker.to_string())], runtime.worker_park_count(worker));
    }
}

/// A file of /proc, empty when this system or this container does not show it.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The number in the given column, counted from 0.
fn column(line: &str, index: usize) -> Option<u64> {
    line.split_ascii_whitespace().nth(index)?.parse().ok()
}

/// The number behind `name` in a file of `name: number` or `name number` lines.
fn named(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    column(line.trim_start_matches(':'), 0)
}

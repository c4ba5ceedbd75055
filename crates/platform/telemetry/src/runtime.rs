//! A text report of the tasks and threads of this process.

use std::fmt::Write as _;
use std::fs;

use tokio::runtime::Handle;

/// The tokio runtime of `handle` and the threads of the process, as text.
///
/// Reads three small files per thread: call it where blocking for some milliseconds is allowed.
#[must_use]
pub fn report(handle: &Handle) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write_runtime(&mut text, handle).and_then(|()| write_threads(&mut text)).unwrap_or(());
    text
}

fn write_runtime(text: &mut String, handle: &Handle) -> std::fmt::Result {
    let metrics = handle.metrics();
    writeln!(text, "workers            {}", metrics.num_workers())?;
    writeln!(text, "tasks alive        {}", metrics.num_alive_tasks())?;
    writeln!(text, "global queue       {}", metrics.global_queue_depth())?;
    writeln!(text, "\nworker  busy ms  parks")?;
    for worker in 0..metrics.num_workers() {
        let busy_ms = metrics.worker_total_busy_duration(worker).as_millis();
        writeln!(text, "{worker:6}  {busy_ms:7}  {}", metrics.worker_park_count(worker))?;
    }
    Ok(())
}

fn write_threads(text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nthread   state  waits in                  name")?;
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Ok(()) };
    for thread in threads.flatten() {
        let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let (status, name, waits_in) = (read("status"), read("comm"), read("wchan"));
        let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or("?").trim();
        let state = state.chars().next().unwrap_or('?');
        let id = thread.file_name();
        writeln!(text, "{:<7}  {state:5}  {:24}  {}", id.display(), waits_in.trim(), name.trim())?;
    }
    Ok(())
}

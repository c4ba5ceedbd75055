//! Metrics of this process: CPU, memory, files, threads, start time.

use procfs::process::{LimitValue, Process, Stat, Status};

use super::exposition::{Exposition, Type};

const KIBI: u64 = 1_024;

pub(super) fn write(out: &mut Exposition) {
    let Ok(process) = Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        write_stat(out, &stat);
    }
    if let Ok(status) = process.status() {
        write_status(out, &status);
    }
    write_files(out, &process);
}

fn write_stat(out: &mut Exposition, stat: &Stat) {
    let mut cpu = out.family("pulse_process_cpu_seconds_total", Type::Counter, "CPU time of the process, by mode.");
    cpu.millis(&[("mode", "user")], millis(stat.utime));
    cpu.millis(&[("mode", "system")], millis(stat.stime));
    if let Ok(booted_at) = procfs::boot_time_secs() {
        out.family("pulse_process_start_time_seconds", Type::Gauge, "Start time of the process, as Unix time.")
            .millis(&[], booted_at.saturating_mul(1_000) + millis(stat.starttime));
    }
    let mut faults = out.family("pulse_process_page_faults_total", Type::Counter, "Page faults of the process.");
    faults.sample(&[("kind", "minor")], stat.minflt);
    faults.sample(&[("kind", "major")], stat.majflt);
}

/// Clock ticks as milliseconds.
fn millis(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000).checked_div(procfs::ticks_per_second()).unwrap_or(0)
}

fn write_status(out: &mut Exposition, status: &Status) {
    for (name, help, kibi) in [
        ("pulse_process_resident_memory_bytes", "Resident memory of the process.", status.vmrss),
        ("pulse_process_virtual_memory_bytes", "Virtual memory of the process.", status.vmsize),
        ("pulse_process_swapped_memory_bytes", "Memory of the process in swap.", status.vmswap),
        ("pulse_process_resident_memory_peak_bytes", "Highest resident memory since the start.", status.vmhwm),
    ] {
        out.family(name, Type::Gauge, help).known(&[], kibi.map(|kibi| kibi.saturating_mul(KIBI)));
    }
    out.family("pulse_process_threads", Type::Gauge, "Threads of the process.").sample(&[], status.threads);
    let mut switches = out.family(
        "pulse_process_context_switches_total",
        Type::Counter,
        "Context switches of the main thread, by kind.",
    );
    switches.known(&[("kind", "voluntary")], status.voluntary_ctxt_switches);
    switches.known(&[("kind", "involuntary")], status.nonvoluntary_ctxt_switches);
}

fn write_files(out: &mut Exposition, process: &Process) {
    let open = process.fd_count().ok().and_then(|count| u64::try_from(count).ok());
    out.family("pulse_process_open_files", Type::Gauge, "Open file descriptors of the process.").known(&[], open);
    let limit = match process.limits().map(|limits| limits.max_open_files.soft_limit) {
        Ok(LimitValue::Value(limit)) => Some(limit),
        Ok(LimitValue::Unlimited) | Err(_) => None,
    };
    out.family("pulse_process_open_files_limit", Type::Gauge, "Maximum number of open file descriptors.")
        .known(&[], limit);
    let Ok(io) = process.io() else { return };
    let mut bytes =
        out.family("pulse_process_storage_bytes_total", Type::Counter, "Bytes read from and written to storage.");
    bytes.sample(&[("direction", "read")], io.read_bytes);
    bytes.sample(&[("direction", "write")], io.write_bytes);
}

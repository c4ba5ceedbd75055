//! This process: CPU, memory, files, threads, start time.

use std::fs;

use super::exposition::{Exposition, Type};
use super::{column, named, read};

const KIBI: u64 = 1_024;

pub(super) fn write(out: &mut Exposition) {
    let (stat, status) = (read("/proc/self/stat"), read("/proc/self/status"));
    // The name of the process is in brackets and may hold anything; what follows it is fields 3 and on.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let field = |number: usize| number.checked_sub(3).and_then(|index| column(fields, index));
    write_time(out, &field);
    let mut faults = out.family("pulse_process_page_faults_total", Type::Counter, "Pages that were not at hand.");
    faults.known(&[("kind", "minor")], field(10));
    faults.known(&[("kind", "major")], field(12));
    write_memory(out, &status);
    out.family("pulse_process_threads", Type::Gauge, "Threads.").known(&[], named(&status, "Threads"));
    let mut switches =
        out.family("pulse_process_context_switches_total", Type::Counter, "Times that the main thread lost its core.");
    switches.known(&[("kind", "voluntary")], named(&status, "voluntary_ctxt_switches"));
    switches.known(&[("kind", "involuntary")], named(&status, "nonvoluntary_ctxt_switches"));
    write_files(out);
}

fn write_time(out: &mut Exposition, field: &impl Fn(usize) -> Option<u64>) {
    let mut cpu = out.family("pulse_process_cpu_seconds_total", Type::Counter, "CPU time that was used.");
    for (mode, ticks) in [("user", field(14)), ("system", field(15))] {
        if let Some(ticks) = ticks {
            cpu.ticks(&[("mode", mode)], ticks);
        }
    }
    let booted_at = named(&read("/proc/stat"), "btime");
    if let Some((booted_at, since_boot)) = booted_at.zip(field(22)) {
        out.family("pulse_process_start_time_seconds", Type::Gauge, "When it was started, since 1970.")
            .millis(&[], booted_at.saturating_mul(1_000) + since_boot.saturating_mul(super::MILLIS_PER_TICK));
    }
}

fn write_memory(out: &mut Exposition, status: &str) {
    let bytes = |name: &str| named(status, name).map(|kibi| kibi.saturating_mul(KIBI));
    out.family("pulse_process_resident_memory_bytes", Type::Gauge, "Memory in RAM.").known(&[], bytes("VmRSS"));
    out.family("pulse_process_virtual_memory_bytes", Type::Gauge, "Memory that is mapped.").known(&[], bytes("VmSize"));
    out.family("pulse_process_swapped_memory_bytes", Type::Gauge, "Memory in swap.").known(&[], bytes("VmSwap"));
    out.family("pulse_process_resident_memory_peak_bytes", Type::Gauge, "The most memory in RAM so far.")
        .known(&[], bytes("VmHWM"));
}

fn write_files(out: &mut Exposition) {
    let open = fs::read_dir("/proc/self/fd").ok().and_then(|files| u64::try_from(files.count()).ok());
    out.family("pulse_process_open_files", Type::Gauge, "File descriptors that are open.").known(&[], open);
    let limits = read("/proc/self/limits");
    out.family("pulse_process_open_files_limit", Type::Gauge, "File descriptors that may be open.")
        .known(&[], named(&limits, "Max open files"));
    let io = read("/proc/self/io");
    let mut bytes = out.family("pulse_process_storage_bytes_total", Type::Counter, "Bytes from and to storage.");
    bytes.known(&[("direction", "read")], named(&io, "read_bytes"));
    bytes.known(&[("direction", "write")], named(&io, "write_bytes"));
}

//! The machine: CPU, load, memory, disks, network, TCP, files.

use super::exposition::{Exposition, Type};
use super::{column, named, read};

const KIBI: u64 = 1_024;

/// Disks count in units of 512 bytes, whatever their blocks are.
const SECTOR_BYTES: u64 = 512;

pub(super) fn write(out: &mut Exposition) {
    write_cpu(out, &read("/proc/stat"));
    write_load(out, &read("/proc/loadavg"));
    write_memory(out, &read("/proc/meminfo"));
    write_disks(out, &read("/proc/diskstats"));
    write_network(out, &read("/proc/net/dev"));
    write_tcp(out, &read("/proc/net/snmp"), &read("/proc/net/sockstat"));
    let files = read("/proc/sys/fs/file-nr");
    out.family("pulse_system_open_files", Type::Gauge, "File handles that are open.").known(&[], column(&files, 0));
    out.family("pulse_system_open_files_limit", Type::Gauge, "File handles that may be open.")
        .known(&[], column(&files, 2));
}

fn write_cpu(out: &mut Exposition, stat: &str) {
    const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let mut cpu = out.family("pulse_system_cpu_seconds_total", Type::Counter, "CPU time of all cores, by use.");
    if let Some(all) = stat.lines().find_map(|line| line.strip_prefix("cpu ")) {
        for (index, mode) in MODES.into_iter().enumerate() {
            if let Some(ticks) = column(all, index) {
                cpu.ticks(&[("mode", mode)], ticks);
            }
        }
    }
    let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let cores = u64::try_from(stat.lines().filter(is_core).count()).ok().filter(|cores| *cores > 0);
    out.family("pulse_system_cpu_cores", Type::Gauge, "Cores.").known(&[], cores);
    out.family("pulse_system_context_switches_total", Type::Counter, "Times that a core changed its thread.")
        .known(&[], named(stat, "ctxt"));
    out.family("pulse_system_interrupts_total", Type::Counter, "Interrupts.").known(&[], named(stat, "intr"));
    out.family("pulse_system_running_threads", Type::Gauge, "Threads that could run now.")
        .known(&[], named(stat, "procs_running"));
    out.family("pulse_system_blocked_threads", Type::Gauge, "Threads that wait for storage.")
        .known(&[], named(stat, "procs_blocked"));
}

fn write_load(out: &mut Exposition, loadavg: &str) {
    let mut load = out.family("pulse_system_load", Type::Gauge, "Threads that run or want to, on average.");
    let averages =
        loadavg.split_ascii_whitespace().filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    for (minutes, average) in ["1", "5", "15"].into_iter().zip(averages) {
        load.sample(&[("minutes", minutes)], average);
    }
}

fn write_memory(out: &mut Exposition, meminfo: &str) {
    const KINDS: [(&str, &str); 11] = [
        ("total", "MemTotal"),
        ("free", "MemFree"),
        ("available", "MemAvailable"),
        ("buffers", "Buffers"),
        ("cached", "Cached"),
        ("dirty", "Dirty"),
        ("shared", "Shmem"),
        ("slab", "Slab"),
        ("slab_reclaimable", "SReclaimable"),
        ("swap_total", "SwapTotal"),
        ("swap_free", "SwapFree"),
    ];
    let mut memory = out.family("pulse_system_memory_bytes", Type::Gauge, "Memory of the machine, by use.");
    for (kind, name) in KINDS {
        memory.known(&[("kind", kind)], named(meminfo, name).map(|kibi| kibi.saturating_mul(KIBI)));
    }
}

fn write_disks(out: &mut Exposition, diskstats: &str) {
    // Columns: major, minor, name, reads, merged, sectors, ms, writes, merged, sectors, ms, running, ms busy, ...
    let disks: Vec<(&str, &str)> = diskstats
        .lines()
        .filter_map(|line| Some((line.split_ascii_whitespace().nth(2)?, line)))
        .filter(|(name, _)| !["loop", "ram", "zram"].iter().any(|virtual_disk| name.starts_with(virtual_disk)))
        .collect();
    let mut bytes = out.family("pulse_system_disk_bytes_total", Type::Counter, "Bytes from and to disks.");
    for (disk, line) in &disks {
        for (direction, index) in [("read", 5), ("write", 9)] {
            let value = column(line, index).map(|sectors| sectors.saturating_mul(SECTOR_BYTES));
            bytes.known(&[("disk", disk), ("direction", direction)], value);
        }
    }
    let mut operations = out.family("pulse_system_disk_operations_total", Type::Counter, "Reads and writes done.");
    for (disk, line) in &disks {
        for (direction, index) in [("read", 3), ("write", 7)] {
            operations.known(&[("disk", disk), ("direction", direction)], column(line, index));
        }
    }
    let mut busy = out.family("pulse_system_disk_busy_seconds_total", Type::Counter, "Time that disks worked.");
    for (disk, line) in &disks {
        if let Some(millis) = column(line, 12) {
            busy.millis(&[("disk", disk)], millis);
        }
    }
}

fn write_network(out: &mut Exposition, dev: &str) {
    let devices: Vec<(&str, &str)> =
        dev.lines().filter_map(|line| line.split_once(':')).map(|(name, counts)| (name.trim(), counts)).collect();
    let mut write = |name, help, received: usize, sent: usize| {
        let mut family = out.family(name, Type::Counter, help);
        for (device, counts) in &devices {
            family.known(&[("device", device), ("direction", "receive")], column(counts, received));
            family.known(&[("device", device), ("direction", "send")], column(counts, sent));
        }
    };
    write("pulse_system_network_bytes_total", "Bytes over the network.", 0, 8);
    write("pulse_system_network_packets_total", "Packets over the network.", 1, 9);
    write("pulse_system_network_errors_total", "Packets that were broken.", 2, 10);
    write("pulse_system_network_drops_total", "Packets that were dropped.", 3, 11);
}

fn write_tcp(out: &mut Exposition, snmp: &str, sockstat: &str) {
    // Two lines begin with "Tcp:": the names, then the numbers.
    let mut rows = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (names, numbers) = (rows.next().unwrap_or(""), rows.next().unwrap_or(""));
    let tcp = |name: &str| {
        let index = names.split_ascii_whitespace().position(|other| other == name)?;
        column(numbers, index)
    };
    out.family("pulse_system_tcp_established", Type::Gauge, "TCP connections that are open.")
        .known(&[], tcp("CurrEstab"));
    let mut opened = out.family("pulse_system_tcp_opened_total", Type::Counter, "TCP connections that were begun.");
    opened.known(&[("side", "active")], tcp("ActiveOpens"));
    opened.known(&[("side", "passive")], tcp("PassiveOpens"));
    let mut segments = out.family("pulse_system_tcp_segments_total", Type::Counter, "TCP segments, by fate.");
    for (fate, name) in [
        ("received", "InSegs"),
        ("sent", "OutSegs"),
        ("resent", "RetransSegs"),
        ("broken", "InErrs"),
        ("reset", "OutRsts"),
    ] {
        segments.known(&[("fate", fate)], tcp(name));
    }
    let mut failed = out.family("pulse_system_tcp_failures_total", Type::Counter, "TCP connections that failed.");
    failed.known(&[("kind", "attempt")], tcp("AttemptFails"));
    failed.known(&[("kind", "reset")], tcp("EstabResets"));
    let sockets = sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or("");
    let socket = |name: &str| sockets.split_ascii_whitespace().skip_while(|word| *word != name).nth(1)?.parse().ok();
    let mut states = out.family("pulse_system_tcp_sockets", Type::Gauge, "TCP sockets, by state.");
    for (state, name) in [("in_use", "inuse"), ("orphan", "orphan"), ("time_wait", "tw"), ("allocated", "alloc")] {
        states.known(&[("state", state)], socket(name));
    }
}

//! Metrics of the machine: CPU, load, memory, disks, network, TCP, files.

use std::fs;

use procfs::{Current, CurrentSI, DiskStat, KernelStats, LoadAverage, Meminfo, net};

use super::exposition::{Exposition, Type};

/// The unit of disk statistics, independent of the block size of the disk.
const SECTOR_BYTES: u64 = 512;

/// Devices in memory or over other devices; their numbers would count twice.
const VIRTUAL_DISKS: [&str; 3] = ["loop", "ram", "zram"];

pub(super) fn write(out: &mut Exposition) {
    if let Ok(stats) = KernelStats::current() {
        write_cpu(out, &stats);
    }
    if let Ok(load) = LoadAverage::current() {
        write_load(out, &load);
    }
    if let Ok(memory) = Meminfo::current() {
        write_memory(out, &memory);
    }
    if let Ok(mut disks) = procfs::diskstats() {
        disks.retain(|disk| !VIRTUAL_DISKS.iter().any(|prefix| disk.name.starts_with(prefix)));
        write_disks(out, &disks);
    }
    write_network(out);
    write_tcp(out);
    if let Ok(files) = procfs::sys::fs::file_nr() {
        out.family("pulse_system_open_files", Type::Gauge, "Open file handles.").sample(&[], files.allocated);
        out.family("pulse_system_open_files_limit", Type::Gauge, "Maximum number of file handles.")
            .sample(&[], files.max);
    }
}

fn write_cpu(out: &mut Exposition, stats: &KernelStats) {
    let total = &stats.total;
    let mut cpu = out.family("pulse_system_cpu_seconds_total", Type::Counter, "CPU time of all cores, by mode.");
    for (mode, millis) in [
        ("user", Some(total.user_ms())),
        ("nice", Some(total.nice_ms())),
        ("system", Some(total.system_ms())),
        ("idle", Some(total.idle_ms())),
        ("iowait", total.iowait_ms()),
        ("irq", total.irq_ms()),
        ("softirq", total.softirq_ms()),
        ("steal", total.steal_ms()),
    ] {
        if let Some(millis) = millis {
            cpu.millis(&[("mode", mode)], millis);
        }
    }
    out.family("pulse_system_cpu_cores", Type::Gauge, "CPU cores.").sample(&[], stats.cpu_time.len());
    out.family("pulse_system_context_switches_total", Type::Counter, "Context switches.").sample(&[], stats.ctxt);
    out.family("pulse_system_interrupts_total", Type::Counter, "Interrupts.").known(&[], interrupts());
    out.family("pulse_system_running_threads", Type::Gauge, "Runnable threads.")
        .known(&[], stats.procs_running.map(u64::from));
    out.family("pulse_system_blocked_threads", Type::Gauge, "Threads blocked by storage.")
        .known(&[], stats.procs_blocked.map(u64::from));
}

/// The total of `intr` in /proc/stat, which the crate `procfs` does not read.
fn interrupts() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("intr "))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn write_load(out: &mut Exposition, load: &LoadAverage) {
    let mut family = out.family("pulse_system_load", Type::Gauge, "Load average, by minutes.");
    for (minutes, average) in [("1", load.one), ("5", load.five), ("15", load.fifteen)] {
        family.sample(&[("minutes", minutes)], average);
    }
}

fn write_memory(out: &mut Exposition, memory: &Meminfo) {
    let mut family = out.family("pulse_system_memory_bytes", Type::Gauge, "Memory of the machine, by kind.");
    for (kind, bytes) in [
        ("total", Some(memory.mem_total)),
        ("free", Some(memory.mem_free)),
        ("available", memory.mem_available),
        ("buffers", Some(memory.buffers)),
        ("cached", Some(memory.cached)),
        ("dirty", Some(memory.dirty)),
        ("shared", memory.shmem),
        ("slab", Some(memory.slab)),
        ("slab_reclaimable", memory.s_reclaimable),
        ("swap_total", Some(memory.swap_total)),
        ("swap_free", Some(memory.swap_free)),
    ] {
        family.known(&[("kind", kind)], bytes);
    }
}

fn write_disks(out: &mut Exposition, disks: &[DiskStat]) {
    let mut bytes = out.family("pulse_system_disk_bytes_total", Type::Counter, "Bytes read and written, by disk.");
    for disk in disks {
        let name = ("disk", disk.name.as_str());
        bytes.sample(&[name, ("direction", "read")], disk.sectors_read.saturating_mul(SECTOR_BYTES));
        bytes.sample(&[name, ("direction", "write")], disk.sectors_written.saturating_mul(SECTOR_BYTES));
    }
    let mut operations =
        out.family("pulse_system_disk_operations_total", Type::Counter, "Completed reads and writes, by disk.");
    for disk in disks {
        let name = ("disk", disk.name.as_str());
        operations.sample(&[name, ("direction", "read")], disk.reads);
        operations.sample(&[name, ("direction", "write")], disk.writes);
    }
    let mut busy =
        out.family("pulse_system_disk_busy_seconds_total", Type::Counter, "Time with requests in progress, by disk.");
    for disk in disks {
        busy.millis(&[("disk", &disk.name)], disk.time_in_progress);
    }
}

fn write_network(out: &mut Exposition) {
    let Ok(devices) = net::dev_status() else { return };
    let mut devices: Vec<net::DeviceStatus> = devices.into_values().collect();
    devices.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut write = |name, help, count: fn(&net::DeviceStatus) -> (u64, u64)| {
        let mut family = out.family(name, Type::Counter, help);
        for device in &devices {
            let (received, sent) = count(device);
            family.sample(&[("device", &device.name), ("direction", "receive")], received);
            family.sample(&[("device", &device.name), ("direction", "send")], sent);
        }
    };
    write("pulse_system_network_bytes_total", "Bytes received and sent, by device.", |device| {
        (device.recv_bytes, device.sent_bytes)
    });
    write("pulse_system_network_packets_total", "Packets received and sent, by device.", |device| {
        (device.recv_packets, device.sent_packets)
    });
    write("pulse_system_network_errors_total", "Packets with errors, by device.", |device| {
        (device.recv_errs, device.sent_errs)
    });
    write("pulse_system_network_drops_total", "Dropped packets, by device.", |device| {
        (device.recv_drop, device.sent_drop)
    });
}

fn write_tcp(out: &mut Exposition) {
    if let Ok(tcp) = net::snmp() {
        out.family("pulse_system_tcp_established", Type::Gauge, "Established TCP connections.")
            .sample(&[], tcp.tcp_curr_estab);
        let mut opened = out.family("pulse_system_tcp_opened_total", Type::Counter, "Opened TCP connections, by side.");
        opened.sample(&[("side", "active")], tcp.tcp_active_opens);
        opened.sample(&[("side", "passive")], tcp.tcp_passive_opens);
        let mut segments = out.family("pulse_system_tcp_segments_total", Type::Counter, "TCP segments, by kind.");
        for (kind, count) in [
            ("received", tcp.tcp_in_segs),
            ("sent", tcp.tcp_out_segs),
            ("retransmitted", tcp.tcp_retrans_segs),
            ("invalid", tcp.tcp_in_errs),
            ("reset", tcp.tcp_out_rsts),
        ] {
            segments.sample(&[("kind", kind)], count);
        }
        let mut failed =
            out.family("pulse_system_tcp_failures_total", Type::Counter, "Failed TCP connections, by kind.");
        failed.sample(&[("kind", "attempt")], tcp.tcp_attempt_fails);
        failed.sample(&[("kind", "reset")], tcp.tcp_estab_resets);
    }
    let mut sockets = out.family("pulse_system_tcp_sockets", Type::Gauge, "TCP sockets, by state.");
    let counts = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    for (state, name) in [("in_use", "inuse"), ("orphan", "orphan"), ("time_wait", "tw"), ("allocated", "alloc")] {
        sockets.known(&[("state", state)], tcp_sockets(&counts, name));
    }
}

/// A count of the line `TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1` of /proc/net/sockstat, which the crate `procfs` does
/// not read.
fn tcp_sockets(sockstat: &str, name: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_ascii_whitespace().skip_while(|word| *word != name).nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_counts_are_found_by_name() {
        let sockstat = "sockets: used 300\nTCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1\nUDP: inuse 3 mem 2\n";
        assert_eq!(tcp_sockets(sockstat, "tw"), Some(2));
        assert_eq!(tcp_sockets(sockstat, "used"), None);
    }
}

//! What the numbers were measured on.

use std::fs;

/// The processor, its cores, the memory and the kernel, in one line: a rate without it means nothing.
///
/// Read from /proc; what cannot be read is `unknown`.
#[must_use]
pub fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    describe(&read("/proc/cpuinfo"), cores, &read("/proc/meminfo"), &read("/proc/sys/kernel/osrelease"))
}

fn describe(cpuinfo: &str, cores: usize, meminfo: &str, osrelease: &str) -> String {
    let cpu = field(cpuinfo, "model name").or_else(|| field(cpuinfo, "Hardware")).unwrap_or("unknown processor");
    let kib = field(meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    // Tenths of a GiB, rounded down.
    let memory = kib.map(|kib| (kib * 10) >> 20).map_or_else(
        || "unknown memory".to_owned(),
        |tenths| format!("{}.{} GiB", tenths.div_euclid(10), tenths.rem_euclid(10)),
    );
    let kernel = match osrelease.trim() {
        "" => "unknown kernel".to_owned(),
        release => format!("Linux {release}"),
    };
    let plural = if cores == 1 { "" } else { "s" };
    format!("{cpu}, {cores} core{plural}, {memory}, {kernel}")
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_the_machine_in_one_line() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Example CPU @ 2.20GHz\nprocessor\t: 1\n";
        let line = describe(cpuinfo, 2, "MemTotal:       24594700 kB\n", "6.8.0-1\n");
        assert_eq!(line, "Example CPU @ 2.20GHz, 2 cores, 23.4 GiB, Linux 6.8.0-1");
        assert_eq!(describe("", 1, "", ""), "unknown processor, 1 core, unknown memory, unknown kernel");
        assert!(!machine().contains('\n'));
    }
}

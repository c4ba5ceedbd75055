//! Memory of a process, as Linux reports it below `/proc`.

/// Peak memory of a process in bytes; `process` is its id or `self`. `None` where the system has no such value.
#[must_use]
pub fn peak(process: &str) -> Option<u64> {
    status(process, "VmHWM:")
}

/// Current memory of a process in bytes; `process` is its id or `self`. `None` where the system has no such value.
#[must_use]
pub fn current(process: &str) -> Option<u64> {
    status(process, "VmRSS:")
}

/// Resets [`peak`] of this process to its current memory, where the system allows it.
pub fn reset_peak() {
    // Documented in proc(5): 5 resets the high-water mark. Without it the peak is that of the whole process.
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
}

fn status(process: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

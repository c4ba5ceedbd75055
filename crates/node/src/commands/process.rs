//! What the system knows of a process.

/// The most memory that a process held, in bytes; `process` is its id or `self`. None where the system does not tell.
pub(super) fn memory_peak(process: &str) -> Option<u64> {
    status(process, "VmHWM:")
}

/// The memory that a process holds, in bytes.
pub(super) fn memory(process: &str) -> Option<u64> {
    status(process, "VmRSS:")
}

/// Makes [`memory_peak`] of this process begin anew, where the system can.
pub(super) fn forget_memory_peak() {
    // Documented in proc(5): 5 resets the high-water mark. Without it the peak is that of the whole process.
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
}

fn status(process: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

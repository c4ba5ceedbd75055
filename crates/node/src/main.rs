//! The command line of Pulse.

use std::process::ExitCode;

/// Faster than the system's under many small allocations, and able to say who holds the memory: start with
/// `_RJEM_MALLOC_CONF=prof:true` and read `/admin/profile/heap`.
#[global_allocator]
static ALLOCATOR: pulse_telemetry::profile::Jemalloc = pulse_telemetry::profile::Jemalloc;

fn main() -> ExitCode {
    pulse_node::commands::run()
}

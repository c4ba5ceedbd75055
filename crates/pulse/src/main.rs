//! The binary `pulse`: the command line over the node and the drills.

mod commands;

use std::process::ExitCode;

/// Faster than the allocator of the system for many small allocations, and able to profile the heap: start with
/// `_RJEM_MALLOC_CONF=prof:true` and read `/admin/profile/heap`.
#[cfg(feature = "full")]
#[global_allocator]
static ALLOCATOR: pulse_profiler::Jemalloc = pulse_profiler::Jemalloc;

fn main() -> ExitCode {
    #[cfg(feature = "full")]
    {
        pulse_otlp::install();
        pulse_profiler::install();
    }
    commands::run()
}

//! The profiler: CPU time by `pprof`, allocated memory by jemalloc.
//!
//! A crate of its own because it takes longer to build than the rest of the node: only the binary to deploy has it
//! (feature `full` of `pulse`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pulse_telemetry::profile::{self, CPU_DURATION_MAX, CpuProfile, ProfileError, Taking};

pub use tikv_jemallocator::Jemalloc;

/// Samples per second. Not a round number, so that sampling does not synchronize with timers of 10 ms.
const FREQUENCY_HZ: i32 = 99;

/// Makes this profiler the one of the process.
pub fn install() {
    profile::install(&Profiler);
}

struct Profiler;

impl profile::Profiler for Profiler {
    fn cpu(&self, duration: Duration) -> Taking<CpuProfile> {
        Box::pin(cpu(duration))
    }

    /// Requires [`Jemalloc`] as the global allocator, and its option `prof:true` at start.
    fn heap(&self) -> Taking<Vec<u8>> {
        Box::pin(heap())
    }
}

async fn cpu(duration: Duration) -> Result<CpuProfile, ProfileError> {
    let turn = Turn::take()?;
    let profiler = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY_HZ)
        // A signal inside these while they hold a lock that unwinding needs would hang the process.
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .map_err(failed)?;
    tokio::time::sleep(duration.min(CPU_DURATION_MAX)).await;
    let report = tokio::task::spawn_blocking(move || {
        // Both end here, in this order, also when the caller is gone.
        let (_turn, profiler) = (turn, profiler);
        draw(&profiler)
    });
    report.await.map_err(failed)?
}

fn draw(profiler: &pprof::ProfilerGuard<'_>) -> Result<CpuProfile, ProfileError> {
    use pprof::protos::Message;

    let report = profiler.report().build().map_err(failed)?;
    let mut flamegraph = Vec::new();
    // An idle process has no samples.
    if !report.data.is_empty() {
        report.flamegraph(&mut flamegraph).map_err(failed)?;
    }
    let pprof = report.pprof().map_err(failed)?.encode_to_vec();
    Ok(CpuProfile { flamegraph, pprof })
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ProfileError {
    ProfileError::Failed(Box::new(error))
}

/// The permit of the profile in progress.
struct Turn;

static IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn take() -> Result<Self, ProfileError> {
        if IS_TAKEN.swap(true, Ordering::AcqRel) { Err(ProfileError::Busy) } else { Ok(Self) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IS_TAKEN.store(false, Ordering::Release);
    }
}

async fn heap() -> Result<Vec<u8>, ProfileError> {
    let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() else { return Err(ProfileError::NotBuilt) };
    let mut control = control.lock().await;
    if !control.activated() {
        control.activate().map_err(failed)?;
    }
    // Blocking: it writes and reads a temporary file.
    tokio::task::block_in_place(|| control.dump_pprof()).map_err(|error| ProfileError::Failed(error.into()))
}

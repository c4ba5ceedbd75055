//! Profiles: CPU time and allocated memory by function.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "jemalloc")]
pub use tikv_jemallocator::Jemalloc;

/// Samples per second. Not a round number, so that sampling does not synchronize with timers of 10 ms.
const FREQUENCY_HZ: i32 = 99;

/// Maximum duration of a CPU profile.
pub const CPU_DURATION_MAX: Duration = Duration::from_secs(300);

/// A profile cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another profile is in progress.
    #[error("another profile is in progress")]
    Busy,
    /// The binary was built without jemalloc, or started without its option `prof:true`.
    #[error("the allocator does not support heap profiles")]
    NotBuilt,
    /// The profiler failed.
    #[error("the profiler failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// CPU time by function.
pub struct CpuProfile {
    /// Flame graph (SVG).
    pub flamegraph: Vec<u8>,
    /// The same for tools such as `go tool pprof` (protocol buffers, uncompressed).
    pub pprof: Vec<u8>,
}

/// Samples every thread of this process for `duration`, at most [`CPU_DURATION_MAX`]. One profile at a time.
///
/// The overhead is about one percent. Cancel-safe: dropping the future ends the profile.
///
/// # Errors
/// [`ProfileError::Busy`] while another profile is in progress.
pub async fn cpu(duration: Duration) -> Result<CpuProfile, ProfileError> {
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

/// Live sampled allocations by function, for `go tool pprof` (protocol buffers, gzip). Its option `-diff_base` compares
/// two of them.
///
/// The first call starts the sampling, so it covers only later allocations. Requires the feature `jemalloc`,
/// [`Jemalloc`] as the global allocator, and its option `prof:true` at start.
///
/// # Errors
/// [`ProfileError::NotBuilt`] when a requirement is missing.
#[cfg(feature = "jemalloc")]
pub async fn heap() -> Result<Vec<u8>, ProfileError> {
    let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() else { return Err(ProfileError::NotBuilt) };
    let mut control = control.lock().await;
    if !control.activated() {
        control.activate().map_err(failed)?;
    }
    // Blocking: it writes and reads a temporary file.
    tokio::task::block_in_place(|| control.dump_pprof()).map_err(|error| ProfileError::Failed(error.into()))
}

/// Heap profiles are not supported by this build.
///
/// # Errors
/// Always [`ProfileError::NotBuilt`].
#[cfg(not(feature = "jemalloc"))]
pub async fn heap() -> Result<Vec<u8>, ProfileError> {
    Err(ProfileError::NotBuilt)
}

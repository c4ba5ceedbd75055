//! Profiles: where the time goes, and who holds the memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "jemalloc")]
pub use tikv_jemallocator::Jemalloc;

/// Samples per second. Not a round number, so that it does not beat in time with what runs every 10 ms.
const FREQUENCY_HZ: i32 = 99;

/// The longest CPU profile.
pub const CPU_DURATION_MAX: Duration = Duration::from_secs(300);

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another profile is being taken. Try again when it is done.
    #[error("another profile is being taken")]
    Busy,
    /// This binary was built without the allocator that knows, or it was started without `prof:true`.
    #[error("the allocator of this process does not profile")]
    NotBuilt,
    /// The profiler failed.
    #[error("the profiler failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the time went.
pub struct CpuProfile {
    /// A flame graph for the browser (SVG).
    pub flamegraph: Vec<u8>,
    /// The same for `go tool pprof` and others (protocol buffers, not compressed).
    pub pprof: Vec<u8>,
}

/// Watches every thread of this process for `duration`, at most [`CPU_DURATION_MAX`]. One at a time.
///
/// Costs about one percent of the time meanwhile. Cancel-safe: dropping the future ends the profile.
///
/// # Errors
/// [`ProfileError::Busy`] while another one is being taken.
pub async fn cpu(duration: Duration) -> Result<CpuProfile, ProfileError> {
    let turn = Turn::take()?;
    let profiler = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY_HZ)
        // Interrupting these while they hold a lock that unwinding needs would hang the process.
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .map_err(failed)?;
    tokio::time::sleep(duration.min(CPU_DURATION_MAX)).await;
    let report = tokio::task::spawn_blocking(move || {
        // Both end here, in this order, also when nobody waits any more.
        let (_turn, profiler) = (turn, profiler);
        draw(&profiler)
    });
    report.await.map_err(failed)?
}

fn draw(profiler: &pprof::ProfilerGuard<'_>) -> Result<CpuProfile, ProfileError> {
    use pprof::protos::Message;

    let report = profiler.report().build().map_err(failed)?;
    let mut flamegraph = Vec::new();
    // An idle process has no stack to draw.
    if !report.data.is_empty() {
        report.flamegraph(&mut flamegraph).map_err(failed)?;
    }
    let pprof = report.pprof().map_err(failed)?.encode_to_vec();
    Ok(CpuProfile { flamegraph, pprof })
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ProfileError {
    ProfileError::Failed(Box::new(error))
}

/// The one profile that may be taken.
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

/// Who holds the memory now: sampled allocations that are still alive, for `go tool pprof` (protocol buffers,
/// gzip). Two of them are compared with its `-diff_base`.
///
/// The first call begins the sampling, so it knows only what is allocated after it. Needs the feature
/// `jemalloc`, [`Jemalloc`] as the global allocator, and `prof:true` in the allocator's options at start.
///
/// # Errors
/// [`ProfileError::NotBuilt`] when one of these is missing.
#[cfg(feature = "jemalloc")]
pub async fn heap() -> Result<Vec<u8>, ProfileError> {
    let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() else { return Err(ProfileError::NotBuilt) };
    let mut control = control.lock().await;
    if !control.activated() {
        control.activate().map_err(failed)?;
    }
    // It writes and reads a file in the folder for temporary files.
    tokio::task::block_in_place(|| control.dump_pprof()).map_err(|error| ProfileError::Failed(error.into()))
}

/// Who holds the memory now. This binary cannot say.
///
/// # Errors
/// Always [`ProfileError::NotBuilt`].
#[cfg(not(feature = "jemalloc"))]
pub async fn heap() -> Result<Vec<u8>, ProfileError> {
    Err(ProfileError::NotBuilt)
}

//! Profiles: CPU time and allocated memory by function, taken by the profiler that the binary installs.

use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

/// Maximum duration of a CPU profile.
pub const CPU_DURATION_MAX: Duration = Duration::from_secs(300);

/// A profile cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another profile is in progress.
    #[error("another profile is in progress")]
    Busy,
    /// The binary was built without a profiler, or its allocator was started without the option `prof:true`.
    #[error("this binary does not support the profile")]
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

/// A profile that is being taken.
pub type Taking<T> = Pin<Box<dyn Future<Output = Result<T, ProfileError>> + Send>>;

/// Takes profiles. `pulse-profiler` implements it; a binary without it supports none.
pub trait Profiler: Sync {
    /// As [`cpu`].
    fn cpu(&self, duration: Duration) -> Taking<CpuProfile>;

    /// As [`heap`].
    fn heap(&self) -> Taking<Vec<u8>>;
}

static PROFILER: OnceLock<&'static dyn Profiler> = OnceLock::new();

/// Makes `profiler` the profiler of this process, unless there is one already.
pub fn install(profiler: &'static dyn Profiler) {
    PROFILER.get_or_init(|| profiler);
}

/// Samples every thread of this process for `duration`, at most [`CPU_DURATION_MAX`]. One profile at a time.
///
/// The overhead is about one percent. Cancel-safe: dropping the future ends the profile.
///
/// # Errors
/// [`ProfileError::NotBuilt`] without a profiler, [`ProfileError::Busy`] while another profile is in progress.
pub async fn cpu(duration: Duration) -> Result<CpuProfile, ProfileError> {
    match PROFILER.get() {
        Some(profiler) => profiler.cpu(duration).await,
        None => Err(ProfileError::NotBuilt),
    }
}

/// Live sampled allocations by function, for `go tool pprof` (protocol buffers, gzip). Its option `-diff_base` compares
/// two of them.
///
/// The first call starts the sampling, so it covers only later allocations.
///
/// # Errors
/// [`ProfileError::NotBuilt`] without a profiler, or when the allocator was started without the option `prof:true`.
pub async fn heap() -> Result<Vec<u8>, ProfileError> {
    match PROFILER.get() {
        Some(profiler) => profiler.heap().await,
        None => Err(ProfileError::NotBuilt),
    }
}

//! Export of metrics: those of the `metrics` macros, and those of the process and the machine.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::config::BuildInfo;
use crate::error::TelemetryError;
use crate::system;

/// `Content-Type` of the text of [`render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets of durations, in seconds: 50 us to 10 s, densest at the low end where most responses
/// are.
const SECONDS: [f64; 16] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper bounds of the buckets of sizes, in bytes: 64 B to 16 MiB, each four times the previous one.
const BYTES: [f64; 10] =
    [64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// Interval of the upkeep of histograms, which bounds their memory between exports.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

struct Recording {
    handle: PrometheusHandle,
    build: BuildInfo,
}

static RECORDING: OnceLock<Recording> = OnceLock::new();

/// All metrics in the Prometheus text format.
///
/// Reads about twenty small files of /proc: call it where blocking for a millisecond is allowed. Before [`crate::init`]
/// or [`crate::install`] it contains only the metrics of the process and the machine.
#[must_use]
pub fn render() -> String {
    let (mut text, build) = match RECORDING.get() {
        Some(recording) => (recording.handle.render(), Some(&recording.build)),
        None => (String::new(), None),
    };
    text.push_str(&system::render(build));
    text
}

/// Installs the metrics recorder of this process. Later calls have no effect.
pub(crate) fn record(build: &BuildInfo) -> Result<(), TelemetryError> {
    // Several nodes of a test may start concurrently in one process.
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if RECORDING.get().is_some() {
        return Ok(());
    }
    let recorder = builder().map_err(|_empty_buckets| TelemetryError::Metrics)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_taken| TelemetryError::Metrics)?;
    let upkeep = handle.clone();
    // Detached: the recorder, and with it the thread, lives until the process ends.
    std::thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP_INTERVAL);
                upkeep.run_upkeep();
            }
        })
        .map_err(|_no_thread| TelemetryError::Metrics)?;
    RECORDING.get_or_init(|| Recording { handle, build: build.clone() });
    Ok(())
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)
}

//! Metrics: what the `metrics` macros count anywhere, and what Linux says about process and machine.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::config::BuildInfo;
use crate::init::TelemetryError;
use crate::system;

/// `Content-Type` of what [`render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets of durations, in seconds: 50 us to 10 s, about two per doubling at the low end
/// where most answers are.
const SECONDS: [f64; 16] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper bounds of the buckets of sizes, in bytes: 64 B to 16 MiB, each four times the one before.
const BYTES: [f64; 10] =
    [64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// How often histograms are tidied while nobody asks for them.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

struct Recording {
    handle: PrometheusHandle,
    build: BuildInfo,
}

static RECORDING: OnceLock<Recording> = OnceLock::new();

/// Everything that is counted, in the text format of Prometheus.
///
/// Reads about twenty small files of /proc: call it where blocking for a millisecond is allowed. Until
/// [`crate::init`] or [`crate::install`] only process and machine are there.
#[must_use]
pub fn render() -> String {
    let (mut text, build) = match RECORDING.get() {
        Some(recording) => (recording.handle.render(), Some(&recording.build)),
        None => (String::new(), None),
    };
    text.push_str(&system::render(build));
    text
}

/// Takes the metrics of this process from now on; the first call decides.
pub(crate) fn record(build: &BuildInfo) -> Result<(), TelemetryError> {
    // Several nodes of a test may start at once in one process.
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if RECORDING.get().is_some() {
        return Ok(());
    }
    let recorder = builder().map_err(|_empty_buckets| TelemetryError::Metrics)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_taken| TelemetryError::Metrics)?;
    let upkeep = handle.clone();
    // Detached: it lives as long as the recorder, which lives as long as the process.
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

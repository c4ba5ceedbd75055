//! What exports spans: telemetry opens them, the exporter that the binary installs records and sends them.

use std::sync::OnceLock;

use pulse_kernel::TraceContext;
use tracing::Span;
use tracing_subscriber::{Layer, Registry};

use crate::config::{OtlpConfig, TelemetryConfig};

pub use crate::current::random_span_id;

/// The reason why spans cannot be exported.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends spans to a collector. `pulse-otlp` implements it; a binary without it exports no spans.
pub trait Exporter: Sync {
    /// Starts an export.
    ///
    /// # Errors
    /// When the configuration is not valid.
    fn start(&self, config: &TelemetryConfig, otlp: &OtlpConfig) -> Result<Export, Failure>;

    /// What the spans of this exporter are recorded with.
    fn recorder(&self) -> &'static dyn Recorder;
}

/// A running export.
pub struct Export {
    /// Receives the spans.
    pub layer: Box<dyn Layer<Registry> + Send + Sync>,
    /// Sends the remaining spans; blocks.
    pub shutdown: Box<dyn FnOnce() -> Result<(), Failure> + Send>,
}

/// Records spans that are enabled.
pub trait Recorder: Sync {
    /// Starts `span` below `cause`, and returns its id.
    fn start(&self, span: &Span, cause: TraceContext) -> u64;

    /// Sets an attribute.
    fn set(&self, span: &Span, key: &'static str, value: String);

    /// Sets the status to failed.
    fn fail(&self, span: &Span, code: &'static str);
}

static EXPORTER: OnceLock<&'static dyn Exporter> = OnceLock::new();

/// Makes `exporter` the exporter of this process, unless there is one already.
pub fn install(exporter: &'static dyn Exporter) {
    EXPORTER.get_or_init(|| exporter);
}

pub(crate) fn installed() -> Option<&'static dyn Exporter> {
    EXPORTER.get().copied()
}

//! Start and shutdown: one subscriber, one metrics recorder, and the flush of spans.

use std::io;

use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::TelemetryConfig;
use crate::current::current_trace;
use crate::error::TelemetryError;
use crate::export::{self, Export, Failure};
use crate::logs::Lines;
use crate::metrics;

/// Handle of the running telemetry. Call [`TelemetryGuard::shutdown`] before the process ends.
#[must_use = "without shutdown, spans that are not exported yet are lost"]
pub struct TelemetryGuard {
    shutdown: Option<Box<dyn FnOnce() -> Result<(), Failure> + Send>>,
}

impl TelemetryGuard {
    /// Exports the remaining spans.
    pub async fn shutdown(self) {
        let Some(shutdown) = self.shutdown else { return };
        // Blocking: it waits for the exporter, which needs the threads of the runtime.
        let result = tokio::task::spawn_blocking(shutdown).await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "export of the last spans failed"),
            Err(error) => tracing::warn!(%error, "export of the last spans failed"),
        }
    }
}

/// Starts logs, spans and metrics of this process. Log lines and panics go to standard error. Call it once.
///
/// With [`TelemetryConfig::otlp`] it must be called inside a tokio runtime.
///
/// # Errors
/// When the configuration is not valid, or logging is already started; then the log subscriber is unchanged.
pub fn init(config: &TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let (subscriber, guard) = install(config, io::stderr)?;
    subscriber.try_init().map_err(TelemetryError::Started)?;
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(backtrace = %std::backtrace::Backtrace::capture(), "{panic}");
    }));
    Ok(guard)
}

/// Installs the metrics recorder and returns a subscriber that writes log lines to `writer`, without making it the
/// default of the process. For tests and tools.
///
/// # Errors
/// When the configuration is not valid.
pub fn install<W>(
    config: &TelemetryConfig,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, TelemetryGuard), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    metrics::record(&config.build)?;
    let filter = EnvFilter::try_new(&config.log_filter).map_err(TelemetryError::Filter)?;
    let export = match &config.otlp {
        Some(otlp) => {
            let exporter = export::installed().ok_or(TelemetryError::NoExporter)?;
            Some(exporter.start(config, otlp).map_err(TelemetryError::Exporter)?)
        }
        None => None,
    };
    // Log lines get their trace from the task, so spans exist only for the exporter.
    let lines =
        Lines::new(config.log_format, writer).with_filter(filter.and(filter_fn(|metadata| metadata.is_event())));
    let (exported, shutdown) = export.map(|Export { layer, shutdown }| (layer, shutdown)).unzip();
    // The last layer is evaluated first.
    let sampled = SampledSpans { is_exporting: shutdown.is_some() };
    Ok((Registry::default().with(exported).with(lines).with(sampled), TelemetryGuard { shutdown }))
}

/// Disables spans of traces that are not sampled; such a span costs one read of the task's trace.
///
/// This is a layer and not a filter of the exporter's layer, because the registry creates a span as soon as its call site
/// is of interest to any layer, regardless of the filters for this occurrence.
struct SampledSpans {
    is_exporting: bool,
}

impl<S: Subscriber> Layer<S> for SampledSpans {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() {
            Interest::always()
        } else if self.is_exporting && *metadata.level() <= Level::INFO {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        metadata.is_event() || (self.is_exporting && *metadata.level() <= Level::INFO && current_trace().is_sampled)
    }
}

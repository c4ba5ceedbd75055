//! Starting and stopping: one subscriber, one recorder of metrics, and what must be flushed at the end.

use std::io;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use crate::config::TelemetryConfig;
use crate::current::current_trace;
use crate::export;
use crate::logs::Lines;
use crate::metrics;

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of log lines cannot be read.
    #[error("the log filter is not valid")]
    Filter(#[source] ParseError),
    /// The exporter of spans cannot be made.
    #[error("spans cannot be exported")]
    Exporter(#[source] ExporterBuildError),
    /// Somebody else takes the log lines of this process already.
    #[error("logging is started already")]
    Started(#[source] TryInitError),
    /// Somebody else takes the metrics of this process already.
    #[error("metrics are recorded by somebody else")]
    Metrics,
}

/// Keeps telemetry going. Call [`TelemetryGuard::shutdown`] before the process ends.
#[must_use = "spans that are not sent yet are lost without it"]
pub struct TelemetryGuard {
    spans: Option<SdkTracerProvider>,
}

impl TelemetryGuard {
    /// Sends the spans that are still here.
    pub async fn shutdown(self) {
        let Some(spans) = self.spans else { return };
        // It waits for the exporter, which needs the runtime's threads.
        let result = tokio::task::spawn_blocking(move || spans.shutdown()).await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

/// Starts logs, spans and metrics for this process: lines to standard error, panics among them. Once only.
///
/// With [`TelemetryConfig::otlp`] it must be called inside a tokio runtime.
///
/// # Errors
/// When the configuration cannot be used, or something was started before; then nothing changed for logs.
pub fn init(config: &TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let (subscriber, guard) = install(config, io::stderr)?;
    subscriber.try_init().map_err(TelemetryError::Started)?;
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(backtrace = %std::backtrace::Backtrace::capture(), "{panic}");
    }));
    Ok(guard)
}

/// The parts of [`init`] without making them the process's own: the metrics are recorded, the lines go to
/// `writer` wherever the subscriber is made the default. For tests and for tools.
///
/// # Errors
/// When the configuration cannot be used.
pub fn install<W>(
    config: &TelemetryConfig,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, TelemetryGuard), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    metrics::record(&config.build)?;
    let filter = EnvFilter::try_new(&config.log_filter).map_err(TelemetryError::Filter)?;
    let spans = config.otlp.as_ref().map(|otlp| export::provider(config, otlp)).transpose();
    let spans = spans.map_err(TelemetryError::Exporter)?;
    // Lines know their trace from the task, so spans exist for the exporter alone.
    let lines =
        Lines::new(config.log_format, writer).with_filter(filter.and(filter_fn(|metadata| metadata.is_event())));
    let exported = spans.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(export::tracer(provider))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(filter_fn(|metadata| metadata.is_span()))
    });
    // The last one is asked first.
    let sampled = SampledSpans { is_exporting: spans.is_some() };
    Ok((Registry::default().with(lines).with(exported).with(sampled), TelemetryGuard { spans }))
}

/// Lets no span be made that nobody will see: those of traces that are not sampled cost one look at the task.
///
/// This is a layer and not the filter of the exporter's layer, because the registry makes a span as soon as its
/// call site is of interest to any layer, whatever their filters say about this occurrence.
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

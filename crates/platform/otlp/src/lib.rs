//! Export of spans to an OTLP collector.
//!
//! A crate of its own because only the binary to deploy needs it (feature `full` of `pulse`); a binary without it passes
//! traces on and exports none.

use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracerProvider};
use pulse_kernel::TraceContext;
use pulse_telemetry::export::{self, Export, Failure, Recorder};
use pulse_telemetry::{OtlpConfig, TelemetryConfig, current_trace};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

/// Makes telemetry export spans when [`TelemetryConfig::otlp`] is set. Call it before [`pulse_telemetry::init`].
pub fn install() {
    export::install(&Otlp);
}

struct Otlp;

impl export::Exporter for Otlp {
    /// The spans are exported in batches from a thread of their own. Call it inside the tokio runtime of the connection.
    fn start(&self, config: &TelemetryConfig, otlp: &OtlpConfig) -> Result<Export, Failure> {
        let provider = provider(config, otlp)?;
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("pulse"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(filter_fn(|metadata| metadata.is_span()));
        Ok(Export { layer: Box::new(layer), shutdown: Box::new(move || provider.shutdown().map_err(Failure::from)) })
    }

    fn recorder(&self) -> &'static dyn Recorder {
        &Otlp
    }
}

fn provider(config: &TelemetryConfig, otlp: &OtlpConfig) -> Result<SdkTracerProvider, Failure> {
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(&otlp.endpoint).with_timeout(otlp.timeout).build()?;
    let resource = Resource::builder_empty()
        .with_service_name(config.service.clone())
        .with_attribute(KeyValue::new("service.version", config.build.version.clone()))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        // The sampling decision was made when the span was opened.
        .with_sampler(Sampler::AlwaysOn)
        .with_id_generator(Ids)
        .with_resource(resource)
        .build())
}

impl Recorder for Otlp {
    fn start(&self, span: &Span, cause: TraceContext) -> u64 {
        if cause.span_id != 0 {
            let parent = SpanContext::new(
                TraceId::from_bytes(cause.trace_id.to_be_bytes()),
                SpanId::from_bytes(cause.span_id.to_be_bytes()),
                TraceFlags::SAMPLED,
                true,
                TraceState::default(),
            );
            if let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent)) {
                tracing::debug!(%error, "span parent cannot be set");
            }
        }
        // Starts the OpenTelemetry span, after its parent is set.
        u64::from_be_bytes(span.context().span().span_context().span_id().to_bytes())
    }

    fn set(&self, span: &Span, key: &'static str, value: String) {
        span.set_attribute(key, value);
    }

    fn fail(&self, span: &Span, code: &'static str) {
        span.set_status(Status::error(code));
    }
}

/// Ids of spans; a root span has the trace id of its request.
#[derive(Debug)]
struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(current_trace().trace_id.to_be_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(export::random_span_id().to_be_bytes())
    }
}

//! Export of spans to an OTLP collector.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracer, SdkTracerProvider};

use crate::config::{OtlpConfig, TelemetryConfig};
use crate::current::{current_trace, random_span_id};

/// A span provider that exports in batches from its own thread.
///
/// Call it inside the tokio runtime of the connection.
pub(crate) fn provider(config: &TelemetryConfig, otlp: &OtlpConfig) -> Result<SdkTracerProvider, ExporterBuildError> {
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

pub(crate) fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer("pulse")
}

/// Ids of spans; a root span has the trace id of its request.
#[derive(Debug)]
struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(current_trace().trace_id.to_be_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(random_span_id().to_be_bytes())
    }
}

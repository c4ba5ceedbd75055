//! Spans reach a collector, linked as the work was.

use std::time::Duration;

use fake_opentelemetry_collector::{ExportedSpan, FakeCollectorServer};
use pulse_kernel::TraceContext;
use pulse_telemetry::{OtlpConfig, Sampling, SpanKind, TelemetryConfig, TraceSpan, install};

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `work` with spans that go to a collector, and gives what the collector got.
async fn collect(at_least: usize, work: impl AsyncFnOnce()) -> Vec<ExportedSpan> {
    let mut collector = FakeCollectorServer::start().await.expect("a port is free");
    let otlp = OtlpConfig { endpoint: collector.endpoint(), timeout: Duration::from_secs(10) };
    let config = TelemetryConfig { otlp: Some(otlp), ..TelemetryConfig::default() };
    pulse_otlp::install();
    let (subscriber, guard) = install(&config, std::io::sink).expect("the configuration is valid");
    let default = tracing::subscriber::set_default(subscriber);
    work().await;
    drop(default);
    guard.shutdown().await;
    collector.exported_spans(at_least, PATIENCE).await
}

fn named<'s>(spans: &'s [ExportedSpan], name: &str) -> &'s ExportedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"))
}

/// PL-47, PL-48: one trace from the caller over the request, the event that it wrote, and its handling after a
/// restart, where nothing but the text in the outbox is left.
#[tokio::test]
async fn one_trace_covers_request_outbox_and_consumer() {
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let spans = collect(4, async || {
        let caller = Sampling::default().trace_of(|name| (name == "traceparent").then_some(header));
        let server = TraceSpan::open("POST /v1/orders", SpanKind::Server, caller);
        server.set("http.response.status_code", 200);
        let in_outbox = server
            .run(async {
                tracing::info_span!("price the cart").in_scope(|| tracing::info!("inside"));
                let producer = TraceSpan::open("OrderPlaced send", SpanKind::Producer, server.trace());
                producer.trace().traceparent()
            })
            .await;
        drop(server);
        let cause = TraceContext::from_traceparent(&in_outbox).unwrap();
        let consumer = TraceSpan::open("OrderPlaced handle", SpanKind::Consumer, cause);
        consumer.fail("ORDER_NOT_FOUND");
    })
    .await;
    assert_eq!(spans.len(), 4);
    assert!(spans.iter().all(|span| span.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"), "{spans:#?}");
    let server = named(&spans, "POST /v1/orders");
    let producer = named(&spans, "OrderPlaced send");
    let consumer = named(&spans, "OrderPlaced handle");
    let inner = named(&spans, "price the cart");
    assert_eq!((server.parent_span_id.as_str(), server.kind.as_str()), ("00f067aa0ba902b7", "SPAN_KIND_SERVER"));
    assert!(server.attributes.get("http.response.status_code").is_some_and(|value| value.contains("200")));
    assert_eq!(inner.parent_span_id, server.span_id);
    assert_eq!((&producer.parent_span_id, producer.kind.as_str()), (&server.span_id, "SPAN_KIND_PRODUCER"));
    assert_eq!((&consumer.parent_span_id, consumer.kind.as_str()), (&producer.span_id, "SPAN_KIND_CONSUMER"));
    let status = consumer.status.as_ref().unwrap();
    assert_eq!((status.code.as_str(), status.message.as_str()), ("STATUS_CODE_ERROR", "ORDER_NOT_FOUND"));
}

/// PL-47: a root begins the trace under which the request runs, and has no parent.
#[tokio::test]
async fn a_root_has_the_trace_of_its_request() {
    let mut trace = TraceContext::default();
    let spans = collect(1, async || {
        let root = Sampling { per_million: 1_000_000, honor_upstream_sampling: true }.trace_of(|_| None);
        let server = TraceSpan::open("GET /v1/shops", SpanKind::Server, root);
        assert_eq!(server.trace().trace_id, root.trace_id);
        trace = server.trace();
    })
    .await;
    assert_eq!(spans[0].trace_id, format!("{:032x}", trace.trace_id));
    assert_eq!(spans[0].span_id, format!("{:016x}", trace.span_id));
    assert_eq!(spans[0].parent_span_id, "");
}

/// PL-47: what is not sampled is passed on and not recorded, nor is anything below it.
#[tokio::test]
async fn what_is_not_sampled_is_not_recorded() {
    let unsampled = TraceContext { trace_id: 7, span_id: 8, is_sampled: false };
    let spans = collect(1, async || {
        let span = TraceSpan::open("silent", SpanKind::Server, unsampled);
        assert_eq!(span.trace(), unsampled, "its cause stays the cause of what follows");
        span.run(async { assert!(tracing::info_span!("silent too").is_disabled()) }).await;
        let root = TraceSpan::open("silent root", SpanKind::Server, TraceContext { span_id: 0, ..unsampled });
        assert_ne!(root.trace().span_id, 0, "callers get a header that is valid");
        drop(TraceSpan::open("loud", SpanKind::Server, TraceContext { is_sampled: true, ..unsampled }));
    })
    .await;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["loud"]);
}

/// Without a collector spans are not made, and traces are passed on all the same.
#[tokio::test]
async fn without_a_collector_traces_pass_through() {
    let cause = TraceContext { trace_id: 7, span_id: 8, is_sampled: true };
    let span = TraceSpan::open("GET /", SpanKind::Server, cause);
    assert_eq!(span.trace(), cause);
    assert_eq!(span.run(async { pulse_telemetry::current_trace() }).await, cause);
}

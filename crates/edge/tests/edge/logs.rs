//! Log lines of requests.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use pulse_contract::account::v1::GetProfileRequest;
use pulse_contract::account::v1::account_service_client::AccountServiceClient;
use pulse_telemetry::{LogFormat, TelemetryConfig};

use crate::http_client::get;
use crate::test_edge::configured;

/// A log writer in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// PL-28, PL-50: one line per request and one per failure, each with the trace of the request and without data of the
/// caller.
#[tokio::test]
async fn every_line_carries_its_trace() {
    let lines = Lines::default();
    let config = TelemetryConfig { log_format: LogFormat::Json, ..TelemetryConfig::default() };
    let writer = lines.clone();
    let (subscriber, _guard) = pulse_telemetry::install(&config, move || writer.clone()).expect("a configuration");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    // The runtime of this test has one thread, so the edge logs here too.
    let _default = tracing::subscriber::set_default(subscriber);
    let edge = configured("replies.has_access_log = true").await;
    let request = get("/test/fails?internal").bearer(&edge.consumer());
    let reply = request.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-00")).send(edge.address).await;
    assert_eq!(reply.status, 500);
    let mut client = AccountServiceClient::connect(format!("http://{}", edge.address)).await.unwrap();
    client.get_profile(GetProfileRequest { account_id: 500 }).await.unwrap_err();
    let written = String::from_utf8(lines.0.lock().clone()).expect("text");
    let lines: Vec<&str> = written.lines().filter(|line| line.contains(trace)).collect();
    assert_eq!(lines.len(), 2, "{written}");
    let failure = lines.iter().find(|line| line.contains("\"ERROR\"")).expect("the line of the failure");
    assert!(failure.contains("row 7 of table account_accounts") && failure.contains("disk full"), "{failure}");
    let access = lines.iter().find(|line| line.contains("request completed")).expect("the access line");
    assert!(access.contains("GET /test/fails") && access.contains("500"), "{access}");
    let over_grpc = written
        .lines()
        .find(|line| line.contains("GetProfile") && line.contains("\"ERROR\""))
        .expect("the line of the failure over gRPC");
    assert!(over_grpc.contains("row 7 of table account_accounts"), "{over_grpc}");
    for private in ["Bearer", "eyJ", "127.0.0.1"] {
        assert!(!written.contains(private), "{private}: {written}");
    }
}

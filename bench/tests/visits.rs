//! Load tests of visits against real servers on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pulse_bench::{Arrivals, LoadError, LoadReport, LoadRun, NextStep, Request, Scenario, Spacing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SHORT: Duration = Duration::from_millis(100);

/// Visits that take a number and then a seat; every fourth one gets the expected refusal FULL.
struct Theatre;

impl Scenario for Theatre {
    fn operations(&self) -> &'static [&'static str] {
        &["number", "seat"]
    }

    fn expected_refusals(&self) -> &'static [&'static str] {
        &["FULL"]
    }

    fn next(&self, visit: u64, step: usize, last: &[u8]) -> NextStep {
        let seat = if visit.is_multiple_of(4) { "/full" } else { "/seat" };
        match (step, last) {
            (0, []) => NextStep::Send { operation: 0, request: Request::get("test", "/number").render() },
            (1, b"7") => NextStep::Send { operation: 1, request: Request::get("test", seat).render() },
            (2, _) => NextStep::Done,
            _ => NextStep::Unexpected,
        }
    }
}

/// Behaviour of a test server.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Prompt,
    /// Delays the first response of a connection.
    Stalls(Duration),
    Silent,
}

/// Serves one connection; the path decides about the response.
async fn answer(mut stream: TcpStream, behaviour: Behaviour) {
    let mut seen = Vec::new();
    let mut stall = if let Behaviour::Stalls(stall) = behaviour { Some(stall) } else { None };
    while let Ok(count) = stream.read_buf(&mut seen).await {
        if count == 0 {
            return;
        }
        if behaviour == Behaviour::Silent || !seen.ends_with(b"\r\n\r\n") {
            continue;
        }
        if let Some(stall) = stall.take() {
            tokio::time::sleep(stall).await;
        }
        let (status, body) = match seen.split(|byte| *byte == b' ').nth(1) {
            Some(b"/number") => ("200 OK", "7"),
            Some(b"/seat") => ("200 OK", "sit down"),
            _ => ("409 Conflict", r#"{"title":"Full","code":"FULL"}"#),
        };
        let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).await.expect("the client reads");
        seen.clear();
    }
}

async fn server(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, behaviour));
        }
    });
    address
}

fn plan(address: SocketAddr, connections: usize, rate_per_s: f64) -> LoadRun {
    let (ramp, duration) = (Duration::ZERO, SHORT * 2);
    let arrivals = Arrivals { rate_per_s, ramp, duration, spacing: Spacing::Constant, seed: 1, visits_max: None };
    LoadRun { address, connections, queue_max: 1_000, arrivals, timeout: Duration::from_secs(30) }
}

async fn run(plan: &LoadRun) -> LoadReport {
    let (_keep_running, stop) = oneshot::channel();
    plan.run(Arc::new(Theatre), stop, |_| ()).await.expect("the server is running")
}

#[tokio::test]
async fn visits_run_all_steps_and_every_one_is_counted() {
    let report = run(&plan(server(Behaviour::Prompt).await, 3, 400.0)).await;
    assert_eq!((report.arrived, report.served, report.refused), (80, 60, 20));
    assert_eq!((report.errors(), report.unfinished, report.is_cut_short), (0, 0, false));
    let asked = report.operations.iter().map(|operation| {
        let responses = operation.responses.iter().map(|response| (response.label(), response.latency_ms.count));
        (operation.name.as_str(), responses.collect::<Vec<_>>())
    });
    let (number, seat) = (vec![("200".into(), 80)], vec![("200".into(), 60), ("409 FULL".into(), 20)]);
    assert_eq!(asked.collect::<Vec<_>>(), [("number", number), ("seat", seat)]);
    let table = report.table();
    assert!(table.contains("80 visits") && table.contains("  409 FULL"), "{table}");
}

/// The single connection gets its first response after the last visit was due. Measured from the time of sending, all but
/// one visit would look fast.
#[tokio::test]
async fn a_stall_is_in_the_latency_of_every_visit_that_was_due() {
    let report = run(&plan(server(Behaviour::Stalls(SHORT * 4)).await, 1, 400.0)).await;
    assert_eq!((report.arrived, report.errors()), (80, 0));
    assert!(report.late >= 79, "all but the first: {}", report.late);
    // Visits were due from 0 to 200 ms; the first response came after 400 ms.
    assert!(report.visit_ms.p50_ms >= 299.0 && report.wait_ms.p50_ms >= 299.0, "{report:?}");
    let number = &report.operations[0].latency_ms;
    assert!(number.count == 80 && number.p50_ms >= 299.0, "{number:?}");
}

#[tokio::test]
async fn visits_at_a_silent_server_fail_or_are_dropped() {
    let silent = LoadRun { queue_max: 10, timeout: SHORT * 10, ..plan(server(Behaviour::Silent).await, 2, 400.0) };
    let report = run(&silent).await;
    // A timeout frees a connection for the next waiting visit, so some visits have failed and others are unfinished.
    assert_eq!((report.arrived, report.served, report.failed + report.unfinished + report.dropped), (80, 0, 80));
    assert!(
        report.dropped >= 64,
        "at most 2 in progress, 10 in the queue, and 2 more after a timeout: {}",
        report.dropped
    );
    assert_eq!(report.errors(), 80);
    assert!(report.visit_ms.p50_ms > 500.0, "{:?}", report.visit_ms);
}

#[tokio::test]
async fn a_stopped_run_reports_its_results() {
    let mut long = plan(server(Behaviour::Prompt).await, 2, 500.0);
    long.arrivals.duration = Duration::from_secs(3_600);
    let (end, stop) = oneshot::channel();
    let mut end = Some(end);
    // Stopped by the first snapshot, one second after the start.
    let observe = move |_| end.take().map_or((), drop);
    let report = long.run(Arc::new(Theatre), stop, observe).await.expect("the server is running");
    assert!(report.is_cut_short && report.served > 0);
    assert_eq!(report.served + report.refused + report.unfinished, report.arrived);
    assert_eq!(report.errors(), 0, "unfinished visits of a stopped run are not errors");
}

#[tokio::test]
async fn an_unreachable_server_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    drop(listener);
    let (_keep_running, stop) = oneshot::channel();
    let report = plan(address, 1, 1.0).run(Arc::new(Theatre), stop, |_| ()).await;
    assert!(matches!(report, Err(LoadError::Unreachable(_))));
    let (_keep_running, stop) = oneshot::channel();
    let report = plan(address, 0, 1.0).run(Arc::new(Theatre), stop, |_| ()).await;
    assert!(matches!(report, Err(LoadError::Invalid(_))));
}

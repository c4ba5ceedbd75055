//! Visitors at real servers on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pulse_bench::{Arrivals, Crowd, LoadError, Next, Request, Scenario, Spacing, Visited};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SHORT: Duration = Duration::from_millis(100);

/// Visitors who take a number and then a seat; every fourth hears that there is none, and that is right.
struct Theatre;

impl Scenario for Theatre {
    fn operations(&self) -> &'static [&'static str] {
        &["number", "seat"]
    }

    fn right_refusals(&self) -> &'static [&'static str] {
        &["FULL"]
    }

    fn next(&self, visitor: u64, step: usize, last: &[u8]) -> Next {
        let seat = if visitor.is_multiple_of(4) { "/full" } else { "/seat" };
        match (step, last) {
            (0, []) => Next::Ask { operation: 0, request: Request::get("test", "/number").render() },
            (1, b"7") => Next::Ask { operation: 1, request: Request::get("test", seat).render() },
            (2, _) => Next::Over,
            _ => Next::Lost,
        }
    }
}

/// How a server is.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Prompt,
    /// Lets the first request of a connection wait so long.
    Stalls(Duration),
    Silent,
}

/// Answers one connection by path.
async fn answer(mut stream: TcpStream, manner: Manner) {
    let mut seen = Vec::new();
    let mut stall = if let Manner::Stalls(stall) = manner { Some(stall) } else { None };
    while let Ok(count) = stream.read_buf(&mut seen).await {
        if count == 0 {
            return;
        }
        if manner == Manner::Silent || !seen.ends_with(b"\r\n\r\n") {
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

async fn server(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, manner));
        }
    });
    address
}

fn crowd(address: SocketAddr, connections: usize, rate_per_s: f64) -> Crowd {
    let (ramp, duration) = (Duration::ZERO, SHORT * 2);
    let arrivals = Arrivals { rate_per_s, ramp, duration, spacing: Spacing::Even, seed: 1, visitors_max: None };
    Crowd { address, connections, waiting_max: 1_000, arrivals, patience: Duration::from_secs(30) }
}

async fn run(crowd: &Crowd) -> Visited {
    let (_go_on, stop) = oneshot::channel();
    crowd.run(Arc::new(Theatre), stop, |_| ()).await.expect("a server that is there")
}

#[tokio::test]
async fn visitors_take_step_after_step_and_everybody_is_counted() {
    let told = run(&crowd(server(Manner::Prompt).await, 3, 400.0)).await;
    assert_eq!((told.arrived, told.served, told.refused), (80, 60, 20));
    assert_eq!((told.errors(), told.unfinished, told.is_cut_short), (0, 0, false));
    let asked = told.operations.iter().map(|operation| {
        let answers = operation.answers.iter().map(|answer| (answer.label(), answer.latency_ms.count));
        (operation.name.as_str(), answers.collect::<Vec<_>>())
    });
    let (number, seat) = (vec![("200".into(), 80)], vec![("200".into(), 60), ("409 FULL".into(), 20)]);
    assert_eq!(asked.collect::<Vec<_>>(), [("number", number), ("seat", seat)]);
    let table = told.table();
    assert!(table.contains("80 came") && table.contains("  409 FULL"), "{table}");
}

/// The one connection waits for its first answer until after the last visitor was due. Measured from when requests could be
/// sent, all but one visit would look fast.
#[tokio::test]
async fn a_stall_is_felt_by_everybody_who_was_due_meanwhile() {
    let told = run(&crowd(server(Manner::Stalls(SHORT * 4)).await, 1, 400.0)).await;
    assert_eq!((told.arrived, told.errors()), (80, 0));
    assert!(told.late >= 79, "all but the first: {}", told.late);
    // Visitors were due from 0 to 200 ms; nobody was answered before 400 ms.
    assert!(told.visit_ms.p50_ms >= 299.0 && told.wait_ms.p50_ms >= 299.0, "{told:?}");
    let number = &told.operations[0].latency_ms;
    assert!(number.count == 80 && number.p50_ms >= 299.0, "{number:?}");
}

#[tokio::test]
async fn a_silent_server_is_counted_and_the_rest_has_no_room() {
    let silent = Crowd { waiting_max: 10, patience: SHORT * 10, ..crowd(server(Manner::Silent).await, 2, 400.0) };
    let told = run(&silent).await;
    // A time-out frees a connection for the next of those who wait, so some have failed and some have not.
    assert_eq!((told.arrived, told.served, told.failed + told.unfinished + told.dropped), (80, 0, 80));
    assert!(told.dropped >= 64, "at most 2 + 10 were in the house, and 2 more after a time-out: {}", told.dropped);
    assert_eq!(told.errors(), 80);
    assert!(told.visit_ms.p50_ms > 500.0, "{:?}", told.visit_ms);
}

#[tokio::test]
async fn a_run_that_is_stopped_tells_what_it_has() {
    let mut long = crowd(server(Manner::Prompt).await, 2, 500.0);
    long.arrivals.duration = Duration::from_secs(3_600);
    let (end, stop) = oneshot::channel();
    let mut end = Some(end);
    // Stopped by the first look, a second after it began.
    let look = move |_| end.take().map_or((), drop);
    let told = long.run(Arc::new(Theatre), stop, look).await.expect("a server that is there");
    assert!(told.is_cut_short && told.served > 0);
    assert_eq!(told.served + told.refused + told.unfinished, told.arrived);
    assert_eq!(told.errors(), 0, "who was under way is nobody's fault");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    drop(listener);
    let (_go_on, stop) = oneshot::channel();
    let told = crowd(address, 1, 1.0).run(Arc::new(Theatre), stop, |_| ()).await;
    assert!(matches!(told, Err(LoadError::Unreachable(_))));
    let (_go_on, stop) = oneshot::channel();
    let told = crowd(address, 0, 1.0).run(Arc::new(Theatre), stop, |_| ()).await;
    assert!(matches!(told, Err(LoadError::Invalid(_))));
}

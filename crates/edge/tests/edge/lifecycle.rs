//! Readiness and draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;

use crate::http_client::get;
use crate::test_edge::{configured, edge, edge_with};

/// PL-46: liveness and readiness differ.
#[tokio::test]
async fn readiness_follows_the_node() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_ready);
    let edge = edge_with("", |edge| edge.readiness(move || asked.load(Ordering::Relaxed))).await;
    let live = get("/health/live").send(edge.address).await;
    assert_eq!((live.status, live.text()), (200, "{\"status\":\"live\"}"));
    for path in ["/health", "/health/ready"] {
        is_ready.store(false, Ordering::Relaxed);
        let starting = get(path).send(edge.address).await;
        assert_eq!((starting.status, starting.text()), (503, "{\"status\":\"starting\"}"));
        is_ready.store(true, Ordering::Relaxed);
        assert_eq!(get(path).send(edge.address).await.status, 200);
    }
}

/// PL-46: readiness becomes false first, while calls are still accepted.
#[tokio::test]
async fn a_draining_node_reports_it_before_it_stops() {
    let mut edge = configured("drain.delay = \"1h\"").await;
    assert_eq!(get("/health/ready").send(edge.address).await.status, 200);
    edge.shut_down();
    while get("/health/ready").send(edge.address).await.status == 200 {
        tokio::task::yield_now().await;
    }
    let draining = get("/health/ready").send(edge.address).await;
    assert_eq!((draining.status, draining.text()), (503, "{\"status\":\"draining\"}"));
    assert_eq!(get("/test/echo").send(edge.address).await.status, 200);
    assert_eq!(get("/health/live").send(edge.address).await.status, 200);
}

/// PL-46: calls in progress are finished, new connections are rejected, idle ones are closed.
#[tokio::test]
async fn a_draining_node_finishes_its_calls() {
    let mut edge = edge().await;
    let address = edge.address;
    let idle = TcpStream::connect(address).await.unwrap();
    let call = tokio::spawn(async move { get("/test/wait").send(address).await });
    edge.wait_for_call().await;
    edge.shut_down();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!edge.running.is_finished());
    edge.go_on.notify_one();
    assert_eq!(call.await.unwrap().status, 200);
    drop(idle);
    assert!(edge.running.await.unwrap(), "everything was finished");
}

/// PL-46: the drain deadline also applies to a call that does not end.
#[tokio::test]
async fn draining_ends_at_its_deadline() {
    let mut edge = configured("drain.deadline = \"1ms\"").await;
    let address = edge.address;
    let call = tokio::spawn(async move { crate::http_client::exchange(address, &get("/test/wait").bytes()).await });
    edge.wait_for_call().await;
    edge.shut_down();
    assert!(!edge.running.await.unwrap(), "a call was left behind");
    call.abort();
}

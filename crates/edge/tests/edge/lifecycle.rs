//! How a node becomes ready and how it leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;

use crate::caller::get;
use crate::town::{configured, town, town_with};

/// PL-46: alive is not ready.
#[tokio::test]
async fn readiness_follows_the_node() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_ready);
    let town = town_with("", |edge| edge.readiness(move || asked.load(Ordering::Relaxed))).await;
    let live = get("/health/live").send(town.address).await;
    assert_eq!((live.status, live.text()), (200, "{\"status\":\"live\"}"));
    for path in ["/health", "/health/ready"] {
        is_ready.store(false, Ordering::Relaxed);
        let starting = get(path).send(town.address).await;
        assert_eq!((starting.status, starting.text()), (503, "{\"status\":\"starting\"}"));
        is_ready.store(true, Ordering::Relaxed);
        assert_eq!(get(path).send(town.address).await.status, 200);
    }
}

/// PL-46: readiness goes false first, while calls are still taken.
#[tokio::test]
async fn a_leaving_node_says_so_before_it_stops() {
    let mut town = configured("drain.notice = \"1h\"").await;
    assert_eq!(get("/health/ready").send(town.address).await.status, 200);
    town.leave();
    while get("/health/ready").send(town.address).await.status == 200 {
        tokio::task::yield_now().await;
    }
    let draining = get("/health/ready").send(town.address).await;
    assert_eq!((draining.status, draining.text()), (503, "{\"status\":\"draining\"}"));
    assert_eq!(get("/test/echo").send(town.address).await.status, 200);
    assert_eq!(get("/health/live").send(town.address).await.status, 200);
}

/// PL-46: what is under way is finished, new connections are not taken, idle ones are closed.
#[tokio::test]
async fn a_leaving_node_finishes_what_it_has_begun() {
    let mut town = town().await;
    let address = town.address;
    let idle = TcpStream::connect(address).await.unwrap();
    let call = tokio::spawn(async move { get("/test/wait").send(address).await });
    town.somebody_waits().await;
    town.leave();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!town.running.is_finished());
    town.go_on.notify_one();
    assert_eq!(call.await.unwrap().status, 200);
    drop(idle);
    assert!(town.running.await.unwrap(), "everything was finished");
}

/// PL-46: the deadline holds even when a call does not end.
#[tokio::test]
async fn a_leaving_node_does_not_wait_for_ever() {
    let mut town = configured("drain.deadline = \"1ms\"").await;
    let address = town.address;
    let call = tokio::spawn(async move { crate::caller::exchange(address, &get("/test/wait").bytes()).await });
    town.somebody_waits().await;
    town.leave();
    assert!(!town.running.await.unwrap(), "a call was left behind");
    call.abort();
}

//! The load generator against real servers on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pulse_bench::{Bound, Connection, ExchangeError, Load, LoadError, Paired, Progress, Request, Requests, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Duration = Duration::from_millis(100);

fn load(address: SocketAddr, connections: usize, bound: Bound) -> Load {
    Load { warm_up: Duration::ZERO, bound, ..Load::closed(address, connections, SHORT) }
}

fn rate(per_s: u64) -> NonZeroU64 {
    NonZeroU64::new(per_s).expect("a rate above 0")
}

fn get(path: &str) -> Bytes {
    Request::get("test", path).render()
}

/// What the hyper server was asked, and how it answers.
#[derive(Default)]
struct City {
    asked: AtomicU64,
    /// The request of this number (1 is the first) is answered 200 ms late.
    stalls_at: u64,
}

impl City {
    async fn answer(&self, request: hyper::Request<Incoming>) -> hyper::Response<BoxBody<Bytes, Infallible>> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.stalls_at {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.expect("a whole request").to_bytes();
        let response = hyper::Response::builder();
        let full = |bytes: Bytes| Full::new(bytes).boxed();
        match path.as_str() {
            "/echo" => response.body(full(body)),
            "/missing" => response.status(404).body(full(Bytes::from_static(b"{}"))),
            "/none" => response.status(204).body(full(Bytes::new())),
            "/close" => response.header("connection", "close").body(full(Bytes::from_static(b"bye"))),
            "/chunked" => {
                let parts = ["one ", "two ", "three"].map(|part| Ok(Frame::data(Bytes::from(part))));
                response.body(StreamBody::new(futures::stream::iter(parts)).boxed())
            }
            _ => response.body(full(Bytes::from_static(b"hello"))),
        }
        .expect("a valid response")
    }
}

async fn hyper_server(city: City) -> (SocketAddr, Arc<City>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    let city = Arc::new(city);
    let shared = Arc::clone(&city);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let city = Arc::clone(&shared);
            let service = service_fn(move |request| {
                let city = Arc::clone(&city);
                async move { Ok::<_, Infallible>(city.answer(request).await) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, city)
}

/// A server that answers the n-th connection (0 is the first) with whatever `answer(n)` does on it.
async fn raw_server<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(u64, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(answer(number, stream));
        }
    });
    address
}

async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read_buf(&mut seen).await {
            Ok(count) if count > 0 => {}
            _ => return false,
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounded_run_sends_exactly_as_many_requests_and_counts_every_status() {
    let (address, city) = hyper_server(City::default()).await;
    let echo = Request::post_json("test", "/echo", "x".repeat(40_000)).render();
    let requests = Requests::cycle(vec![get("/"), get("/chunked"), get("/missing"), get("/none"), echo]);
    for threads in [1, 3] {
        let load = Load { threads, ..load(address, 8, Bound::Requests(500)) };
        let outcome = load.run(&requests).await.unwrap();
        assert_eq!(outcome.statuses, BTreeMap::from([(200, 300), (204, 100), (404, 100)]));
        assert_eq!((outcome.replies, outcome.sent, outcome.latency.len()), (500, 500, 500));
        assert_eq!((outcome.failure_count(), outcome.error_count(), outcome.reconnects), (0, 100, 0));
        assert!(outcome.rate_per_s() > 0.0);
        assert_eq!(city.asked.swap(0, Ordering::Relaxed), 500);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_sends_what_its_schedule_says_and_leaves_the_warm_up_out() {
    let (address, city) = hyper_server(City::default()).await;
    let requests = Requests::one(get("/"));
    for threads in [1, 2] {
        let timed = Load { warm_up: SHORT, threads, ..load(address, 4, Bound::For(SHORT * 2)) }.open(rate(1_000));
        let outcome = timed.run(&requests).await.unwrap();
        assert_eq!((outcome.replies, outcome.sent), (200, 300));
        assert_eq!(city.asked.swap(0, Ordering::Relaxed), 300);
        let counted = Load { warm_up: SHORT, threads, ..load(address, 4, Bound::Requests(77)) }.open(rate(2_000));
        let outcome = counted.run(&requests).await.unwrap();
        assert_eq!((outcome.replies, outcome.sent), (77, 277));
        assert_eq!(city.asked.swap(0, Ordering::Relaxed), 277);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_charges_a_stall_to_everybody_who_had_to_wait() {
    let (address, _) = hyper_server(City { stalls_at: 50, ..City::default() }).await;
    let open = load(address, 1, Bound::Requests(400)).open(rate(1_000));
    let outcome = open.run(&Requests::one(get("/"))).await.unwrap();
    let at_least_100_ms_late = outcome.latency.count_between(100_000_000, u64::MAX);
    // Of the 200 requests that were due during the stall, the first 100 waited for 100 ms or longer. A slow machine
    // only makes it more.
    assert!(at_least_100_ms_late >= 99, "{at_least_100_ms_late}");
    assert!(outcome.latency_ms(99.0) >= 180.0, "{}", outcome.latency_ms(99.0));
}

#[tokio::test]
async fn a_reply_cut_off_in_its_body_is_a_failure_and_the_connection_is_opened_again() {
    let address = raw_server(async |number, mut stream: TcpStream| {
        while read_request(&mut stream).await {
            let reply: &[u8] = match number {
                0 => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
                1 => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
                2 => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            };
            stream.write_all(reply).await.unwrap();
            if number < 3 {
                return;
            }
        }
    });
    let outcome = load(address.await, 1, Bound::Requests(10)).run(&Requests::one(get("/"))).await.unwrap();
    assert_eq!(outcome.failures, BTreeMap::from([("closed", 2), ("malformed", 1)]));
    assert_eq!((outcome.replies, outcome.reconnects), (7, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_politely_is_no_failure() {
    let (address, city) = hyper_server(City::default()).await;
    let outcome = load(address, 2, Bound::Requests(20)).run(&Requests::one(get("/close"))).await.unwrap();
    assert_eq!((outcome.replies, outcome.failure_count()), (20, 0));
    assert_eq!(outcome.reconnects, 18, "every reply but the last of each connection");
    assert_eq!(city.asked.load(Ordering::Relaxed), 20);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_counted() {
    let address = raw_server(async |_, mut stream: TcpStream| while read_request(&mut stream).await {});
    let silent = Load { patience: SHORT, ..load(address.await, 3, Bound::Requests(10)) };
    let outcome = silent.run(&Requests::one(get("/"))).await.unwrap();
    assert_eq!((outcome.replies, &outcome.failures), (0, &BTreeMap::from([("unanswered", 3)])));
    let outcome = silent.open(rate(1_000)).run(&Requests::one(get("/"))).await.unwrap();
    assert_eq!((outcome.replies, &outcome.failures), (0, &BTreeMap::from([("unanswered", 10)])));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_and_so_is_a_load_without_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let requests = Requests::one(get("/"));
    let error = load(address, 2, Bound::Requests(1)).run(&requests).await.unwrap_err();
    assert!(matches!(error, LoadError::Unreachable(ExchangeError::Connect { .. })), "{error}");
    let error = Load { threads: 2, ..load(address, 2, Bound::Requests(1)) }.run(&requests).await.unwrap_err();
    assert!(matches!(error, LoadError::Unreachable(_)), "{error}");
    for (connections, threads) in [(0, 1), (1, 0), (1, 2), (10_001, 1)] {
        let wrong = Load { threads, ..load(address, connections, Bound::Requests(1)) };
        assert!(matches!(wrong.run(&requests).await, Err(LoadError::Invalid(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetch_keeps_the_body() {
    let (address, _) = hyper_server(City::default()).await;
    let mut connection = Connection::open(address).await.unwrap();
    let (reply, body) = connection.fetch(&get("/chunked")).await.unwrap();
    assert_eq!((reply.status, reply.keep_alive, &body[..]), (200, true, &b"one two three"[..]));
    let big = "y".repeat(100_000);
    let (_, body) = connection.fetch(&Request::post_json("test", "/echo", big.clone()).render()).await.unwrap();
    assert_eq!(body, big.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_is_measured_in_turns_and_errors_are_not_hidden() {
    let (address, _) = hyper_server(City::default()).await;
    let (other, _) = hyper_server(City::default()).await;
    let side = |address, path| Side {
        label: format!("GET {path}"),
        address,
        requests: Requests::one(get(path)),
        refusal: None,
    };
    let plan = Paired { rounds: 3, round: SHORT, latency: SHORT, ..Paired::new("tiny", 4) };
    let measurement = plan.run(&side(address, "/"), &side(other, "/chunked"), &Progress::hidden()).await.unwrap();
    assert_eq!((measurement.name.as_str(), measurement.reference.as_str()), ("tiny", "GET /chunked"));
    assert_eq!((measurement.errors, measurement.connections, measurement.rounds), (0, 4, 3));
    assert!(measurement.rate_per_s > 0.0 && measurement.ratio > 0.0 && measurement.p50_ms <= measurement.p99_ms);
    let refused = plan.run(&side(address, "/missing"), &side(other, "/"), &Progress::hidden()).await.unwrap();
    assert!(refused.errors > 0);
}

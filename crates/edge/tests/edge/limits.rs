//! Rate limits, size limits and concurrency limits.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::{exchange, get, post, read_reply, request};
use crate::test_edge::{configured, edge};

/// PL-24, PL-28: above a rate the status is 429 with `Retry-After`, per account, until the time has passed.
#[tokio::test]
async fn rates_per_account() {
    let edge = edge().await;
    let (one, other) = (edge.token(1, &[], &[]), edge.token(2, &[], &[]));
    let call = async |token: &str| get("/test/per-user").bearer(token).send(edge.address).await;
    let first = call(&one).await;
    assert_eq!((first.status, first.header("ratelimit")), (200, Some("\"user\";r=1")));
    assert_eq!(first.header("ratelimit-policy"), Some("\"user\";q=2;w=60"));
    assert_eq!(call(&one).await.status, 200);
    let refused = call(&one).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("ratelimit"), Some("\"user\";r=0;t=30"));
    assert_eq!(refused.json()["retry"], "backoff");
    assert_eq!(call(&other).await.status, 200, "another account has its own bucket");
    edge.clock.advance(Duration::from_secs(30));
    assert_eq!(call(&one).await.status, 200);
}

/// PL-24: rates per address and per route.
#[tokio::test]
async fn rates_per_address_and_per_route() {
    let edge = configured("access.trusted_proxies = [\"127.0.0.1\"]").await;
    let call = async |path: &str, ip: &str| get(path).header("x-forwarded-for", ip).send(edge.address).await.status;
    for (ip, statuses) in [("198.51.100.1", [200, 200, 429]), ("198.51.100.2", [200, 200, 429])] {
        for status in statuses {
            assert_eq!(call("/test/per-ip", ip).await, status, "{ip}");
        }
    }
    // A client usually owns 64 bits of an IPv6 address, so these count as one address.
    for (ip, status) in [("2001:db8::1", 200), ("2001:db8::2", 200), ("2001:db8::3", 429), ("2001:db8:0:1::1", 200)] {
        assert_eq!(call("/test/per-ip", ip).await, status, "{ip}");
    }
    for (ip, status) in [("198.51.100.1", 200), ("198.51.100.2", 200), ("198.51.100.3", 429)] {
        assert_eq!(call("/test/per-route", ip).await, status, "{ip}");
    }
}

/// PL-24: the token bucket of the whole node.
#[tokio::test]
async fn the_node_has_a_rate_limit() {
    let edge = configured("capacity.calls_per_second_max = 5").await;
    for _ in 0..5 {
        assert_eq!(get("/test/echo").send(edge.address).await.status, 200);
    }
    let refused = get("/test/echo").send(edge.address).await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.header("retry-after")),
        (503, "OVERLOADED", Some("1"))
    );
    edge.clock.advance(Duration::from_millis(200));
    assert_eq!(get("/test/echo").send(edge.address).await.status, 200);
}

/// PL-28: calls above the concurrency limit are rejected immediately, per rpc and per node; pages still respond.
#[tokio::test]
async fn load_is_shed() {
    for (config, other_rpc) in
        [("capacity.calls_per_rpc_max = 1", 200), ("capacity = { calls_max = 1, calls_per_rpc_max = 1 }", 503)]
    {
        let edge = configured(config).await;
        let address = edge.address;
        let first = tokio::spawn(async move { get("/test/wait").send(address).await });
        edge.wait_for_call().await;
        let shed = get("/test/wait").send(address).await;
        assert_eq!((shed.status, shed.code().as_str()), (503, "OVERLOADED"), "{config}");
        assert_eq!(shed.header("retry-after"), Some("1"));
        assert_eq!(get("/test/echo").send(address).await.status, other_rpc, "{config}");
        assert_eq!(get("/health/live").send(address).await.status, 200);
        edge.go_on.notify_one();
        assert_eq!(first.await.unwrap().status, 200);
        assert_eq!(get("/test/echo").send(address).await.status, 200, "the permit was released");
    }
}

/// PL-28: the permit of a disconnected caller is released.
#[tokio::test]
async fn a_disconnect_releases_the_permit() {
    let edge = configured("capacity = { calls_max = 1, calls_per_rpc_max = 1 }").await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    stream.write_all(&get("/test/wait").bytes()).await.unwrap();
    edge.wait_for_call().await;
    drop(stream);
    while get("/test/echo").send(edge.address).await.status == 503 {
        tokio::task::yield_now().await;
    }
}

/// PL-28: a body above the limit is 413: by its length header, without one, and in chunks.
#[tokio::test]
async fn bodies_have_a_limit() {
    let edge = configured("limits.body_bytes_max = \"1 KiB\"").await;
    let fits = post("/test/echo", vec![b' '; 1024]).send(edge.address).await;
    assert_eq!((fits.status, fits.json()["body_bytes"].as_u64()), (200, Some(1024)));
    let too_long = post("/test/echo", vec![b' '; 1025]).send(edge.address).await;
    assert_eq!((too_long.status, too_long.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(too_long.json()["metadata"]["bytes_max"], "1024");
    let announced = request("POST", "/test/echo").header("content-length", "99999999999").send(edge.address).await;
    assert_eq!(announced.status, 413);
    let mut chunked =
        b"POST /test/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..3 {
        chunked.extend_from_slice(format!("200\r\n{}\r\n", " ".repeat(512)).as_bytes());
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(exchange(edge.address, &chunked).await.unwrap().status, 413);
}

/// PL-28: a client that sends a rejected body completely gets the response and keeps the connection.
#[tokio::test]
async fn a_rejected_body_keeps_the_connection() {
    let edge = configured("limits.body_bytes_max = \"1 MiB\"").await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let body = " ".repeat(1024 * 1024);
    let head = "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 1048576\r\n\r\n";
    let next = "GET /test/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all([head, &body, next].concat().as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect();
    assert_eq!(statuses, ["415", "200"], "{answers}");
}

/// PL-28: headers and bodies that do not arrive in time end the connection.
#[tokio::test]
async fn slow_clients_are_disconnected() {
    let edge = configured("limits = { body_timeout = \"1ms\", header_timeout = \"20ms\" }").await;
    let body = b"POST /test/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\n{";
    let reply = exchange(edge.address, body).await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (504, "DEADLINE_EXCEEDED"));
    for start in [&b""[..], b"PRI * HT", b"GET /test/echo HTTP/1.1\r\nhost: a\r\n"] {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        let reply = read_reply(&mut stream).await;
        assert!(reply.is_none_or(|reply| reply.status == 408), "{start:?}");
    }
}

/// PL-28: headers have a limit.
#[tokio::test]
async fn headers_have_a_limit() {
    let edge = configured("limits.header_bytes_max = \"8 KiB\"").await;
    let fits = get("/test/echo").header("x-long", &"x".repeat(6_000)).send(edge.address).await;
    assert_eq!(fits.status, 200);
    // A client that is still sending may lose the response with the connection.
    let too_long = exchange(edge.address, &get("/test/echo").header("x-long", &"x".repeat(9_000)).bytes()).await;
    assert!(too_long.is_none_or(|reply| reply.status == 431));
    let too_many = (0..200).fold(get("/test/echo"), |request, n| request.header(&format!("x-{n}"), "y"));
    let too_many = exchange(edge.address, &too_many.bytes()).await;
    // E8: hyper refuses it without a body; the edge adds the problem.
    let too_many = too_many.unwrap();
    assert_eq!((too_many.status, too_many.code().as_str()), (431, "HEADERS_TOO_LARGE"));
    assert_eq!(too_many.header("connection"), Some("close"));
    let long_path = exchange(edge.address, &get(&format!("/{}", "p".repeat(70_000))).bytes()).await;
    assert!(long_path.is_none_or(|reply| matches!(reply.status, 414 | 431)));
}

/// PL-28: connections above the limit wait until another one ends.
#[tokio::test]
async fn connections_have_a_limit() {
    let edge = configured("capacity.connections_max = 1").await;
    let first = TcpStream::connect(edge.address).await.unwrap();
    let address = edge.address;
    let second = tokio::spawn(async move { get("/test/echo").send(address).await.status });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.unwrap(), 200);
}

/// PL-28: the idempotency key reaches the use case; an invalid one is rejected.
#[tokio::test]
async fn idempotency_keys_are_read() {
    let edge = edge().await;
    let call = async |key: &str| post("/test/echo", "{}").header("idempotency-key", key).send(edge.address).await;
    for key in ["a", "8e03978e-40d5-43e8-bc93-6894a57f9324", &"k".repeat(255)] {
        assert_eq!(call(key).await.json()["key"], key);
    }
    for key in ["", "two words", "schlüssel", &"k".repeat(256)] {
        let reply = call(key).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "IDEMPOTENCY_KEY_INVALID"), "{key:?}");
    }
    let without = post("/test/echo", "{}").send(edge.address).await;
    assert_eq!((without.status, &without.json()["key"]), (200, &serde_json::Value::Null));

    let strict = configured("is_idempotency_key_required = true").await;
    let without = post("/v1/account/codes", "{}").send(strict.address).await;
    assert_eq!((without.status, without.code().as_str()), (400, "IDEMPOTENCY_KEY_INVALID"));
    assert_eq!(get("/v1/accounts/1").send(strict.address).await.status, 200);
}

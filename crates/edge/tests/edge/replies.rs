//! Form of responses.

use std::io::Read;

use crate::http_client::{get, request};
use crate::test_edge::{configured, edge};

/// PL-40, DL-05: a problem has a registered code and all its members.
#[tokio::test]
async fn problems_are_complete() {
    let edge = edge().await;
    let reply = get("/v1/accounts/404").send(edge.address).await;
    let problem = reply.json();
    assert_eq!(reply.status, 404);
    assert_eq!(problem["type"], "/errors/ACCOUNT_NOT_FOUND");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["code"], "ACCOUNT_NOT_FOUND");
    assert_eq!(problem["detail"], "account 404 does not exist");
    assert_eq!(problem["retry"], "never");
    assert_eq!(problem["metadata"]["account_id"], "404");
    assert_eq!(problem["instance"].as_str(), reply.header("x-request-id"));
    assert_eq!(problem["trace_id"].as_str(), reply.header("traceparent").unwrap().split('-').nth(1));
    assert!(pulse_contract::ERRORS.iter().any(|spec| spec.code == "ACCOUNT_NOT_FOUND"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

/// PL-40: the type of a problem is a link to the page of its code, below the public URL if one is configured.
#[tokio::test]
async fn problem_types_link_to_pages_of_the_node() {
    let edge = configured("public_url = \"https://api.example\"").await;
    let problem = get("/nothing").send(edge.address).await.json();
    assert_eq!(problem["type"], "https://api.example/errors/UNKNOWN_ROUTE");
    let path = problem["type"].as_str().unwrap().strip_prefix("https://api.example").unwrap();
    let page = get(path).send(edge.address).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<h1>UNKNOWN_ROUTE</h1>"), "{}", page.text());
    let index = get("/errors").send(edge.address).await;
    assert!(index.text().contains("<a href=\"/errors/UNKNOWN_ROUTE\">"), "{}", index.text());
    for unknown in ["/errors/README", "/errors/NO_SUCH_CODE", "/errors/"] {
        assert_eq!(get(unknown).send(edge.address).await.code(), "UNKNOWN_ROUTE", "{unknown}");
    }
}

/// DL-05: errors contain no internals; `Retry-After` is set; a code may have its own status.
#[tokio::test]
async fn failures_contain_no_internals() {
    let edge = edge().await;
    for (kind, status, code, wait) in [
        ("internal", 500, "INTERNAL", None),
        ("unavailable", 503, "STORE_UNAVAILABLE", Some("1")),
        ("contended", 409, "STORE_CONTENDED", Some("2")),
        ("reused", 422, "IDEMPOTENCY_KEY_REUSED", None),
    ] {
        let reply = get(&format!("/test/fails?{kind}")).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(reply.header("retry-after"), wait, "{kind}");
        for inside in ["account_accounts", "/var", "5432", "disk"] {
            assert!(!reply.text().contains(inside), "{kind}: {}", reply.text());
        }
    }
}

/// PL-28: a panic is one 500; the process continues.
#[tokio::test]
async fn a_panic_fails_one_request() {
    let edge = edge().await;
    for path in ["/test/panic", "/test/panic-later"] {
        let reply = get(path).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (500, "INTERNAL"), "{path}");
        assert!(!reply.text().contains("while"), "{path}");
        assert!(reply.header("traceparent").is_some());
    }
    assert_eq!(get("/test/echo").send(edge.address).await.status, 200);
}

/// PL-28: long bodies are compressed for clients that accept gzip.
#[tokio::test]
async fn long_bodies_are_compressed() {
    let edge = edge().await;
    let plain = get("/test/large").send(edge.address).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    let packed = get("/test/large").header("accept-encoding", "br, gzip").send(edge.address).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 10 < plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let short = get("/test/echo").header("accept-encoding", "gzip").send(edge.address).await;
    assert_eq!(short.header("content-encoding"), None);
}

/// PL-28: responses have security headers.
#[tokio::test]
async fn security_headers_are_sent() {
    let edge = configured("replies.is_behind_tls = true").await;
    for path in ["/test/echo", "/nothing", "/health/live"] {
        let reply = get(path).send(edge.address).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(reply.header("strict-transport-security").is_some(), "{path}");
    }
}

/// PL-28: only allowed origins may call from web pages.
#[tokio::test]
async fn other_origins_need_permission() {
    let edge = configured("cors = { origins = [\"https://shop.example\"], max_age = \"5m\" }").await;
    let preflight = |origin: &str, path: &str| {
        request("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization, idempotency-key")
    };
    for path in ["/v1/me", "/pulse.account.v1.AccountService/GetMe"] {
        let reply = preflight("https://shop.example", path).send(edge.address).await;
        assert_eq!(
            (reply.status, reply.header("access-control-allow-origin")),
            (204, Some("https://shop.example")),
            "{path}"
        );
        assert!(reply.header("access-control-allow-methods").unwrap().contains("PATCH"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("authorization, idempotency-key"));
        assert_eq!(reply.header("access-control-max-age"), Some("300"));
    }
    let stranger = preflight("https://evil.example", "/v1/me").send(edge.address).await;
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (204, None));
    let actual = get("/nothing").header("origin", "https://shop.example").send(edge.address).await;
    assert_eq!(actual.header("access-control-allow-origin"), Some("https://shop.example"));
    assert!(actual.header("access-control-expose-headers").unwrap().contains("retry-after"));
    assert_eq!(actual.header("vary"), Some("origin"));

    let everybody = configured("cors.origins = [\"*\"]").await;
    let reply = get("/test/echo").header("origin", "https://any.example").send(everybody.address).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    let nobody = configured("").await;
    let reply = get("/test/echo").header("origin", "https://shop.example").send(nobody.address).await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

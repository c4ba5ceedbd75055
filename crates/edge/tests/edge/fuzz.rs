//! No input causes a server error.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::http_client::{TestRequest, exchange, get, request};
use crate::test_edge::{TestEdge, edge};

/// Runs `strategy` against one edge; every input gets a status below 500, or no response.
fn check<T: std::fmt::Debug>(cases: u32, strategy: impl Strategy<Value = T>, send: impl Fn(&TestEdge, T) -> Vec<u8>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let edge = runtime.block_on(edge());
    let mut runner =
        TestRunner::new_with_rng(Config { cases, failure_persistence: None, ..Config::default() }, seeded());
    let outcome = runner.run(&strategy, |input| {
        let shown = format!("{input:?}");
        let reply = runtime.block_on(exchange(edge.address, &send(&edge, input)));
        prop_assert!(reply.as_ref().is_none_or(|reply| reply.status < 500), "{shown}: {reply:?}");
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let alive = runtime.block_on(get("/test/echo").send(edge.address));
    assert_eq!(alive.status, 200);
}

/// The same inputs in every run.
fn seeded() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        "[ -~]{0,64}".prop_map(String::into_bytes),
        Just(b"content-length: 5".to_vec()),
        Just(b"content-length: -5".to_vec()),
        Just(b"transfer-encoding: chunked".to_vec()),
        Just(b"content-type: application/json".to_vec()),
        Just(b"content-type: application/grpc".to_vec()),
        Just(b"content-type: application/grpc-web-text".to_vec()),
        Just(b"authorization: Bearer a.b.c".to_vec()),
        Just(b"idempotency-key: \x80".to_vec()),
        Just(b"traceparent: 00-1-2-3".to_vec()),
        Just(b"accept-language: ;;q=,".to_vec()),
        Just(b"upgrade: h2c".to_vec()),
        Just(b"expect: 100-continue".to_vec()),
    ]
}

/// PL-28: bytes that are not valid HTTP.
#[test]
fn raw_bytes_never_break_it() {
    let starts = prop_oneof![
        Just(b"GET /v1/me HTTP/1.1".to_vec()),
        Just(b"POST /v1/account/codes HTTP/1.1".to_vec()),
        Just(b"POST /pulse.account.v1.AccountService/GetMe HTTP/1.1".to_vec()),
        Just(b"OPTIONS * HTTP/1.1".to_vec()),
        Just(b"CONNECT a:1 HTTP/1.1".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        any_line(),
    ];
    let strategy = (starts, proptest::collection::vec(any_line(), 0..8), proptest::collection::vec(any::<u8>(), 0..64));
    check(400, strategy, |_edge, (start, lines, body)| {
        let mut bytes = start;
        bytes.extend_from_slice(b"\r\nhost: a\r\nconnection: close");
        for line in lines {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend(line);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend(body);
        bytes
    });
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Map, Value};
    let name = prop_oneof![
        "[a-z_]{0,12}",
        prop_oneof!["email", "code", "password", "display_name", "phone", "role", "shop_ids", "account_id", "bio"],
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        prop_oneof!["1", "-1", "ACCOUNT_ROLE_OPERATOR", "a@b.c", "123456", "\\+8613800000000"].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// PL-28: arbitrary JSON at routes with a body.
#[test]
fn json_of_every_shape_never_breaks_it() {
    let routes = proptest::sample::select(vec![
        ("POST", "/v1/account/codes"),
        ("POST", "/v1/account/registrations"),
        ("PATCH", "/v1/me"),
        ("POST", "/v1/operator/accounts/5/roles"),
        ("POST", "/v1/account/sessions:sign-out"),
    ]);
    let cut = prop_oneof![4 => Just(None), 1 => (0_usize..200).prop_map(Some)];
    check(400, (routes, any_json(), cut), |edge, ((method, path), json, cut)| {
        let mut body = json.to_string().into_bytes();
        body.truncate(cut.unwrap_or(usize::MAX));
        let request: TestRequest =
            request(method, path).header("content-type", "application/json").bearer(&edge.operator());
        request.body(body).bytes()
    });
}

/// PL-28: arbitrary paths and queries.
#[test]
fn paths_and_queries_never_break_it() {
    let piece =
        prop_oneof!["[!-~]{0,12}", "v1", "accounts", "me", "%[0-9a-fA-F]{2}", "%", "\\.\\.", "[0-9]{1,25}", "\\{id\\}"];
    let path = proptest::collection::vec(piece, 0..6).prop_map(|pieces| format!("/{}", pieces.join("/")));
    let query = prop_oneof!["", "\\?[!-~]{0,40}", "\\?page_size=[!-~]{0,10}&page_token=[!-~]{0,20}"];
    check(400, (path, query), |edge, (path, query)| get(&format!("{path}{query}")).bearer(&edge.operator()).bytes());
}

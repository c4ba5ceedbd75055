//! Authentication, roles, addresses, traces, languages and deadlines.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_kernel::Role;
use pulse_token::{Key, KeyRing};

use crate::http_client::{get, post};
use crate::test_edge::{ENDED_SESSION, TTL, configured, edge};

/// PL-28: tokens that are missing, expired, changed, of another key, of another algorithm, or without signature.
#[tokio::test]
async fn tokens_are_verified() {
    let edge = edge().await;
    let missing = get("/test/mine").send(edge.address).await;
    assert_eq!((missing.status, missing.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"pulse\""));

    let good = edge.consumer();
    let reply = get("/test/mine").bearer(&good).send(edge.address).await;
    assert_eq!((reply.status, reply.json()["actor"].as_str()), (200, Some("acc_7")));

    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let kid = &edge.keys.kids()[0];
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    let rs256 = encode(&format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#));
    let other_payload = encode(
        r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"1","roles":["operator"],"iat":1,"exp":9999999999}"#,
    );
    let stranger = KeyRing::of(Key::generate().unwrap());
    let of_stranger = {
        let claims = edge.keys.verify(&good, crate::test_edge::NOW).unwrap();
        stranger.sign(&claims)
    };
    for bad in [
        format!("{header}.{other_payload}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{rs256}.{payload}.{signature}"),
        format!("{header}.{payload}"),
        of_stranger,
        "junk".to_owned(),
        String::new(),
    ] {
        let reply = get("/test/mine").bearer(&bad).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "TOKEN_INVALID"), "{bad}");
        assert!(reply.header("www-authenticate").unwrap().contains("invalid_token"));
    }
    let ended = edge.token(ENDED_SESSION, &[], &[]);
    assert_eq!(get("/test/mine").bearer(&ended).send(edge.address).await.code(), "TOKEN_INVALID");

    edge.clock.advance(TTL);
    let expired = get("/test/mine").bearer(&good).send(edge.address).await;
    assert_eq!((expired.status, expired.code().as_str()), (401, "TOKEN_EXPIRED"));
}

/// PL-28: for public operations an expired or revoked token counts as none; a forged one is rejected.
#[tokio::test]
async fn expired_tokens_do_not_block_public_calls() {
    let edge = edge().await;
    let token = edge.consumer();
    assert_eq!(get("/test/echo").bearer(&token).send(edge.address).await.json()["actor"], "acc_7");
    assert_eq!(
        get("/test/echo").bearer(&edge.token(ENDED_SESSION, &[], &[])).send(edge.address).await.json()["actor"],
        "nobody"
    );
    assert_eq!(get("/test/echo").bearer("forged").send(edge.address).await.status, 401);
    edge.clock.advance(TTL);
    assert_eq!(get("/test/echo").bearer(&token).send(edge.address).await.json()["actor"], "nobody");
}

/// PL-28: roles are checked before the body is read.
#[tokio::test]
async fn roles_are_checked_before_the_body() {
    let edge = edge().await;
    for (token, status) in [(edge.consumer(), 403), (edge.token(3, &[Role::Courier], &[]), 403), (edge.operator(), 200)]
    {
        assert_eq!(get("/test/operator").bearer(&token).send(edge.address).await.status, status);
    }
    let broken_json = || post("/v1/operator/accounts/5/roles", "{");
    assert_eq!(broken_json().send(edge.address).await.code(), "UNAUTHENTICATED");
    assert_eq!(broken_json().bearer(&edge.consumer()).send(edge.address).await.code(), "PERMISSION_DENIED");
    assert_eq!(broken_json().bearer(&edge.operator()).send(edge.address).await.code(), "MALFORMED_JSON");
    for (roles, status) in [(&[Role::MerchantStaff][..], 200), (&[Role::Operator], 200), (&[], 403)] {
        let reply = post("/test/staff", "{}").bearer(&edge.token(4, roles, &[9])).send(edge.address).await;
        assert_eq!(reply.status, status, "{roles:?}");
    }
}

/// PL-28: tokens of the previous key stay valid after a rotation.
#[tokio::test]
async fn keys_rotate_while_serving() {
    let edge = edge().await;
    let old = edge.consumer();
    edge.keys.rotate().unwrap();
    for token in [&old, &edge.consumer()] {
        assert_eq!(get("/test/mine").bearer(token).send(edge.address).await.status, 200);
    }
    edge.keys.rotate().unwrap();
    assert_eq!(get("/test/mine").bearer(&old).send(edge.address).await.code(), "TOKEN_INVALID");
}

/// PL-28: allow and deny lists.
#[tokio::test]
async fn addresses_are_allowed_and_denied() {
    let denied = configured("access.deny = [\"127.0.0.0/8\"]").await;
    for path in ["/v1/accounts/1", "/health/live", "/docs", "/nothing"] {
        let reply = get(path).send(denied.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "CLIENT_DENIED"), "{path}");
    }
    let others = configured("access.allow = [\"203.0.113.0/24\"]").await;
    assert_eq!(get("/test/echo").send(others.address).await.status, 403);
    let us = configured("access.allow = [\"127.0.0.1\"]").await;
    assert_eq!(get("/test/echo").send(us.address).await.status, 200);
}

/// PL-28: `X-Forwarded-For` is used from trusted proxies only.
#[tokio::test]
async fn forwarded_addresses_need_a_trusted_proxy() {
    let ip = async |config: &str| {
        let edge = configured(config).await;
        let reply = get("/test/echo").header("x-forwarded-for", "6.6.6.6, 198.51.100.7").send(edge.address).await;
        reply.json()["ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(ip("").await, "127.0.0.1");
    assert_eq!(ip("access.trusted_proxies = [\"127.0.0.1\"]").await, "198.51.100.7");
    let denied = configured("access = { trusted_proxies = [\"127.0.0.1\"], deny = [\"198.51.100.7\"] }").await;
    assert_eq!(get("/test/echo").header("x-forwarded-for", "198.51.100.7").send(denied.address).await.status, 403);
}

/// PL-47: a trace is continued from `traceparent` or B3, and the response has one `traceparent`.
#[tokio::test]
async fn traces_are_continued() {
    let edge = edge().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (name, value) in
        [("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")), ("b3", format!("{trace}-00f067aa0ba902b7-1"))]
    {
        let reply = get("/test/echo").header(name, &value).send(edge.address).await;
        assert_eq!(reply.json()["trace_id"], trace, "{name}");
        assert!(reply.header("traceparent").unwrap().starts_with(&format!("00-{trace}-")), "{name}");
    }
    let fresh = get("/nothing").send(edge.address).await;
    let traceparent = fresh.header("traceparent").unwrap();
    assert_eq!(traceparent.split('-').nth(1), fresh.json()["trace_id"].as_str());
    assert_eq!(fresh.header("x-request-id"), fresh.json()["instance"].as_str());
    let named = get("/test/echo").header("x-request-id", "order-5-attempt-2").send(edge.address).await;
    assert_eq!(named.header("x-request-id"), Some("order-5-attempt-2"));
}

/// PL-28: the language of the caller reaches the use case and the problem.
#[tokio::test]
async fn languages_are_negotiated() {
    let edge = edge().await;
    let reply = get("/test/echo").header("accept-language", "zh-CN,zh;q=0.9,en;q=0.8").send(edge.address).await;
    assert_eq!(reply.json()["locale"], "zh-CN");
    let problem = get("/nothing").header("accept-language", "zh").send(edge.address).await;
    assert_eq!(
        (problem.header("content-language"), problem.json()["title"].as_str()),
        (Some("zh-CN"), Some("请求的路径不存在"))
    );
    let problem = get("/nothing").send(edge.address).await;
    assert_eq!(
        (problem.header("content-language"), problem.json()["title"].as_str()),
        (Some("en"), Some("The path does not exist"))
    );
}

/// PL-28: the deadline is the shorter one of policy and caller.
#[tokio::test]
async fn deadlines_come_from_policy_and_caller() {
    let edge = edge().await;
    for (timeout, expected) in [(None, 60_000), (Some("250ms"), 250), (Some("10m"), 60_000)] {
        let request = get("/test/echo");
        let request = if let Some(timeout) = timeout { request.header("x-request-timeout", timeout) } else { request };
        assert_eq!(request.send(edge.address).await.json()["timeout_ms"], expected, "{timeout:?}");
    }
    let wrong = get("/test/echo").header("x-request-timeout", "soon").send(edge.address).await;
    assert_eq!((wrong.status, wrong.json()["errors"][0]["field"].as_str()), (400, Some("x-request-timeout")));
    let late = get("/test/wait").header("x-request-timeout", "1ms").send(edge.address).await;
    assert_eq!((late.status, late.code().as_str()), (504, "DEADLINE_EXCEEDED"));
    assert_eq!(late.json()["retry"], "same_key");
}

//! Invalid requests and their errors.

use crate::http_client::{get, post, request};
use crate::test_edge::edge;

/// PL-28, DL-05: the error lists all invalid fields with their paths.
#[tokio::test]
async fn wrong_fields_are_named() {
    let edge = edge().await;
    for (body, code, fields) in [
        (
            r#"{"email":"x","code":"1","password":"short","display_name":""}"#,
            "VALIDATION_FAILED",
            &["email", "code", "password", "display_name"][..],
        ),
        (r#"{}"#, "VALIDATION_FAILED", &["email", "code", "password", "display_name"]),
        ("", "VALIDATION_FAILED", &["email", "code", "password", "display_name"]),
        (r#"{"email":"a@b.c","nickname":"x"}"#, "VALIDATION_FAILED", &["nickname"]),
        (r#"{"email":7}"#, "VALIDATION_FAILED", &["email"]),
        (r#"{"email":{"a":1}}"#, "VALIDATION_FAILED", &["email"]),
    ] {
        let reply = post("/v1/account/registrations", body).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{body}");
        let problem = reply.json();
        let named: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().filter_map(|error| error["field"].as_str()).collect();
        assert_eq!(named, fields, "{body}: {problem}");
    }
}

/// PL-28: bodies that are not JSON.
#[tokio::test]
async fn invalid_json_is_rejected() {
    let edge = edge().await;
    for body in ["{", "nonsense", "{\"email\":}", "{\"email\":\"a", "\u{0}", "{}{}"] {
        let reply = post("/v1/account/registrations", body).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "MALFORMED_JSON"), "{body:?}");
    }
    for body in ["[]", "1", "null", "\"text\""] {
        let reply = post("/v1/account/registrations", body).send(edge.address).await;
        assert_eq!(reply.status, 400, "{body:?}");
    }
}

/// PL-28: path variables and query parameters are validated like fields.
#[tokio::test]
async fn paths_and_queries_are_checked() {
    let edge = edge().await;
    for path in [
        "/v1/accounts/zero",
        "/v1/accounts/0",
        "/v1/accounts/-5",
        "/v1/accounts/99999999999999999999",
        "/v1/accounts/%FF",
        "/v1/accounts/1?unknown=1",
        "/v1/accounts/1/followers?page_size=many",
    ] {
        let reply = get(path).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "VALIDATION_FAILED"), "{path}: {reply:?}");
        assert!(!reply.json()["errors"].as_array().unwrap().is_empty(), "{path}");
    }
}

/// PL-28: a content type other than JSON is 415.
#[tokio::test]
async fn bodies_of_other_types_are_rejected() {
    let edge = edge().await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""]
    {
        let reply = request("POST", "/test/echo").header("content-type", kind).body("{}").send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind:?}");
    }
    let packed = post("/test/echo", "{}").header("content-encoding", "gzip").send(edge.address).await;
    assert_eq!(packed.status, 415);
    for kind in ["application/json", "application/json; charset=utf-8", "application/problem+json"] {
        let reply = request("POST", "/test/echo").header("content-type", kind).body("{}").send(edge.address).await;
        assert_eq!(reply.status, 200, "{kind}");
    }
    assert_eq!(request("POST", "/test/echo").body("{}").send(edge.address).await.status, 200);
    // E6: the formats of patches are not those of the fields of the contract.
    for kind in ["application/merge-patch+json", "application/json-patch+json"] {
        let patch = request("PATCH", "/v1/me").bearer(&edge.consumer()).header("content-type", kind).body("{}");
        let reply = patch.send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind}");
        assert_eq!(reply.header("accept-patch"), Some("application/json"));
    }
    // E1: nothing is changed without a body.
    let none = request("PATCH", "/v1/me").bearer(&edge.consumer()).send(edge.address).await;
    assert_eq!((none.status, none.json()["errors"][0]["field"].as_str()), (400, Some("body")));
    let empty = request("POST", "/test/echo").header("content-type", "text/plain").body("").send(edge.address).await;
    assert_eq!(empty.status, 200, "an empty body has no type");
}

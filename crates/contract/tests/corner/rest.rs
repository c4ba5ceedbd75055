//! REST: where each part of a request goes.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use pulse_contract::route::Segment;
use pulse_contract::{RestReply, RestRequest, Route, page};
use pulse_kernel::{Cx, Error};
use serde_json::{Value, json};

use crate::corner::v1::{CornerClient, corner_routes};
use crate::{Corner, anonymous, staff};

fn route(verb: &str, template: &str) -> Route {
    let routes = corner_routes(&CornerClient::local(Arc::new(Corner::default())));
    routes.into_iter().find(|route| (route.verb, route.template) == (verb, template)).unwrap()
}

async fn answer(cx: Cx, verb: &str, template: &str, request: RestRequest<'_>) -> Result<Value, Error> {
    match (route(verb, template).handler)(cx, request).await? {
        RestReply::Json(json) => Ok(serde_json::from_slice(&json).unwrap()),
        RestReply::Stream(stream) => {
            let messages: Vec<Result<Bytes, Error>> = stream.collect().await;
            let read = |message: Result<Bytes, Error>| match message {
                Ok(json) => serde_json::from_slice(&json).unwrap(),
                Err(error) => json!(error.code()),
            };
            Ok(messages.into_iter().map(read).collect())
        }
    }
}

const ECHO: &str = "/v1/corner/{shop.id}/items/{item_id}:echo";
const NAME: &str = "/v1/corner/{name=shops/*/items/*}";
const ALL: &str = "/v1/corner/{shop.id}/all";
const FILES: &str = "/v1/corner/files/{path=**}";

/// PL-39: variables of the path, nested ones too, win over the body; the rest of the request is the body.
#[tokio::test]
async fn the_path_and_the_body_fill_the_request() {
    let path = [("shop.id", "7"), ("item_id", "9")];
    let body = r#"{"shop":{"id":"1","name":"x"},"itemId":"2","all":{"a_string":"城"}}"#.as_bytes();
    let echoed = answer(staff(), "POST", ECHO, RestRequest { path: &path, query: "", body }).await.unwrap();
    assert_eq!(echoed["shop"], json!({ "id": "7", "name": "x" }));
    assert_eq!((&echoed["item_id"], &echoed["all"]["a_string"]), (&json!("9"), &json!("城")));
}

/// PL-39: additional bindings, a pattern over several segments, a field as the body, a field as the reply.
#[tokio::test]
async fn every_binding_of_an_rpc_has_its_own_shape() {
    let named = [("name", "shops/5/items/6")];
    let request = RestRequest { path: &named, query: "shop.id=7", body: b"" };
    assert_eq!(answer(staff(), "GET", NAME, request).await.unwrap()["name"], "shops/5/items/6");

    let path = [("shop.id", "7")];
    let request = RestRequest { path: &path, query: "item_id=3", body: br#"{"a_bool":true}"# };
    let echoed = answer(staff(), "PUT", ALL, request).await.unwrap();
    assert_eq!((&echoed["all"]["a_bool"], &echoed["item_id"]), (&json!(true), &json!("3")));

    let path = [("path", "a/b c/d")];
    let request = RestRequest { path: &path, query: "all.a_string=x", body: b"" };
    assert_eq!(answer(staff(), "GET", FILES, request).await.unwrap()["a_string"], "x");
    let request = RestRequest { path: &path, query: "", body: b"" };
    assert_eq!(answer(staff(), "GET", FILES, request).await.unwrap()["a_string"], "");
}

#[test]
fn templates_come_parsed() {
    let template = route("GET", NAME).path;
    let shops = [Segment::Literal("v1"), Segment::Literal("corner"), Segment::Literal("shops"), Segment::One];
    assert_eq!(template.segments[..4], shops);
    assert_eq!((template.variables[0].field, template.variables[0].from, template.variables[0].to), ("name", 2, 6));
    assert_eq!(route("POST", ECHO).path.verb, "echo");
    assert_eq!(route("PURGE", "/v1/corner/{item_id}").verb, "PURGE");
    assert!(route("POST", ECHO).has_body && !route("GET", NAME).has_body && route("GET", "/v1/corner:count").is_stream);
}

/// PL-39: query parameters of every type, in both spellings.
#[tokio::test]
async fn query_parameters_fill_fields_of_every_type() {
    let path = [("name", "shops/1/items/2")];
    let deep = RestRequest { path: &path, query: "shop.id=7&all.all.all.a_string=deep", body: b"" };
    assert_eq!(answer(staff(), "GET", NAME, deep).await.unwrap()["all"]["all"]["all"]["a_string"], "deep");
    for (query, field, expected) in [
        ("all.an_int32=-5", "an_int32", json!(-5)),
        ("all.anInt64=9223372036854775807", "an_int64", json!("9223372036854775807")),
        ("all.a_uint64=18446744073709551615", "a_uint64", json!("18446744073709551615")),
        ("all.a_double=-1.5e3", "a_double", json!(-1500.0)),
        ("all.an_int32=1e1", "an_int32", json!(10)),
        ("all.a_float=Infinity", "a_float", json!("Infinity")),
        ("all.a_bool=true", "a_bool", json!(true)),
        ("all.aString=a+b%20c%2Bd", "a_string", json!("a b c+d")),
        ("all.a_bytes=_-8", "a_bytes", json!("/+8=")),
        ("all.color=COLOR_RED", "color", json!("COLOR_RED")),
        ("all.color=2", "color", json!("COLOR_GREEN")),
        ("all.at=2026-05-01T10:30:00%2B02:00", "at", json!("2026-05-01T08:30:00Z")),
        (
            "all.inner.depth.level=3",
            "inner",
            json!({ "text": "", "depth": { "level": 3 }, "state": "STATE_UNSPECIFIED" }),
        ),
        ("all.maybe_int64=0", "maybe_int64", json!("0")),
        ("all.maybe_color=COLOR_RED", "maybe_color", json!("COLOR_RED")),
        ("all.many_int64=1&all.manyInt64=2", "many_int64", json!(["1", "2"])),
        ("all.many_color=COLOR_RED&all.many_color=0", "many_color", json!(["COLOR_RED", "COLOR_UNSPECIFIED"])),
        ("all.choice_string=x", "choice_string", json!("x")),
        ("all.type=t", "type", json!("t")),
        ("", "a_bool", Value::Null),
    ] {
        let query = format!("{query}&shop.id=7");
        let request = RestRequest { path: &path, query: &query, body: b"" };
        let echoed = answer(staff(), "GET", NAME, request).await.unwrap();
        assert_eq!(echoed["all"][field], expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_no_parameter_is_refused_by_its_name() {
    let path = [("name", "shops/1/items/2")];
    let deep = format!("{}a_string=x", "all.".repeat(100));
    for (query, field, code) in [
        ("nothing=1", "nothing", "query.unknown"),
        ("all.nothing=1", "all.nothing", "query.unknown"),
        ("name=x", "name", "query.unknown"),
        ("all=1", "all", "query.unknown"),
        ("all.a_string.x=1", "all.a_string.x", "query.unknown"),
        ("all.many_inner=1", "all.many_inner", "query.unknown"),
        ("all.by_string=1", "all.by_string", "query.unknown"),
        ("item_id=1&itemId=2", "itemId", "query.duplicate"),
        ("item_id=x", "item_id", "query.type"),
        ("item_id=%2B1", "item_id", "query.type"),
        ("item_id=01", "item_id", "query.type"),
        ("item_id=1.5", "item_id", "query.type"),
        ("all.a_double=02", "all.a_double", "query.type"),
        ("all.a_double=1e999", "all.a_double", "query.type"),
        ("all.color=01", "all.color", "query.type"),
        ("item_id=9223372036854775808", "item_id", "query.type"),
        ("item_id=", "item_id", "query.type"),
        ("all.a_bool=1", "all.a_bool", "query.type"),
        ("all.a_double=inf", "all.a_double", "query.type"),
        ("all.color=COLOR_BLUE", "all.color", "query.type"),
        ("all.color=9", "all.color", "query.type"),
        ("all.at=now", "all.at", "query.type"),
        ("all.a_bytes=!", "all.a_bytes", "query.type"),
        ("all.a_string=%FF", "all.a_string", "query.encoding"),
        (&deep, deep.strip_suffix("=x").unwrap(), "query.unknown"),
    ] {
        let request = RestRequest { path: &path, query, body: b"" };
        let error = answer(staff(), "GET", NAME, request).await.unwrap_err();
        let violation = &error.violations()[0];
        assert_eq!((&*violation.field, &*violation.code), (field, code), "{query}");
        assert_eq!(error.code(), "VALIDATION_FAILED");
    }
    let path = [("shop.id", "x"), ("item_id", "1")];
    let error = answer(staff(), "POST", ECHO, RestRequest { path: &path, query: "a=1", body: b"" }).await.unwrap_err();
    let found: Vec<_> = error.violations().iter().map(|it| format!("{} {}", it.field, it.code)).collect();
    assert_eq!(found, ["a query.unknown", "shop.id path.type"]);
    let path = [("shop.id", "7")];
    let request = RestRequest { path: &path, query: "", body: br#"{"inner":{"text":1}}"# };
    let error = answer(staff(), "PUT", ALL, request).await.unwrap_err();
    // E14: the path in the body, which is the field `all` of the request.
    assert_eq!(error.violations()[0].field, "inner.text");
    let request = RestRequest { path: &path, query: "", body: br#"{"inner":{"text":"12345678901"}}"# };
    let error = answer(staff(), "PUT", ALL, request).await.unwrap_err();
    assert_eq!((&*error.violations()[0].field, &*error.violations()[0].code), ("inner.text", "string.max_len"));
}

/// E1: a request that replaces something needs a body; every other one is the empty message without it.
#[tokio::test]
async fn nothing_is_replaced_without_a_body() {
    let path = [("shop.id", "7"), ("item_id", "9")];
    let request = RestRequest { path: &path[..1], query: "", body: b"" };
    let error = answer(staff(), "PUT", ALL, request).await.unwrap_err();
    assert_eq!((&*error.violations()[0].field, &*error.violations()[0].code), ("body", "required"));
    let request = RestRequest { path: &path, query: "", body: b"" };
    assert_eq!(answer(staff(), "POST", ECHO, request).await.unwrap()["item_id"], "9");
    let request = RestRequest { path: &path[..1], query: "", body: b"{}" };
    assert_eq!(answer(staff(), "PUT", ALL, request).await.unwrap()["all"]["a_string"], "");
}

/// E5: a token belongs to its list and its filters, whatever the size of the page.
#[tokio::test]
async fn page_tokens_belong_to_their_call() {
    let ask = |path: &'static str, query: String| async move {
        answer(anonymous(), "GET", path, RestRequest { path: &[], query: &query, body: b"" }).await
    };
    let (numbers, others) = ("/v1/corner/numbers", "/v1/corner/others");
    let first = ask(numbers, "color=COLOR_RED&page_size=2".to_owned()).await.unwrap();
    assert_eq!(first["numbers"], json!(["1", "2"]));
    let token = first["next_page_token"].as_str().unwrap();
    let second = ask(numbers, format!("color=1&page_size=3&page_token={token}")).await.unwrap();
    assert_eq!(second["numbers"], json!(["3", "4", "5"]));
    let request = RestRequest { path: &[("color", "COLOR_RED")], query: &format!("page_token={token}"), body: b"" };
    let same = answer(anonymous(), "GET", "/v1/corner/colors/{color}/numbers", request).await.unwrap();
    assert_eq!(same["numbers"][0], "3", "another path of the same call");
    for (path, query) in [
        (numbers, format!("color=2&page_token={token}")),
        (numbers, format!("page_token={token}")),
        (others, format!("color=1&page_token={token}")),
        (numbers, format!("color=1&page_token={}", page::token(&[2]))),
        (numbers, format!("color=1&page_token={token}A")),
    ] {
        assert_eq!(ask(path, query.clone()).await.unwrap_err().code(), "PAGE_TOKEN_INVALID", "{path} {query}");
    }
}

/// E2: U+0000 is refused wherever a text comes from, with the name of its field.
#[tokio::test]
async fn texts_without_nul() {
    let path = [("name", "shops/1\0/items/2")];
    for (request, field) in [
        (RestRequest { path: &path, query: "shop.id=7", body: b"" }, "name"),
        (
            RestRequest { path: &[("name", "a")], query: "shop.id=7&all.many_string=a&all.many_string=%00", body: b"" },
            "all.many_string[1]",
        ),
        (
            RestRequest { path: &[("name", "a")], query: "shop.id=7&all.choice_string=%00", body: b"" },
            "all.choice_string",
        ),
    ] {
        let error = answer(staff(), "GET", NAME, request).await.unwrap_err();
        let found: Vec<_> = error.violations().iter().map(|it| (&*it.field, &*it.code)).collect();
        assert_eq!((error.code(), found), ("VALIDATION_FAILED", vec![(field, "string.nul")]));
    }
    let path = [("shop.id", "7"), ("item_id", "9")];
    let body = br#"{"all":{"by_string":{"a":"x\u0000"}}}"#;
    let error = answer(staff(), "POST", ECHO, RestRequest { path: &path, query: "", body }).await.unwrap_err();
    assert_eq!((&*error.violations()[0].field, &*error.violations()[0].code), ("all.by_string.a", "string.nul"));
}

#[tokio::test]
async fn a_stream_is_one_json_message_after_another() {
    let request = |query| RestRequest { path: &[], query, body: b"" };
    let counted = answer(anonymous(), "GET", "/v1/corner:count", request("to=2")).await.unwrap();
    assert_eq!(counted, json!([{ "number": 1 }, { "number": 2 }]));
    let broken = answer(anonymous(), "GET", "/v1/corner:count", request("to=3&failsAt=2")).await.unwrap();
    assert_eq!(broken, json!([{ "number": 1 }, "CORNER_TAKEN", { "number": 3 }]));
    let error = answer(anonymous(), "GET", "/v1/corner:count", request("fails_at=-1")).await.unwrap_err();
    assert_eq!(error.code(), "CORNER_DARK");
    let error = answer(anonymous(), "GET", "/v1/corner:count", request("to=101")).await.unwrap_err();
    assert_eq!(error.violations()[0].code, "int32.lte");
}

#[tokio::test]
async fn only_those_whom_the_policy_names_get_through() {
    let request = RestRequest { path: &[], query: "", body: b"{}" };
    let rules = "/v1/corner/rules";
    assert_eq!(answer(anonymous(), "POST", rules, request).await.unwrap_err().code(), "UNAUTHENTICATED");
    // Staff of any shop may, and then the rules are checked.
    assert_eq!(answer(staff(), "POST", rules, request).await.unwrap_err().code(), "VALIDATION_FAILED");
}

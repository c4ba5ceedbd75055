//! Bad input of every kind on every endpoint: a 4xx problem with a stable code, and nothing stored.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pulse_contract::shop::v1::{ExportShopsRequest, GetShopRequest};
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Principal, Role};
use pulse_testkit::http::{Http, Reply};
use pulse_testkit::{Engine, TestNode, run_with};
use pulse_token::Claims;
use serde_json::{Value, json};

use crate::operations::{Operation, example, operations};

/// Every refusal is by somebody else from somewhere else, so that rates do not get in the way.
struct Crowd<'a> {
    node: &'a TestNode,
    http: Http,
    count: AtomicI64,
}

impl Crowd<'_> {
    fn token(&self, roles: &[Role], shops: &[i64], age: Duration) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let principal = Principal {
            account: AccountId::new(1_000_000 + number),
            session: 1_000_000 + number,
            roles: roles.to_vec(),
            shops: shops.iter().copied().map(ShopId::new).collect(),
        };
        let minted_at = self.node.now().minus(age);
        self.node.keys().sign(&Claims::new(principal, minted_at, Duration::from_secs(900)))
    }

    /// Somebody who may call everything.
    fn everything(&self) -> String {
        self.token(&[Role::Operator, Role::Courier, Role::MerchantStaff], &[1], Duration::ZERO)
    }

    async fn send(&self, operation: &Operation, token: Option<&str>, path: &str, body: Option<Vec<u8>>) -> Reply {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let address = format!("2001:db8:0:{number:x}::1");
        let mut ask = self.http.ask(&operation.verb, path).header("x-forwarded-for", &address);
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        if let Some(body) = body {
            ask = ask.body(body);
        }
        ask.send().await
    }
}

/// Runs the check on a node whose edge believes where requests say they come from.
fn on_a_node(check: impl AsyncFnOnce(&Crowd<'_>, &[Operation])) {
    let trust = |config: &mut pulse_node::Config| {
        config.edge.access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    };
    run_with(Engine::Sqlite, trust, async |node: &mut TestNode| {
        let shop = node.a_shop().await;
        let http = node.http();
        let before = state(node, shop.id()).await;
        let crowd = Crowd { node, http, count: AtomicI64::new(0) };
        check(&crowd, &operations()).await;
        node.settle().await;
        assert_eq!(state(node, shop.id()).await, before, "nothing was stored");
    });
}

/// What is stored, as far as anybody can see it: shops, the journal of events, saved rows.
async fn state(node: &TestNode, shop_id: i64) -> String {
    use futures::TryStreamExt;
    let shops = node.shops().export_shops(&node.cx(), ExportShopsRequest::default()).await.unwrap();
    let shops: Vec<_> = shops.try_collect().await.unwrap();
    let shop = node.shops().get_shop(&node.cx(), GetShopRequest { shop_id }).await.unwrap();
    let outboxes: Vec<_> = node.bus().status().into_iter().flat_map(|status| status.outboxes).collect();
    let heads: Vec<_> = outboxes.iter().map(|outbox| (outbox.context, outbox.head)).collect();
    format!("{shops:?} {shop:?} {heads:?}")
}

/// A problem with one of these statuses and codes.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{what}: {}", reply.text());
}

/// Nobody, a broken token, an old one, and the wrong role.
#[test]
fn who_may_not_call_is_refused() {
    on_a_node(async |crowd: &Crowd<'_>, operations: &[Operation]| {
        for operation in operations {
            let (path, body) = (operation.path(|_| None), operation.body.as_ref().map(|_| b"[]".to_vec()));
            let what = format!("{} {path}", operation.verb);
            let is_public = operation.is_for("anyone");
            let broken = crowd.send(operation, Some("not.a.token"), &path, body.clone()).await;
            refused(&broken, 401, "TOKEN_INVALID", &what);
            if is_public {
                continue;
            }
            refused(&crowd.send(operation, None, &path, body.clone()).await, 401, "UNAUTHENTICATED", &what);
            let old = crowd.token(&[Role::Operator], &[], Duration::from_secs(901));
            refused(&crowd.send(operation, Some(&old), &path, body.clone()).await, 401, "TOKEN_EXPIRED", &what);
            if operation.is_for("consumer") {
                continue;
            }
            let others: &[(&[Role], &[i64])] = &[(&[], &[]), (&[Role::Courier], &[]), (&[Role::MerchantStaff], &[77])];
            // Where the request names no shop, the use case looks whose thing it is.
            let names_shop = !operation.is_for("merchant_staff") || path.starts_with("/v1/shops/");
            for (roles, shops) in others.iter().filter(|(_, shops)| names_shop || shops.is_empty()) {
                let token = crowd.token(roles, shops, Duration::ZERO);
                let good = operation.body.as_ref().map(|_| operation.good_body().into_bytes());
                let reply = crowd.send(operation, Some(&token), &path, good).await;
                refused(&reply, 403, "PERMISSION_DENIED", &format!("{what} as {roles:?}"));
            }
        }
    });
}

/// Parameters that are unknown, given twice, of the wrong type, out of range, or too long.
#[test]
fn bad_parameters_are_refused() {
    on_a_node(async |crowd: &Crowd<'_>, operations: &[Operation]| {
        for operation in operations {
            let body = operation.body.as_ref().map(|_| operation.good_body().into_bytes());
            let path = operation.path(|_| None);
            let with = |extra: &str| format!("{path}{}{extra}", if path.contains('?') { '&' } else { '?' });
            for extra in ["no_such_parameter=1", "no_such_parameter", "%00=1"] {
                let reply = crowd.send(operation, Some(&crowd.everything()), &with(extra), body.clone()).await;
                refused(&reply, 400, "VALIDATION_FAILED", &with(extra));
            }
            for (name, place, schema) in &operation.parameters {
                for bad in bad_texts(name, schema) {
                    let path = operation.path(|other| (other == name).then(|| bad.clone()));
                    let reply = crowd.send(operation, Some(&crowd.everything()), &path, body.clone()).await;
                    let what = format!("{} {path}", operation.verb);
                    // A path that does not fit may be one that is not there.
                    let code = reply.code();
                    let is_fine =
                        reply.status == 400 && matches!(code.as_str(), "VALIDATION_FAILED" | "PAGE_TOKEN_INVALID");
                    let is_absent = place == "path" && reply.status == 404;
                    assert!(is_fine || is_absent, "{what}: {} {code}", reply.status);
                }
            }
        }
    });
}

/// Texts that a parameter does not take.
fn bad_texts(name: &str, schema: &Value) -> Vec<String> {
    let mut bad = Vec::new();
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (_, Some("int64")) => bad.extend(["-1", "x", "1.5", "99999999999999999999", "0x10"].map(str::to_owned)),
        (Some("integer"), _) => bad.extend(["x", "1.5", "99999999999", "-1"].map(str::to_owned)),
        (Some("number"), _) => bad.extend(["x", "NaN", "inf", "1e999"].map(str::to_owned)),
        (Some("boolean"), _) => bad.extend(["x", "2", ""].map(str::to_owned)),
        _ if schema["enum"].is_array() => bad.extend(["NO_SUCH_VALUE", "99"].map(str::to_owned)),
        _ if name == "month" => bad.extend(["2026-13", "2026", "may"].map(str::to_owned)),
        _ => {}
    }
    if let Some(most) = schema["maximum"].as_i64() {
        bad.push((most + 1).to_string());
    }
    if let Some(longest) = schema["maxLength"].as_u64() {
        bad.push("1".repeat(usize::try_from(longest + 1).unwrap()));
    }
    bad
}

/// Bodies that are no JSON, no object, of another type, or hold what nobody knows. Those that are too large are a
/// matter of the edge and tested there.
#[test]
fn bad_bodies_are_refused() {
    on_a_node(async |crowd: &Crowd<'_>, operations: &[Operation]| {
        for operation in operations {
            let Some(schema) = &operation.body else { continue };
            let path = operation.path(|_| None);
            let send = async |body: Vec<u8>| crowd.send(operation, Some(&crowd.everything()), &path, Some(body)).await;
            for broken in ["{", "{\"", "nonsense", "{}{}", "\u{0}", "{,}"] {
                refused(&send(broken.into()).await, 400, "MALFORMED_JSON", &format!("{path} {broken}"));
            }
            refused(&send(vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}']).await, 400, "MALFORMED_JSON", &path);
            for other in ["[]", "7", "\"text\"", "true", "null"] {
                refused(&send(other.into()).await, 400, "VALIDATION_FAILED", &format!("{path} {other}"));
            }
            let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
            let reply = send(format!("{{\"no_such_field\":{deep}}}").into()).await;
            assert_eq!((reply.status, reply.code().len() > 3), (400, true), "{path}");

            let mut unknown = example("", schema);
            unknown["no_such_field"] = json!(1);
            let reply = send(unknown.to_string().into()).await;
            refused(&reply, 400, "VALIDATION_FAILED", &path);
            assert_eq!(reply.json()["errors"][0]["code"], "json.unknown_field", "{path}");
            let text = crowd.http.ask(&operation.verb, &path).bearer(&crowd.everything());
            let text = text.body(operation.good_body()).header("content-type", "text/plain").send().await;
            refused(&text, 415, "UNSUPPORTED_MEDIA_TYPE", &path);
        }
    });
}

/// Every field, at any depth: missing, of the wrong type, too long, too many, out of range; the problem names it.
#[test]
fn bad_fields_are_refused_and_named() {
    on_a_node(async |crowd: &Crowd<'_>, operations: &[Operation]| {
        let mut count = 0;
        for operation in operations {
            let Some(schema) = &operation.body else { continue };
            let path = operation.path(|_| None);
            for (field, body) in bad_bodies(schema) {
                if is_in_path(operation, &field) {
                    continue;
                }
                count += 1;
                let reply =
                    crowd.send(operation, Some(&crowd.everything()), &path, Some(body.to_string().into())).await;
                let what = format!("{} {path} {field}", operation.verb);
                let shown: String = body.to_string().chars().take(300).collect();
                assert_eq!((reply.status, reply.code().as_str()), (400, "VALIDATION_FAILED"), "{what} {shown}");
                let problem = reply.json();
                let named = problem["errors"].as_array().unwrap_or_else(|| panic!("{what}: {problem}"));
                let leaf = field.rsplit('.').next().unwrap();
                let is_named =
                    named.iter().any(|error| error["field"].as_str().is_some_and(|name| name.contains(leaf)));
                assert!(is_named || leaf.is_empty(), "{what}: {problem}");
            }
        }
        assert!(count > 400, "{count} bad bodies");
    });
}

/// Whether the path says what the field is, or a part of it: then the body need not.
fn is_in_path(operation: &Operation, field: &str) -> bool {
    let (flat, around) = (field.replace('.', "_"), format!("{}_", field.replace('.', "_")));
    let parameters = operation.parameters.iter().filter(|(_, place, _)| place == "path");
    parameters.map(|(name, ..)| name.replace('.', "_")).any(|name| name == flat || name.starts_with(&around))
}

/// Good bodies with one thing wrong each, and the path of the field.
fn bad_bodies(schema: &Value) -> Vec<(String, Value)> {
    let alternatives = schema["allOf"][0]["oneOf"].as_array().into_iter().flatten();
    let alternatives: Vec<&Value> = alternatives.map(|alternative| &alternative["required"][0]).collect();
    let mut bad = Vec::new();
    let fields = schema["properties"].as_object().into_iter().flatten();
    for (field, inner) in fields {
        let mut good = example("", schema);
        if alternatives.contains(&&json!(field)) {
            good.as_object_mut().unwrap().retain(|name, _| !alternatives.contains(&&json!(name)));
        }
        for wrong in bad_values(field, inner) {
            let mut body = good.clone();
            body[field] = wrong;
            bad.push((field.clone(), body));
        }
        // One level down: into the message, or into the first message of a list.
        let (message, is_list) = if inner["type"] == "array" { (&inner["items"], true) } else { (inner, false) };
        if message["properties"].is_object() {
            for (below, value) in bad_bodies(message) {
                let mut body = good.clone();
                body[field] = if is_list { json!([value]) } else { value };
                bad.push((format!("{field}.{below}"), body));
            }
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // A number that is not given is zero; it is missed where zero is refused.
        let property = &schema["properties"][required];
        let zero_is_fine = property["type"] == "number" || (property["type"] == "integer" && property["minimum"] == 0);
        if !zero_is_fine {
            let mut body = example("", schema);
            body.as_object_mut().unwrap().remove(required);
            bad.push((required.to_owned(), body));
        }
    }
    bad
}

/// Values that a field does not take.
fn bad_values(name: &str, schema: &Value) -> Vec<Value> {
    let mut bad = match (schema["type"].as_str(), schema["format"].as_str()) {
        (_, Some("int64")) => vec![json!("x"), json!(1.5), json!(true), json!([]), json!("99999999999999999999")],
        (Some("integer"), _) => vec![json!("x"), json!(1.5), json!({}), json!(99_999_999_999_i64)],
        (Some("number"), _) => vec![json!("x"), json!({}), json!([1])],
        (Some("boolean"), _) => vec![json!("x"), json!(1), json!({})],
        (Some("array"), _) => vec![json!("x"), json!(1), json!({ "a": 1 }), json!([[[]]])],
        (Some("object"), _) => vec![json!("x"), json!(1), json!([1])],
        _ => vec![json!(1), json!(true), json!({}), json!(["x"])],
    };
    if let Some(most) = schema["maximum"].as_f64().filter(|most| *most < 1e6) {
        bad.push(json!(most.mul_add(2.0, 1.0).trunc()));
    }
    if let Some(longest) = schema["maxLength"].as_u64() {
        bad.push(json!("长".repeat(usize::try_from(longest + 1).unwrap())));
    }
    if schema["minLength"].as_u64().is_some_and(|shortest| shortest > 0) {
        bad.push(json!(""));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        let item = example(name, &schema["items"]);
        bad.push(vec![item; usize::try_from(most + 1).unwrap()].into());
    }
    if schema["pattern"].is_string() && schema["format"].is_null() {
        bad.push(json!("no such pattern \u{1}"));
    }
    if schema["enum"].is_array() {
        bad = vec![json!("NO_SUCH_VALUE"), json!(99), json!({}), json!(true)];
    }
    bad
}

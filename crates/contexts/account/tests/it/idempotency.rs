//! Idempotency keys: replays, conflicts, other bodies and expiry.

use futures::future::join_all;
use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::*;
use pulse_testkit::{Person, TestNode};
use serde_json::json;

use crate::{DAY, SECOND, code, tally};

const PHONE: &str = "+8613800138000";

fn code_to(phone: &str) -> RequestCodeRequest {
    RequestCodeRequest { destination: Some(Destination::Phone(phone.to_owned())) }
}

/// The same key and body get the first answer again; without the key the repetition is refused.
pub(crate) async fn a_repeated_key_replays_the_answer(node: &mut TestNode) {
    let request = code_to(PHONE);
    let cx = node.keyed(node.anonymous(), "first", "RequestCode", &request);
    let first = node.accounts().request_code(&cx, request.clone()).await.unwrap();
    let sent = node.code_for(PHONE);
    node.advance(SECOND);
    let cx = node.keyed(node.anonymous(), "first", "RequestCode", &request);
    assert_eq!(node.accounts().request_code(&cx, request.clone()).await.unwrap(), first);
    assert_eq!(node.code_for(PHONE), sent, "no second code was sent");
    assert_eq!(code(&node.accounts().request_code(&node.anonymous(), request).await), "ACCOUNT_CODE_LIMITED");
}

/// A replayed sign-in returns the same session.
pub(crate) async fn a_replayed_sign_in_is_the_same_session(node: &mut TestNode) {
    node.send_code(Destination::Phone(PHONE.to_owned())).await;
    let request = SignInWithCodeRequest { phone: PHONE.to_owned(), code: node.code_for(PHONE), ..Default::default() };
    let cx = node.keyed(node.anonymous(), "sign-in", "SignInWithCode", &request);
    let first = node.accounts().sign_in_with_code(&cx, request.clone()).await.unwrap();
    assert_eq!(node.accounts().sign_in_with_code(&cx, request.clone()).await.unwrap(), first);
    node.restart().await;
    assert_eq!(node.accounts().sign_in_with_code(&cx, request).await.unwrap(), first, "after a restart too");
    let person = Person::of(node, first);
    node.refresh(&person).await;
}

/// A refresh that is repeated with the same key is a replay and no reuse of the token.
pub(crate) async fn a_replayed_refresh_does_not_end_the_session(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    let request = RefreshSessionRequest { refresh_token: person.refresh_token.clone() };
    let cx = node.keyed(node.anonymous(), "refresh", "RefreshSession", &request);
    let first = node.accounts().refresh_session(&cx, request.clone()).await.unwrap();
    assert_eq!(node.accounts().refresh_session(&cx, request).await.unwrap(), first);
    node.refresh(&Person::of(node, first)).await;
}

/// The same key with another body is refused without effect.
pub(crate) async fn a_key_is_not_used_for_two_bodies(node: &mut TestNode) {
    let first = code_to(PHONE);
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &first);
    node.accounts().request_code(&cx, first).await.unwrap();
    let other = code_to("+8613800138001");
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &other);
    assert_eq!(code(&node.accounts().request_code(&cx, other.clone()).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(code(&node.accounts().request_code(&node.anonymous(), other).await), "ok");
}

/// Keys are separate per account and per call.
pub(crate) async fn keys_of_different_callers_never_meet(node: &mut TestNode) {
    let people = [node.sign_up(PHONE).await, node.sign_up("+8613800138001").await];
    for person in &people {
        let cx = node.keyed(person.cx(), "key", "CheckIn", &CheckInRequest {});
        assert_eq!(node.accounts().check_in(&cx, CheckInRequest {}).await.unwrap().day_count, 1);
        let request = SignOutRequest { is_everywhere: true };
        let cx = node.keyed(person.cx(), "key", "SignOut", &request);
        assert_eq!(node.accounts().sign_out(&cx, request).await.unwrap().ended_count, 1);
    }
}

/// Of ten concurrent uses of one key one has an effect; the others get the answer or an error to retry.
pub(crate) async fn parallel_uses_of_a_key_happen_once(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    let request = SignOutRequest { is_everywhere: true };
    let cx = node.keyed(person.cx(), "key", "SignOut", &request);
    let outcomes = join_all((0..10).map(|_| node.accounts().sign_out(&cx, request))).await;
    for outcome in &outcomes {
        match outcome {
            Ok(response) => assert_eq!(response.ended_count, 1, "the answer of the one that happened"),
            Err(error) => assert_eq!(error.code(), "IDEMPOTENCY_IN_FLIGHT"),
        }
    }
    assert!(outcomes.iter().any(Result::is_ok), "{:?}", tally(outcomes.iter().map(code)));
}

/// A refusal is not stored: the same key works when the reason is gone.
pub(crate) async fn refusals_are_not_replayed(node: &mut TestNode) {
    node.send_code(Destination::Phone(PHONE.to_owned())).await;
    let request = code_to(PHONE);
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &request);
    assert_eq!(code(&node.accounts().request_code(&cx, request.clone()).await), "ACCOUNT_CODE_LIMITED");
    node.advance(60 * SECOND);
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &request);
    assert_eq!(code(&node.accounts().request_code(&cx, request).await), "ok");
}

/// After a day a key can be used again, with the same or another body.
pub(crate) async fn after_a_day_a_key_works_anew(node: &mut TestNode) {
    let request = code_to(PHONE);
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &request);
    let first = node.accounts().request_code(&cx, request.clone()).await.unwrap();
    node.advance(DAY);
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &request);
    let second = node.accounts().request_code(&cx, request).await.unwrap();
    assert_ne!(second, first);
    node.advance(DAY);
    let other = code_to("+8613800138001");
    let cx = node.keyed(node.anonymous(), "key", "RequestCode", &other);
    assert_eq!(code(&node.accounts().request_code(&cx, other).await), "ok");
}

/// Over HTTP the key is a header; a replay has status 200, another body 422, an invalid key 400.
pub(crate) async fn keys_over_http_are_a_header(node: &mut TestNode) {
    let http = node.http();
    let ask = |phone: &str, key: &str| http.post("/v1/account/codes", &json!({ "phone": phone })).key(key).send();
    let first: RequestCodeResponse = ask(PHONE, "k-1").await.ok();
    assert_eq!(ask(PHONE, "k-1").await.ok::<RequestCodeResponse>(), first);
    let other = ask("+8613800138001", "k-1").await;
    assert_eq!((other.status, other.code().as_str()), (422, "IDEMPOTENCY_KEY_REUSED"));
    for broken in ["", "with space", &"x".repeat(256)] {
        let reply = ask("+8613800138002", broken).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "IDEMPOTENCY_KEY_INVALID"), "{broken:?}");
    }
}

//! One-time codes: registration, sign-in and limits.

use futures::future::join_all;
use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::*;
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::{HOUR, MINUTE, SECOND, code, tally};

const PHONE: &str = "+8613800138000";

async fn request(node: &TestNode, phone: &str) -> Result<RequestCodeResponse, Error> {
    let destination = Some(Destination::Phone(phone.to_owned()));
    node.accounts().request_code(&node.anonymous(), RequestCodeRequest { destination }).await
}

async fn sign_in(node: &TestNode, phone: &str, code: &str) -> Result<Session, Error> {
    let request = SignInWithCodeRequest { phone: phone.to_owned(), code: code.to_owned(), ..Default::default() };
    node.accounts().sign_in_with_code(&node.anonymous(), request).await
}

/// A code that is not the one that was sent.
fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// The first sign-in with a phone number creates the account, the second one finds it.
pub(crate) async fn a_code_signs_up_and_then_in(node: &mut TestNode) {
    let first = node.sign_up(PHONE).await;
    let me = node.accounts().get_me(&first.cx(), GetMeRequest {}).await.unwrap();
    assert_eq!((me.account_id, me.phone.as_str(), me.email.as_str()), (first.id(), PHONE, ""));
    assert_eq!((me.display_name.as_str(), me.time_zone.as_str()), ("Person +8613800138000", "Asia/Shanghai"));
    assert_eq!(me.roles, [i32::from(AccountRole::Consumer)]);
    node.advance(MINUTE);
    let again = node.sign_up(PHONE).await;
    assert_eq!(again.account, first.account);
    assert_ne!(again.refresh_token, first.refresh_token);
}

/// Without a name the account gets a generated name.
pub(crate) async fn a_new_account_has_a_neutral_name(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    let session = sign_in(node, PHONE, &node.code_for(PHONE)).await.unwrap();
    let name = session.account.unwrap().display_name;
    assert!(name.starts_with("user") && name.len() == 9, "{name}");
}

/// A code works once, for its phone number only, and with the exact digits.
pub(crate) async fn a_code_works_once_and_for_its_phone(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    let sent = node.code_for(PHONE);
    assert_eq!(code(&sign_in(node, "+8613800138001", &sent).await), "ACCOUNT_CODE_INVALID");
    assert_eq!(code(&sign_in(node, PHONE, &another(&sent)).await), "ACCOUNT_CODE_INVALID");
    assert_eq!(code(&sign_in(node, PHONE, &sent).await), "ok");
    assert_eq!(code(&sign_in(node, PHONE, &sent).await), "ACCOUNT_CODE_INVALID");
}

/// A code works for five minutes.
pub(crate) async fn a_code_gets_too_old(node: &mut TestNode) {
    let response = request(node, PHONE).await.unwrap();
    let sent = node.code_for(PHONE);
    assert_eq!(response.expires_at, Some(node.now().plus(5 * MINUTE).into()));
    node.advance(5 * MINUTE - SECOND);
    request(node, "+8613800138001").await.unwrap();
    node.advance(SECOND);
    assert_eq!(code(&sign_in(node, PHONE, &sent).await), "ACCOUNT_CODE_INVALID");
    assert_eq!(code(&sign_in(node, "+8613800138001", &node.code_for("+8613800138001")).await), "ok");
}

/// After five failed attempts the right code is refused too; a new code works.
pub(crate) async fn a_code_can_be_tried_five_times(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    let sent = node.code_for(PHONE);
    for _ in 0..5 {
        assert_eq!(code(&sign_in(node, PHONE, &another(&sent)).await), "ACCOUNT_CODE_INVALID");
    }
    assert_eq!(code(&sign_in(node, PHONE, &sent).await), "ACCOUNT_CODE_INVALID");
    node.advance(MINUTE);
    node.sign_up(PHONE).await;
}

/// At most five codes per hour are sent to one phone number, a minute apart; other numbers are not affected.
pub(crate) async fn codes_are_sent_a_minute_apart_and_five_an_hour(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    node.advance(MINUTE - SECOND);
    let limited = request(node, PHONE).await.unwrap_err();
    assert_eq!((limited.code(), limited.retry_after()), ("ACCOUNT_CODE_LIMITED", Some(SECOND)));
    node.advance(SECOND);
    for _ in 1..5 {
        request(node, PHONE).await.unwrap();
        node.advance(MINUTE);
    }
    let limited = request(node, PHONE).await.unwrap_err();
    assert_eq!((limited.code(), limited.retry_after()), ("ACCOUNT_CODE_LIMITED", Some(55 * MINUTE)));
    request(node, "+8613800138001").await.unwrap();
    node.advance(HOUR - 5 * MINUTE);
    request(node, PHONE).await.unwrap();
}

/// Ten uses of one code at the same moment make exactly one session.
pub(crate) async fn a_code_that_is_used_in_parallel_makes_one_session(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    let sent = node.code_for(PHONE);
    let outcomes = join_all((0..10).map(|_| sign_in(node, PHONE, &sent))).await;
    let counts = tally(outcomes.iter().map(code));
    assert_eq!(counts, [("ACCOUNT_CODE_INVALID", 9), ("ok", 1)]);
    let owner = pulse_testkit::Person::of(node, outcomes.into_iter().find_map(Result::ok).unwrap());
    let everywhere = SignOutRequest { is_everywhere: true };
    assert_eq!(node.accounts().sign_out(&owner.cx(), everywhere).await.unwrap().ended_count, 1);
}

/// Ten concurrent requests send one code.
pub(crate) async fn concurrent_requests_send_one_code(node: &mut TestNode) {
    let outcomes = join_all((0..10).map(|_| request(node, PHONE))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ACCOUNT_CODE_LIMITED", 9), ("ok", 1)]);
    assert_eq!(code(&sign_in(node, PHONE, &node.code_for(PHONE)).await), "ok");
}

/// The answers do not reveal whether an account exists.
pub(crate) async fn the_answer_is_the_same_with_and_without_an_account(node: &mut TestNode) {
    node.sign_up(PHONE).await;
    node.advance(HOUR);
    let known = request(node, PHONE).await.unwrap();
    let unknown = request(node, "+8613800138001").await.unwrap();
    assert_eq!(known, unknown);
    let known = request(node, PHONE).await.unwrap_err();
    let unknown = request(node, "+8613800138001").await.unwrap_err();
    assert_eq!(
        (known.code(), known.detail(), known.retry_after()),
        (unknown.code(), unknown.detail(), unknown.retry_after())
    );
    let known = sign_in(node, PHONE, &another(&node.code_for(PHONE))).await.unwrap_err();
    let unknown = sign_in(node, "+8613800138002", "123456").await.unwrap_err();
    assert_eq!((known.code(), known.detail()), (unknown.code(), unknown.detail()));
}

/// The state of a code survives a restart.
pub(crate) async fn a_code_outlives_a_restart(node: &mut TestNode) {
    request(node, PHONE).await.unwrap();
    let sent = node.code_for(PHONE);
    assert_eq!(code(&sign_in(node, PHONE, &another(&sent)).await), "ACCOUNT_CODE_INVALID");
    node.restart().await;
    assert_eq!(code(&request(node, PHONE).await), "ACCOUNT_CODE_LIMITED");
    assert_eq!(code(&sign_in(node, PHONE, &sent).await), "ok");
}

//! Sessions: refresh tokens that work once, and sign-outs that take effect at once.

use futures::future::join_all;
use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{Person, TestNode};

use crate::context_fixture::ContextFixture;
use crate::{DAY, MINUTE, SECOND, code, tally};

const PHONE: &str = "+8613800138000";

async fn refresh(node: &TestNode, token: &str) -> Result<Session, Error> {
    let request = RefreshSessionRequest { refresh_token: token.to_owned() };
    node.accounts().refresh_session(&node.anonymous(), request).await
}

/// Result of `GET /v1/me` with this token: `ok` or an error code.
async fn me_over_http(node: &mut TestNode, token: &str) -> String {
    let reply = node.http().get("/v1/me").bearer(token).send().await;
    if reply.status == 200 { "ok".to_owned() } else { reply.code() }
}

/// Each refresh token works once and returns the next one of the same session.
pub(crate) async fn refresh_tokens_rotate(node: &mut TestNode) {
    let mut person = node.sign_up(PHONE).await;
    for _ in 0..5 {
        node.advance(DAY);
        let next = node.refresh(&person).await;
        assert_eq!(next.account, person.account);
        assert_ne!(next.refresh_token, person.refresh_token);
        person = next;
    }
    let everywhere = SignOutRequest { is_everywhere: true };
    assert_eq!(node.accounts().sign_out(&person.cx(), everywhere).await.unwrap().ended_count, 1);
}

/// The reuse of a refresh token ends the session: the newest refresh token and the access tokens are rejected at once.
pub(crate) async fn a_second_use_ends_the_session(node: &mut TestNode) {
    let first = node.sign_up(PHONE).await;
    let second = node.refresh(&first).await;
    assert_eq!(me_over_http(node, &second.access_token).await, "ok");
    assert_eq!(code(&refresh(node, &first.refresh_token).await), "ACCOUNT_SESSION_REUSED");
    assert_eq!(me_over_http(node, &second.access_token).await, "TOKEN_INVALID");
    assert_eq!(me_over_http(node, &first.access_token).await, "TOKEN_INVALID");
    assert_eq!(code(&refresh(node, &second.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
    assert_eq!(code(&refresh(node, &first.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
}

/// A revoked session stays revoked after a restart.
pub(crate) async fn endings_outlive_a_restart(node: &mut TestNode) {
    let first = node.sign_up(PHONE).await;
    let second = node.refresh(&first).await;
    assert_eq!(code(&refresh(node, &first.refresh_token).await), "ACCOUNT_SESSION_REUSED");
    node.restart().await;
    assert_eq!(me_over_http(node, &second.access_token).await, "TOKEN_INVALID");
}

/// Of fifty concurrent uses of one token one wins; the others are reuses and end the session.
pub(crate) async fn one_of_fifty_parallel_refreshes_wins_and_the_session_ends(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    let outcomes = join_all((0..50).map(|_| refresh(node, &person.refresh_token))).await;
    let counts = tally(outcomes.iter().map(code));
    let count = |wanted| counts.iter().find(|(code, _)| *code == wanted).map_or(0, |(_, count)| *count);
    assert_eq!((count("ok"), count("ACCOUNT_SESSION_REUSED")), (1, 1), "{counts:?}");
    assert_eq!(count("ACCOUNT_SESSION_EXPIRED") + count("STORE_CONTENDED"), 48, "{counts:?}");
    let winner = Person::of(node, outcomes.into_iter().find_map(Result::ok).unwrap());
    assert_eq!(code(&refresh(node, &winner.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
    assert_eq!(me_over_http(node, &winner.access_token).await, "TOKEN_INVALID");
}

/// A session expires thirty days after its last refresh; an access token expires after fifteen minutes.
pub(crate) async fn sessions_and_tokens_get_too_old(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    node.advance(15 * MINUTE);
    assert_eq!(me_over_http(node, &person.access_token).await, "TOKEN_EXPIRED");
    let person = node.refresh(&person).await;
    assert_eq!(me_over_http(node, &person.access_token).await, "ok");
    node.advance(30 * DAY);
    assert_eq!(code(&refresh(node, &person.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
}

/// A text that is not a refresh token has the same error as an expired token.
pub(crate) async fn broken_refresh_tokens_are_refused(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    let good = person.refresh_token.clone();
    let flipped = if good.starts_with('A') { good.replacen('A', "B", 1) } else { format!("A{}", good.split_at(1).1) };
    for broken in ["x", "", "AAAA", &flipped, &format!("{good}A"), &person.access_token] {
        assert_eq!(code(&refresh(node, broken).await), "ACCOUNT_SESSION_EXPIRED", "{broken}");
    }
    node.refresh(&person).await;
}

/// A sign-out ends the current session or all sessions, at once.
pub(crate) async fn signing_out_ends_one_session_or_all(node: &mut TestNode) {
    let phone = node.sign_up(PHONE).await;
    node.advance(MINUTE);
    let tablet = node.sign_up(PHONE).await;
    node.advance(MINUTE);
    let laptop = node.sign_up(PHONE).await;
    let sign_out = async |person: &Person, is_everywhere| {
        node.accounts().sign_out(&person.cx(), SignOutRequest { is_everywhere }).await.unwrap().ended_count
    };
    assert_eq!(sign_out(&phone, false).await, 1);
    assert_eq!(sign_out(&phone, false).await, 0);
    assert_eq!(code(&refresh(node, &phone.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
    let tablet = node.refresh(&tablet).await;
    assert_eq!(sign_out(&tablet, true).await, 2);
    for token in [&phone.access_token, &tablet.access_token, &laptop.access_token] {
        assert_eq!(me_over_http(node, token).await, "TOKEN_INVALID");
    }
    node.advance(MINUTE);
    let again = node.sign_up(PHONE).await;
    assert_eq!(me_over_http(node, &again.access_token).await, "ok");
}

/// The sessions of account 1 that have not ended.
const LIVE: &str = "SELECT COUNT(*) FROM account_sessions WHERE account_id = 1 AND ended_at = 0";

/// A sign-out ends the session of the caller among any number of older sessions.
pub(crate) async fn signing_out_finds_the_own_session_among_any_number(fixture: &ContextFixture) {
    fixture.put_sessions(1, 1..1_100, fixture.now()).await;
    fixture.put_sessions(1, 1_100..2_200, fixture.now().plus(DAY)).await;
    fixture.put_sessions(2, 5_000..5_001, fixture.now().plus(DAY)).await;
    let sign_out = async |session| {
        let request = SignOutRequest { is_everywhere: false };
        fixture.accounts.sign_out(&fixture.cx_of(1, session), request).await.unwrap().ended_count
    };
    assert_eq!(sign_out(2_199).await, 1);
    assert_eq!(fixture.number("SELECT id FROM account_sessions WHERE ended_at <> 0").await, 2_199);
    assert_eq!(sign_out(2_199).await, 0);
    assert_eq!(sign_out(5_000).await, 0, "a session of another account");
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions WHERE ended_at <> 0").await, 1);
}

/// A sign-out everywhere ends and counts all live sessions, each with an event.
pub(crate) async fn signing_out_everywhere_ends_any_number_of_sessions(fixture: &ContextFixture) {
    fixture.put_sessions(1, 1..1_100, fixture.now()).await;
    fixture.put_sessions(1, 1_100..3_600, fixture.now().plus(DAY)).await;
    fixture.put_sessions(2, 5_000..5_001, fixture.now().plus(DAY)).await;
    let request = SignOutRequest { is_everywhere: true };
    let everywhere = fixture.accounts.sign_out(&fixture.cx_of(1, 1_200), request).await.unwrap();
    assert_eq!(everywhere.ended_count, 2_500);
    assert_eq!(fixture.number(LIVE).await, 1_099, "expired sessions");
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_outbox").await, 2_500);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions WHERE id = 5000 AND ended_at = 0").await, 1);
}

/// A new password ends all sessions except the new one.
pub(crate) async fn a_new_password_ends_any_number_of_sessions(fixture: &ContextFixture) {
    let register = async |password: &str| {
        let email = "li.wei@example.org".to_owned();
        let destination = Some(Destination::Email(email.clone()));
        fixture.accounts.request_code(&fixture.cx(), RequestCodeRequest { destination }).await.unwrap();
        let (code, password) = (fixture.code(), password.to_owned());
        let request = RegisterWithPasswordRequest { email, code, password, display_name: String::new() };
        fixture.accounts.register_with_password(&fixture.cx(), request).await.unwrap().account.unwrap().account_id
    };
    let account = register("correct horse battery").await;
    fixture.put_sessions(account, 1..2_300, fixture.now().plus(DAY)).await;
    fixture.advance(MINUTE);
    assert_eq!(register("another good sentence").await, account);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions WHERE ended_at <> 0").await, 2_300);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions WHERE ended_at = 0").await, 1);
}

/// Sessions that expired more than a day ago are deleted, ended or not; others stay.
pub(crate) async fn sessions_that_expired_a_day_ago_are_purged(fixture: &ContextFixture) {
    let now = fixture.now();
    fixture.put_sessions(1, 1..2_200, now).await;
    fixture.put_sessions(1, 3_000..3_002, now.plus(DAY)).await;
    let request = SignOutRequest { is_everywhere: false };
    fixture.accounts.sign_out(&fixture.cx_of(1, 3_000), request).await.unwrap();
    fixture.advance(DAY);
    pulse_account::purge_expired(&fixture.store).await.unwrap();
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions").await, 2_201, "expired for exactly a day");
    fixture.advance(SECOND);
    pulse_account::purge_expired(&fixture.store).await.unwrap();
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions").await, 2);
    fixture.advance(DAY);
    pulse_account::purge_expired(&fixture.store).await.unwrap();
    assert_eq!(fixture.number("SELECT COUNT(*) FROM account_sessions").await, 0);
}

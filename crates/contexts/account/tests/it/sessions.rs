//! Sessions: refresh tokens that work once, and endings that are felt at once.

use futures::future::join_all;
use pulse_contract::account::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{Person, TestNode};

use crate::{DAY, MINUTE, code, tally};

const PHONE: &str = "+8613800138000";

async fn refresh(node: &TestNode, token: &str) -> Result<Session, Error> {
    let request = RefreshSessionRequest { refresh_token: token.to_owned() };
    node.accounts().refresh_session(&node.anonymous(), request).await
}

/// What the edge says to `GET /v1/me` with this token: `ok` or a code.
async fn me_over_http(node: &mut TestNode, token: &str) -> String {
    let reply = node.http().get("/v1/me").bearer(token).send().await;
    if reply.status == 200 { "ok".to_owned() } else { reply.code() }
}

/// Each refresh token works once and gives the next; the session stays the same.
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

/// A token that was used before ends the session: neither the newest refresh token nor the access token works any
/// more, and the edge knows at once.
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

/// Endings are known after a restart too, for as long as an access token can live.
pub(crate) async fn endings_outlive_a_restart(node: &mut TestNode) {
    let first = node.sign_up(PHONE).await;
    let second = node.refresh(&first).await;
    assert_eq!(code(&refresh(node, &first.refresh_token).await), "ACCOUNT_SESSION_REUSED");
    node.restart().await;
    assert_eq!(me_over_http(node, &second.access_token).await, "TOKEN_INVALID");
}

/// Fifty uses of one token at the same moment: one wins, and because the others are second uses the session is over
/// for the winner as well.
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

/// A session that nobody refreshes for thirty days is over; an access token is over after fifteen minutes.
pub(crate) async fn sessions_and_tokens_get_too_old(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    node.advance(15 * MINUTE);
    assert_eq!(me_over_http(node, &person.access_token).await, "TOKEN_EXPIRED");
    let person = node.refresh(&person).await;
    assert_eq!(me_over_http(node, &person.access_token).await, "ok");
    node.advance(30 * DAY);
    assert_eq!(code(&refresh(node, &person.refresh_token).await), "ACCOUNT_SESSION_EXPIRED");
}

/// What is not a token of ours is refused like one that is over, whatever is wrong with it.
pub(crate) async fn broken_refresh_tokens_are_refused(node: &mut TestNode) {
    let person = node.sign_up(PHONE).await;
    let good = person.refresh_token.clone();
    let flipped = if good.starts_with('A') { good.replacen('A', "B", 1) } else { format!("A{}", good.split_at(1).1) };
    for broken in ["x", "", "AAAA", &flipped, &format!("{good}A"), &person.access_token] {
        assert_eq!(code(&refresh(node, broken).await), "ACCOUNT_SESSION_EXPIRED", "{broken}");
    }
    node.refresh(&person).await;
}

/// Signing out ends this session, or all of them, and the edge knows at once.
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

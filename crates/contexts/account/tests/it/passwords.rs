//! Passwords: registration, sign-in and lockouts.

use std::time::Duration;

use futures::future::join_all;
use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::*;
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::{HOUR, MINUTE, SECOND, code, tally};

const EMAIL: &str = "li.wei@example.org";
const PASSWORD: &str = "correct horse battery";

async fn register(node: &TestNode, email: &str, password: &str) -> Result<Session, Error> {
    node.send_code(Destination::Email(email.to_owned())).await;
    let request = RegisterWithPasswordRequest {
        email: email.to_owned(),
        code: node.code_for(&email.to_lowercase()),
        password: password.to_owned(),
        display_name: "Li Wei".to_owned(),
    };
    node.accounts().register_with_password(&node.anonymous(), request).await
}

async fn sign_in(node: &TestNode, email: &str, password: &str) -> Result<Session, Error> {
    let request = SignInWithPasswordRequest { email: email.to_owned(), password: password.to_owned() };
    node.accounts().sign_in_with_password(&node.anonymous(), request).await
}

async fn refresh(node: &TestNode, session: &Session) -> Result<Session, Error> {
    let request = RefreshSessionRequest { refresh_token: session.refresh_token.clone() };
    node.accounts().refresh_session(&node.anonymous(), request).await
}

/// A code verifies the address; upper and lower case are equivalent.
pub(crate) async fn an_address_and_a_password_sign_in(node: &mut TestNode) {
    let session = register(node, "Li.Wei@Example.org", PASSWORD).await.unwrap();
    let account = session.account.unwrap();
    assert_eq!((account.email.as_str(), account.phone.as_str()), (EMAIL, ""));
    let again = sign_in(node, "LI.WEI@example.org", PASSWORD).await.unwrap();
    assert_eq!(again.account.unwrap().account_id, account.account_id);
}

/// Weak passwords and wrong codes are refused and create no account.
pub(crate) async fn weak_passwords_and_wrong_codes_are_refused(node: &mut TestNode) {
    node.send_code(Destination::Email(EMAIL.to_owned())).await;
    let right = node.code_for(EMAIL);
    let try_it = async |password: &str, code: &str| {
        let request = RegisterWithPasswordRequest {
            email: EMAIL.to_owned(),
            code: code.to_owned(),
            password: password.to_owned(),
            display_name: "Li Wei".to_owned(),
        };
        node.accounts().register_with_password(&node.anonymous(), request).await
    };
    for weak in ["aaaaaaaaaaaa", "password123", "1234567890", "li.wei.example"] {
        let outcome = try_it(weak, &right).await;
        let expected = if weak == "li.wei.example" { "ok" } else { "ACCOUNT_PASSWORD_WEAK" };
        assert_eq!(code(&outcome), expected, "{weak}");
    }
    assert_eq!(code(&try_it(PASSWORD, &right).await), "ACCOUNT_CODE_INVALID", "the code was used");
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ACCOUNT_CREDENTIALS_INVALID");
}

/// A code sent to the address allows a new password; the old one is rejected afterwards.
pub(crate) async fn a_verified_address_allows_a_new_password(node: &mut TestNode) {
    let first = register(node, EMAIL, PASSWORD).await.unwrap().account.unwrap();
    node.advance(MINUTE);
    let second = register(node, EMAIL, "another good sentence").await.unwrap().account.unwrap();
    assert_eq!(first.account_id, second.account_id);
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ACCOUNT_CREDENTIALS_INVALID");
    assert_eq!(code(&sign_in(node, EMAIL, "another good sentence").await), "ok");
}

/// A new password ends all earlier sessions at once and resets failed attempts; the new session stays.
pub(crate) async fn a_new_password_ends_every_session_and_resets_attempts(node: &mut TestNode) {
    let first = register(node, EMAIL, PASSWORD).await.unwrap();
    let second = sign_in(node, EMAIL, PASSWORD).await.unwrap();
    for _ in 0..5 {
        sign_in(node, EMAIL, "wrong horse battery").await.unwrap_err();
    }
    node.advance(MINUTE);
    sign_in(node, EMAIL, "wrong horse battery").await.unwrap_err();
    let new = register(node, EMAIL, "another good sentence").await.unwrap();
    let http = node.http();
    for old in [&first, &second] {
        assert_eq!(code(&refresh(node, old).await), "ACCOUNT_SESSION_EXPIRED");
        assert_eq!(http.get("/v1/me").bearer(&old.access_token).send().await.code(), "TOKEN_INVALID");
    }
    assert_eq!(http.get("/v1/me").bearer(&new.access_token).send().await.status, 200);
    assert_eq!(code(&refresh(node, &new).await), "ok");
    assert_eq!(code(&sign_in(node, EMAIL, "another good sentence").await), "ok", "the lockout was reset");
}

/// A sign-in with the old password during the change of the password has no session afterwards.
pub(crate) async fn an_old_password_opens_no_session_that_outlives_a_new_one(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    for round in 0..3 {
        let (old, new) = (format!("{PASSWORD}{round}"), format!("{PASSWORD}{}", round + 1));
        node.advance(MINUTE);
        register(node, EMAIL, &old).await.unwrap();
        node.advance(MINUTE);
        let (reset, signed_in) =
            tokio::join!(register(node, EMAIL, &new), join_all((0..4).map(|_| sign_in(node, EMAIL, &old))));
        assert_eq!(code(&reset), "ok");
        for outcome in signed_in {
            match outcome {
                Ok(session) => assert_eq!(code(&refresh(node, &session).await), "ACCOUNT_SESSION_EXPIRED"),
                Err(error) => assert_eq!(error.code(), "ACCOUNT_CREDENTIALS_INVALID"),
            }
        }
        assert_eq!(code(&refresh(node, &reset.unwrap()).await), "ok");
        node.advance(HOUR);
    }
}

/// A wrong password and an unknown address have the same answer.
pub(crate) async fn wrong_passwords_and_unknown_addresses_look_the_same(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    let wrong = sign_in(node, EMAIL, "wrong horse battery").await.unwrap_err();
    let unknown = sign_in(node, "unknown@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(wrong.code(), "ACCOUNT_CREDENTIALS_INVALID");
    assert_eq!(
        (wrong.code(), wrong.detail(), wrong.metadata()),
        (unknown.code(), unknown.detail(), unknown.metadata())
    );
}

/// After five failed attempts password sign-in is locked, each time twice as long, also for the right password. A sign-in
/// resets the count.
pub(crate) async fn failed_attempts_lock_the_address(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    for _ in 0..5 {
        assert_eq!(code(&sign_in(node, EMAIL, "wrong horse battery").await), "ACCOUNT_CREDENTIALS_INVALID");
    }
    let mut lockout = Duration::from_secs(30);
    for _ in 0..3 {
        let locked = sign_in(node, EMAIL, PASSWORD).await.unwrap_err();
        assert_eq!((locked.code(), locked.retry_after()), ("ACCOUNT_LOCKED", Some(lockout)));
        node.advance(lockout - SECOND);
        assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ACCOUNT_LOCKED");
        node.advance(SECOND);
        assert_eq!(code(&sign_in(node, EMAIL, "wrong horse battery").await), "ACCOUNT_CREDENTIALS_INVALID");
        lockout *= 2;
    }
    node.advance(lockout);
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ok");
    for _ in 0..4 {
        assert_eq!(code(&sign_in(node, EMAIL, "wrong horse battery").await), "ACCOUNT_CREDENTIALS_INVALID");
    }
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ok");
}

/// Concurrent failed attempts are counted.
pub(crate) async fn concurrent_attempts_are_counted(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    for _ in 0..6 {
        join_all((0..4).map(|_| sign_in(node, EMAIL, "wrong horse battery"))).await;
    }
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ACCOUNT_LOCKED");
}

/// Of many concurrent attempts five are checked, with or without an account; the others are refused, and then the right
/// password too.
pub(crate) async fn concurrent_attempts_keep_the_limit(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    for email in [EMAIL, "unknown@example.org"] {
        let outcomes = join_all((0..20).map(|_| sign_in(node, email, "wrong horse battery"))).await;
        let counts = tally(outcomes.iter().map(code));
        assert_eq!(counts, [("ACCOUNT_CREDENTIALS_INVALID", 5), ("ACCOUNT_LOCKED", 15)], "{email}");
        let locked = sign_in(node, email, PASSWORD).await.unwrap_err();
        assert_eq!((locked.code(), locked.retry_after()), ("ACCOUNT_LOCKED", Some(30 * SECOND)));
    }
    node.advance(30 * SECOND);
    let outcomes = join_all((0..20).map(|_| sign_in(node, EMAIL, "wrong horse battery"))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ACCOUNT_CREDENTIALS_INVALID", 1), ("ACCOUNT_LOCKED", 19)]);
    node.advance(MINUTE);
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ok");
}

/// Concurrent sign-ins with the right password all succeed.
pub(crate) async fn right_passwords_in_parallel_are_all_right(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    for _ in 0..4 {
        let outcomes = join_all((0..4).map(|_| sign_in(node, EMAIL, PASSWORD))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("ok", 4)]);
    }
}

/// A sign-in that is refused by a full queue is not a failed attempt.
pub(crate) async fn a_sign_in_refused_by_a_full_queue_is_not_counted(node: &mut TestNode) {
    register(node, EMAIL, PASSWORD).await.unwrap();
    let addresses: Vec<String> = (0..60).map(|number| format!("unknown{number}@example.org")).collect();
    let others = join_all(addresses.iter().map(|address| sign_in(node, address, PASSWORD)));
    let (_, own) = tokio::join!(others, join_all((0..10).map(|_| sign_in(node, EMAIL, PASSWORD))));
    assert_eq!(tally(own.iter().map(code)), [("ACCOUNT_BUSY", 10)], "the others came first");
    assert_eq!(code(&sign_in(node, EMAIL, PASSWORD).await), "ok");
}

/// Sign-ins above the capacity of the queue are refused.
pub(crate) async fn too_many_passwords_at_once_are_refused(node: &mut TestNode) {
    let addresses: Vec<String> = (0..60).map(|number| format!("unknown{number}@example.org")).collect();
    let outcomes = join_all(addresses.iter().map(|address| sign_in(node, address, PASSWORD))).await;
    let counts = tally(outcomes.iter().map(code));
    // Two hashers with sixteen queued sign-ins each.
    let [("ACCOUNT_BUSY", busy), ("ACCOUNT_CREDENTIALS_INVALID", tried)] = counts[..] else { panic!("{counts:?}") };
    assert!(tried >= 34 && busy > 0, "{counts:?}");
}

//! Signs in with an e-mail address and a password.
//!
//! An address without an account has the same answer as a wrong password, after the same time, and the same lockout.
//!
//! An attempt is counted as failed before its password is checked; a right password resets the count. So concurrent
//! attempts cannot exceed the limit, and a crash does not give an attempt back.

use pulse_contract::account::v1::{Session, SignInWithPasswordRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::passwords::Hasher;
use super::{App, session};
use crate::domain::password::FailedAttempts;
use crate::domain::refresh::{SESSION_TTL, SessionId};
use crate::metrics::{self, SignInFailure};
use crate::secret::RefreshClaims;
use crate::store::accounts::{self, AccountRow};
use crate::store::{passwords, sessions};

pub(crate) async fn sign_in_with_password(
    app: &App,
    cx: &Cx,
    request: SignInWithPasswordRequest,
) -> Result<Session, Error> {
    let store = &app.deps.store;
    let address = request.email.to_lowercase();
    // Acquired before the attempt is counted: a full queue is not a failed attempt.
    let hasher = acquire_hasher(app)?;
    store.attempt(cx, || count_attempt(app, cx, &address)).await?;
    let row = accounts::by_email(store, &address).await?;
    let hash = match &row {
        Some(row) => passwords::hash_of(store, row.id).await?,
        None => None,
    };
    let is_right = hasher.verify(request.password, hash.clone()).await?;
    match (row, hash) {
        (Some(row), Some(hash)) if is_right => {
            store.attempt(cx, || succeed(app, cx, row.clone(), &address, &hash)).await
        }
        _ => {
            metrics::sign_in_failed(SignInFailure::WrongPassword);
            Err(errors::ACCOUNT_CREDENTIALS_INVALID.error("the e-mail address and the password do not match"))
        }
    }
}

/// A hasher for one password.
///
/// # Errors
/// `ACCOUNT_BUSY` when the queue of hashers is full.
pub(super) fn acquire_hasher(app: &App) -> Result<Hasher, Error> {
    app.passwords.acquire_hasher().inspect_err(|_busy| metrics::sign_in_failed(SignInFailure::Busy))
}

/// Counts a failed attempt, or refuses it during a lockout.
async fn count_attempt(app: &App, cx: &Cx, address: &str) -> Result<(), Error> {
    let store = &app.deps.store;
    let read = passwords::attempts_of(store, address).await?;
    if let Some(locked) = read.filter(|attempts| cx.now < attempts.locked_until) {
        let wait = locked.locked_until.since(cx.now);
        metrics::sign_in_failed(SignInFailure::Locked);
        let detail = format!(
            "password sign-in is locked for {} seconds after {} failed attempts",
            wait.as_secs(),
            locked.failure_count
        );
        return Err(errors::ACCOUNT_LOCKED.error(detail).retry_in(wait));
    }
    let commit = passwords::put_attempts(Commit::new(), address, read, FailedAttempts::after_failure(read, cx.now));
    Ok(store.commit(cx, commit).await?)
}

/// Creates the session and resets the failed attempts.
async fn succeed(app: &App, cx: &Cx, row: AccountRow, address: &str, hash: &str) -> Result<Session, Error> {
    let store = &app.deps.store;
    let claims = RefreshClaims { session: SessionId::new(store.next_id(cx.now)), generation: 1 };
    // A new password, set while this one was hashed, ends all sessions of the old one. Both commits write the row of the
    // password first, so the later one sees the earlier one.
    let commit = Commit::new()
        .write(passwords::lock(row.id, hash))
        .expect_rows_else(1, &errors::ACCOUNT_CREDENTIALS_INVALID)
        .insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)))
        .write(passwords::reset_attempts(address));
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

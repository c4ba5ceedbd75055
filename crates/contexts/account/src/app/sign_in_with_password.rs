//! Signs in with an address and a password.
//!
//! An address without an account is answered like a wrong password: in the same words, after the same time, and with
//! the same rest after too many guesses.

use pulse_contract::account::v1::{Session, SignInWithPasswordRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, session};
use crate::domain::password::{self, Guesses};
use crate::domain::refresh::SESSION_TTL;
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
    let guesses = passwords::guesses_at(store, &address).await?;
    if let Some(locked) = guesses.filter(|guesses| cx.now < guesses.locked_until) {
        let wait = locked.locked_until.since(cx.now);
        return Err(errors::ACCOUNT_LOCKED.error("too many wrong passwords").retry_in(wait));
    }
    let row = accounts::by_email(store, &address).await?;
    let hash = match &row {
        Some(row) => passwords::hash_of(store, row.id).await?,
        None => None,
    };
    let is_right = app.passwords.verify(request.password, hash).await?;
    match row.filter(|_| is_right) {
        Some(row) => succeed(app, cx, row, &address, guesses).await,
        None => fail(app, cx, &address).await,
    }
}

/// Counts the wrong guess before it is refused: of many at the same time, every one.
async fn fail(app: &App, cx: &Cx, address: &str) -> Result<Session, Error> {
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            let read = passwords::guesses_at(store, address).await?;
            let commit = passwords::put_guesses(Commit::new(), address, read, password::fail(read, cx.now));
            Ok(store.commit(cx, commit).await?)
        })
        .await?;
    Err(errors::ACCOUNT_CREDENTIALS_INVALID.error("the address and the password do not belong together"))
}

async fn succeed(
    app: &App,
    cx: &Cx,
    row: AccountRow,
    address: &str,
    guesses: Option<Guesses>,
) -> Result<Session, Error> {
    let store = &app.deps.store;
    let claims = RefreshClaims { session: store.next_id(cx.now), generation: 1 };
    let mut commit = Commit::new().insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)));
    if guesses.is_some() {
        commit = commit.write(passwords::forgive(address));
    }
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

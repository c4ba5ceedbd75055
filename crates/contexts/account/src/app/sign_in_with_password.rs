//! Signs in with an address and a password.
//!
//! An address without an account is answered like a wrong password: in the same words, after the same time, and with
//! the same rest after too many guesses.
//!
//! A guess is counted before its password is looked at, and taken back when it was right. So of many guesses at the
//! same moment no more are looked at than are free, and a crash in between gives none back.

use pulse_contract::account::v1::{Session, SignInWithPasswordRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, session};
use crate::domain::password;
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
    // Before the guess is counted: being refused because others sign in is nobody's guess.
    let place = app.passwords.admit()?;
    store.attempt(cx, || count_guess(app, cx, &address)).await?;
    let row = accounts::by_email(store, &address).await?;
    let hash = match &row {
        Some(row) => passwords::hash_of(store, row.id).await?,
        None => None,
    };
    let is_right = place.verify(request.password, hash.clone()).await?;
    match (row, hash) {
        (Some(row), Some(hash)) if is_right => {
            store.attempt(cx, || succeed(app, cx, row.clone(), &address, &hash)).await
        }
        _ => Err(errors::ACCOUNT_CREDENTIALS_INVALID.error("the address and the password do not belong together")),
    }
}

/// Counts the guess as a wrong one, or refuses it while guessing has to rest.
async fn count_guess(app: &App, cx: &Cx, address: &str) -> Result<(), Error> {
    let store = &app.deps.store;
    let read = passwords::guesses_at(store, address).await?;
    if let Some(locked) = read.filter(|guesses| cx.now < guesses.locked_until) {
        let wait = locked.locked_until.since(cx.now);
        return Err(errors::ACCOUNT_LOCKED.error("too many wrong passwords").retry_in(wait));
    }
    let commit = passwords::put_guesses(Commit::new(), address, read, password::fail(read, cx.now));
    Ok(store.commit(cx, commit).await?)
}

/// Opens the session and takes the guess back, with those before it.
async fn succeed(app: &App, cx: &Cx, row: AccountRow, address: &str, hash: &str) -> Result<Session, Error> {
    let store = &app.deps.store;
    let claims = RefreshClaims { session: store.next_id(cx.now), generation: 1 };
    // Somebody may have chosen a new password while this one was hashed, and that ends every session of the old one.
    // This goes first: it holds the row that choosing a password writes first, so one of the two sees the other.
    let commit = Commit::new()
        .write(passwords::keep(row.id, hash))
        .expect_rows_else(1, &errors::ACCOUNT_CREDENTIALS_INVALID)
        .insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)))
        .write(passwords::forgive(address));
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

//! Signs in with an address and a password. Unknown addresses take as long as wrong passwords.

use pulse_contract::account::v1::{Session, SignInWithPasswordRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, session};
use crate::domain::password;
use crate::domain::refresh::SESSION_TTL;
use crate::secret::RefreshClaims;
use crate::store::accounts::{self, AccountRow};
use crate::store::passwords::{self, PasswordRow};
use crate::store::sessions;

pub(crate) async fn sign_in_with_password(
    app: &App,
    cx: &Cx,
    request: SignInWithPasswordRequest,
) -> Result<Session, Error> {
    let store = &app.deps.store;
    let refused = || errors::ACCOUNT_CREDENTIALS_INVALID.error("the address and the password do not belong together");
    let row = accounts::by_email(store, &request.email.to_lowercase()).await?;
    let known = match &row {
        Some(row) => passwords::of(store, row.id).await?,
        None => None,
    };
    if let Some(locked) = known.as_ref().filter(|known| cx.now < known.locked_until) {
        let wait = locked.locked_until.since(cx.now);
        return Err(errors::ACCOUNT_LOCKED.error("too many wrong passwords").retry_in(wait));
    }
    let hash = known.as_ref().map(|known| known.hash.clone());
    let is_right = app.passwords.verify(request.password, hash).await?;
    let (Some(row), Some(known)) = (row, known) else { return Err(refused()) };
    if !is_right {
        fail(app, cx, &row, &known).await?;
        return Err(refused());
    }
    succeed(app, cx, row, &known).await
}

/// Counts the wrong guess. Losing the race against another wrong guess is fine: that one was counted.
async fn fail(app: &App, cx: &Cx, row: &AccountRow, known: &PasswordRow) -> Result<(), Error> {
    let locked_until = password::locked_until(known.failure_count + 1, cx.now);
    let commit = Commit::new().write(passwords::fail(row.id, known, locked_until));
    Ok(app.deps.store.commit(cx, commit).await?)
}

async fn succeed(app: &App, cx: &Cx, row: AccountRow, known: &PasswordRow) -> Result<Session, Error> {
    let store = &app.deps.store;
    let claims = RefreshClaims { session: store.next_id(cx.now), generation: 1 };
    let mut commit = Commit::new().insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)));
    if known.failure_count > 0 {
        commit = commit.write(passwords::forgive(row.id));
    }
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

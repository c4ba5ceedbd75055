//! Makes an account for an address that was proven by a code, or gives the account of that address a new password.
//!
//! Both end in the same answer: who owns the mailbox may choose the password, and nobody else learns that the address
//! was known. A new password ends every session of the account, whoever opened them; only that of the answer stays.

use pulse_contract::account::v1::{RegisterWithPasswordRequest, Session, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::sign_in_with_code::{new_account, register};
use super::{App, end_sessions, session, verify_code};
use crate::domain::password;
use crate::domain::refresh::SESSION_TTL;
use crate::secret::RefreshClaims;
use crate::store::accounts::{self, AccountRow};
use crate::store::{passwords, sessions};

pub(crate) async fn register_with_password(
    app: &App,
    cx: &Cx,
    request: RegisterWithPasswordRequest,
) -> Result<Session, Error> {
    let email = request.email.to_lowercase();
    if password::is_weak(&request.password, &email) {
        return Err(errors::ACCOUNT_PASSWORD_WEAK.error("choose a password that is harder to guess"));
    }
    let hash = app.passwords.admit()?.hash(request.password.clone()).await?;
    app.deps.store.attempt(cx, || make(app, cx, &request, &email, &hash)).await
}

async fn make(
    app: &App,
    cx: &Cx,
    request: &RegisterWithPasswordRequest,
    email: &str,
    hash: &str,
) -> Result<Session, Error> {
    let store = &app.deps.store;
    let code = verify_code::verify_code(app, cx, email, &request.code).await?;
    let mut commit = code.spend(Commit::new());
    let row = match accounts::by_email(store, email).await? {
        Some(row) => row,
        None => {
            let row = AccountRow { email: Some(email.to_owned()), ..new_account(app, cx, &request.display_name) };
            commit = register(commit, &row);
            row
        }
    };
    // Ending the bulk of them before the password is set does no harm: the code was right.
    end_sessions::end_full_batches(app, cx, row.id, sessions::NONE).await?;
    let old = sessions::live_of(store, row.id, sessions::NONE, cx.now).await?;
    let claims = RefreshClaims { session: store.next_id(cx.now), generation: 1 };
    // The password first: a sign-in with the old one that is under way either holds its row, and then its session is
    // among those that end here, or comes after it and is refused. The new session last: it stays.
    commit = end_sessions::end_all(commit.insert(passwords::set(row.id, hash)), cx, row.id, &old)
        .write(passwords::forgive(email))
        .insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)));
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    end_sessions::note(app, cx, &old);
    Ok(answer)
}

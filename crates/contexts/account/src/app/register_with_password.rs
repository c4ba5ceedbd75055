//! Creates an account for an e-mail address that a code has verified, or sets a new password of its account.
//!
//! Both have the same answer, so the call does not reveal whether the address has an account. A new password ends all other
//! sessions of the account.

use pulse_contract::account::v1::{RegisterWithPasswordRequest, Session, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::sign_in_with_code::{insert_account, new_account};
use super::sign_in_with_password::acquire_hasher;
use super::{App, end_sessions, session, verify_code};
use crate::domain::password;
use crate::domain::refresh::{SESSION_TTL, SessionId};
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
        return Err(errors::ACCOUNT_PASSWORD_WEAK
            .error("password must not be a common password, a keyboard run or the e-mail address"));
    }
    let hash = acquire_hasher(app)?.hash(request.password.clone()).await?;
    app.deps.store.attempt(cx, || register(app, cx, &request, &email, &hash)).await
}

async fn register(
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
            commit = insert_account(commit, &row);
            row
        }
    };
    // The code was right, so most sessions can end before the password is set.
    end_sessions::end_full_batches(app, cx, row.id, sessions::NONE).await?;
    let old = sessions::live_of(store, row.id, sessions::NONE, cx.now).await?;
    let claims = RefreshClaims { session: SessionId::new(store.next_id(cx.now)), generation: 1 };
    // The password is written first: a concurrent sign-in with the old password either locks its row before, and then its
    // session ends here, or locks it later and fails. The new session is written last, so that it does not end.
    commit = end_sessions::end_all(commit.insert(passwords::set(row.id, hash)), cx, row.id, &old)
        .write(passwords::reset_attempts(email))
        .insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)));
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    end_sessions::revoke(app, cx, &old);
    Ok(answer)
}

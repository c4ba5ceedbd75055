//! Signs in with a phone number and a one-time code; the first sign-in creates the account.

use pulse_contract::account::v1::{AccountRegistered, Session, SignInWithCodeRequest};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::{App, session, verify_code};
use crate::domain::refresh::{SESSION_TTL, SessionId};
use crate::domain::roles::Roles;
use crate::secret::RefreshClaims;
use crate::store::accounts::{self, AccountRow};
use crate::store::sessions;

pub(crate) async fn sign_in_with_code(app: &App, cx: &Cx, request: SignInWithCodeRequest) -> Result<Session, Error> {
    app.deps.store.attempt(cx, || sign_in(app, cx, &request)).await
}

async fn sign_in(app: &App, cx: &Cx, request: &SignInWithCodeRequest) -> Result<Session, Error> {
    let store = &app.deps.store;
    let code = verify_code::verify_code(app, cx, &request.phone, &request.code).await?;
    let known = accounts::by_phone(store, &request.phone).await?;
    let mut commit = code.spend(Commit::new());
    let row = match known {
        Some(row) => row,
        None => {
            let row = new_account(app, cx, &request.display_name);
            let row = AccountRow { phone: Some(request.phone.clone()), ..row };
            commit = insert_account(commit, &row);
            row
        }
    };
    let claims = RefreshClaims { session: SessionId::new(store.next_id(cx.now)), generation: 1 };
    commit = commit.insert(sessions::insert(claims.session, row.id, cx.now, cx.now.plus(SESSION_TTL)));
    let answer = session::mint(app, row, claims, cx.now).await?;
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// A new account without phone number and e-mail address.
pub(super) fn new_account(app: &App, cx: &Cx, display_name: &str) -> AccountRow {
    let id = AccountId::new(app.deps.store.next_id(cx.now));
    let generated = || format!("user{:05}", id.get().rem_euclid(100_000));
    AccountRow {
        id,
        display_name: if display_name.is_empty() { generated() } else { display_name.to_owned() },
        phone: None,
        email: None,
        avatar_url: String::new(),
        bio: String::new(),
        time_zone: app.deps.config.time_zone.clone(),
        roles: Roles::default(),
        roles_changed_at: Timestamp::EPOCH,
        follower_count: 0,
        following_count: 0,
        created_at: cx.now,
        version: 1,
    }
}

/// Adds the writes of a new account and its event.
pub(super) fn insert_account(commit: Commit, row: &AccountRow) -> Commit {
    let event = AccountRegistered { account_id: row.id.get(), display_name: row.display_name.clone() };
    accounts::insert(commit, row).event(row.id.get(), &event)
}

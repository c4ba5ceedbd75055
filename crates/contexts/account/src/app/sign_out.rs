//! Ends the caller's session, or all of them.

use pulse_contract::account::v1::{SessionEnded, SignOutRequest, SignOutResponse};
use pulse_contract::errors as common;
use pulse_kernel::{Actor, Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::store::sessions;

pub(crate) async fn sign_out(app: &App, cx: &Cx, request: SignOutRequest) -> Result<SignOutResponse, Error> {
    let Actor::Principal(principal) = &cx.actor else {
        return Err(common::UNAUTHENTICATED.error("sign in first"));
    };
    let store = &app.deps.store;
    let live = sessions::live_of(store, principal.account).await?;
    let ended: Vec<_> =
        live.into_iter().filter(|session| request.is_everywhere || session.id == principal.session).collect();
    let mut commit = Commit::new();
    for session in &ended {
        let event = SessionEnded { account_id: session.account.get(), session_id: session.id, is_reuse: false };
        commit = commit.write(sessions::end(session.id, cx.now)).event(session.account.get(), &event);
    }
    let response = SignOutResponse { ended_count: i32::try_from(ended.len()).unwrap_or(i32::MAX) };
    store.commit(cx, commit.answer(cx, &response)).await?;
    ended.iter().for_each(|session| app.ended.note(session.id, cx.now));
    Ok(response)
}

//! Ends the session of the caller, or all sessions of its account.

use pulse_contract::account::v1::{SignOutRequest, SignOutResponse};
use pulse_contract::errors as common;
use pulse_kernel::{Actor, Cx, Error, Principal};
use pulse_store::Commit;

use super::{App, end_sessions};
use crate::domain::refresh::SessionId;
use crate::store::sessions::{self, SessionRow};

pub(crate) async fn sign_out(app: &App, cx: &Cx, request: SignOutRequest) -> Result<SignOutResponse, Error> {
    let Actor::Principal(caller) = &cx.actor else {
        return Err(common::UNAUTHENTICATED.error("the call needs a signed-in account"));
    };
    let store = &app.deps.store;
    if !request.is_everywhere {
        return store.attempt(cx, || async { end(app, cx, own(app, caller).await?, 0).await }).await;
    }
    // The session of the caller ends in the last commit, so that an aborted request can be repeated.
    let own_id = SessionId::new(caller.session);
    let ended_before = end_sessions::end_full_batches(app, cx, caller.account, own_id).await?;
    store
        .attempt(cx, || async {
            let mut rest = sessions::live_of(store, caller.account, own_id, cx.now).await?;
            rest.extend(own(app, caller).await?);
            end(app, cx, rest, ended_before).await
        })
        .await
}

/// The session of the caller; empty when it has ended.
async fn own(app: &App, caller: &Principal) -> Result<Vec<SessionRow>, Error> {
    let session = sessions::by_id(&app.deps.store, SessionId::new(caller.session)).await?;
    let is_live = |session: &SessionRow| session.account == caller.account && !session.state.has_ended;
    Ok(session.filter(is_live).into_iter().collect())
}

async fn end(app: &App, cx: &Cx, ended: Vec<SessionRow>, ended_before: usize) -> Result<SignOutResponse, Error> {
    let ended_count = i32::try_from(ended_before + ended.len()).unwrap_or(i32::MAX);
    let response = SignOutResponse { ended_count };
    let commit = end_sessions::end(Commit::new(), cx, &ended);
    app.deps.store.commit(cx, commit.answer(cx, &response)).await?;
    end_sessions::revoke(app, cx, &ended);
    Ok(response)
}

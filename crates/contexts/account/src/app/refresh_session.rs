//! Exchanges a refresh token for new tokens; a token that was used before ends its session.

use pulse_contract::account::v1::{RefreshSessionRequest, Session, SessionEnded, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, session};
use crate::domain::refresh::{Presented, SESSION_TTL, present};
use crate::secret::RefreshClaims;
use crate::store::accounts;
use crate::store::sessions::{self, SessionRow};

pub(crate) async fn refresh_session(app: &App, cx: &Cx, request: RefreshSessionRequest) -> Result<Session, Error> {
    let Some(claims) = app.deps.secret.read_refresh_token(&request.refresh_token) else { return Err(over()) };
    app.deps.store.attempt(cx, || refresh(app, cx, claims)).await
}

fn over() -> Error {
    errors::ACCOUNT_SESSION_EXPIRED.error("the session has ended or expired; sign in again")
}

async fn refresh(app: &App, cx: &Cx, claims: RefreshClaims) -> Result<Session, Error> {
    let store = &app.deps.store;
    let Some(read) = sessions::by_id(store, claims.session).await? else { return Err(over()) };
    let generation = match present(read.state, claims.generation, cx.now) {
        Presented::Over => return Err(over()),
        Presented::Reused => return end_reused(app, cx, &read).await,
        Presented::Rotate(generation) => generation,
    };
    let Some(row) = accounts::by_id(store, read.account).await? else { return Err(over()) };
    let claims = RefreshClaims { generation, ..claims };
    let answer = session::mint(app, row, claims, cx.now).await?;
    let rotate = sessions::rotate(&read, generation, cx.now.plus(SESSION_TTL));
    store.commit(cx, Commit::new().write(rotate).expect_rows(1).answer(cx, &answer)).await?;
    Ok(answer)
}

/// Ends a session whose refresh token exists twice: the owner and a possible thief must both sign in again.
async fn end_reused(app: &App, cx: &Cx, read: &SessionRow) -> Result<Session, Error> {
    let event = SessionEnded { account_id: read.account.get(), session_id: read.id.get(), is_reuse: true };
    let commit = Commit::new().write(sessions::end(read.id, cx.now)).expect_rows(1).event(read.account.get(), &event);
    app.deps.store.commit(cx, commit).await?;
    app.access.ended([read.id], cx.now);
    Err(errors::ACCOUNT_SESSION_REUSED.error("the refresh token was used before; the session was ended"))
}

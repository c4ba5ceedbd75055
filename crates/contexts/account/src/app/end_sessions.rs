//! Ends sessions of an account in commits of limited size; the number of sessions is not limited.

use pulse_contract::account::v1::SessionEnded;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::domain::refresh::SessionId;
use crate::store::sessions::{self, LIVE_MAX, SessionRow};

/// Ends the sessions of an account except `kept`, in batches, until less than one batch is left. Returns the number of ended
/// sessions; the commit of the use case ends the remaining ones.
pub(super) async fn end_full_batches(app: &App, cx: &Cx, account: AccountId, kept: SessionId) -> Result<usize, Error> {
    let mut ended_count = 0;
    loop {
        let count = app.deps.store.attempt(cx, || end_full_batch(app, cx, account, kept)).await?;
        if count == 0 {
            return Ok(ended_count);
        }
        ended_count += count;
    }
}

async fn end_full_batch(app: &App, cx: &Cx, account: AccountId, kept: SessionId) -> Result<usize, Error> {
    let store = &app.deps.store;
    let batch = sessions::live_of(store, account, kept, cx.now).await?;
    if batch.len() < LIVE_MAX {
        return Ok(0);
    }
    store.commit(cx, end(Commit::new(), cx, &batch)).await?;
    revoke(app, cx, &batch);
    Ok(batch.len())
}

/// Adds the writes and events that end these sessions; a session that has ended meanwhile makes it a conflict.
pub(super) fn end(commit: Commit, cx: &Cx, ended: &[SessionRow]) -> Commit {
    if ended.is_empty() {
        return commit;
    }
    let ids = ended.iter().map(|session| session.id);
    emit(commit.write(sessions::end_these(ids, cx.now)).expect_rows(count(ended)), ended)
}

/// Adds the writes and events that end all sessions of an account; a session that is not in `ended` makes it a conflict.
pub(super) fn end_all(commit: Commit, cx: &Cx, account: AccountId, ended: &[SessionRow]) -> Commit {
    emit(commit.write(sessions::end_all(account, cx.now)).expect_rows(count(ended)), ended)
}

fn emit(commit: Commit, ended: &[SessionRow]) -> Commit {
    ended.iter().fold(commit, |commit, session| {
        let event = SessionEnded { account_id: session.account.get(), session_id: session.id.get(), is_reuse: false };
        commit.event(session.account.get(), &event)
    })
}

/// Revokes the access tokens of sessions whose end was committed.
pub(super) fn revoke(app: &App, cx: &Cx, ended: &[SessionRow]) {
    app.access.ended(ended.iter().map(|session| session.id), cx.now);
}

fn count(sessions: &[SessionRow]) -> u64 {
    u64::try_from(sessions.len()).unwrap_or(u64::MAX)
}

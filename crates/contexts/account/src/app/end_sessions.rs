//! Ends sessions, of which one account may have any number, in commits of a bounded size.

use pulse_contract::account::v1::SessionEnded;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::store::sessions::{self, LIVE_MAX, SessionRow};

/// Ends the account's sessions, all but `kept`, in batches until less than one batch is left, and says how many it
/// ended. The rest is for the commit of the use case.
pub(super) async fn end_full_batches(app: &App, cx: &Cx, account: AccountId, kept: i64) -> Result<usize, Error> {
    let mut ended_count = 0;
    loop {
        let count = app.deps.store.attempt(cx, || end_full_batch(app, cx, account, kept)).await?;
        if count == 0 {
            return Ok(ended_count);
        }
        ended_count += count;
    }
}

async fn end_full_batch(app: &App, cx: &Cx, account: AccountId, kept: i64) -> Result<usize, Error> {
    let store = &app.deps.store;
    let batch = sessions::live_of(store, account, kept, cx.now).await?;
    if batch.len() < LIVE_MAX {
        return Ok(0);
    }
    store.commit(cx, end(Commit::new(), cx, &batch)).await?;
    note(app, cx, &batch);
    Ok(batch.len())
}

/// Adds the ending of these sessions; one of them that has ended meanwhile makes it a conflict.
pub(super) fn end(commit: Commit, cx: &Cx, ended: &[SessionRow]) -> Commit {
    if ended.is_empty() {
        return commit;
    }
    let ids = ended.iter().map(|session| session.id);
    tell(commit.write(sessions::end_these(ids, cx.now)).expect_rows(count(ended)), ended)
}

/// Adds the ending of every session that the account has at the moment of the commit; when these are not all of them
/// it is a conflict.
pub(super) fn end_all(commit: Commit, cx: &Cx, account: AccountId, ended: &[SessionRow]) -> Commit {
    tell(commit.write(sessions::end_all(account, cx.now)).expect_rows(count(ended)), ended)
}

fn tell(commit: Commit, ended: &[SessionRow]) -> Commit {
    ended.iter().fold(commit, |commit, session| {
        let event = SessionEnded { account_id: session.account.get(), session_id: session.id, is_reuse: false };
        commit.event(session.account.get(), &event)
    })
}

/// Lets the edge know of endings that were committed.
pub(super) fn note(app: &App, cx: &Cx, ended: &[SessionRow]) {
    ended.iter().for_each(|session| app.ended.note(session.id, cx.now));
}

fn count(sessions: &[SessionRow]) -> u64 {
    u64::try_from(sessions.len()).unwrap_or(u64::MAX)
}

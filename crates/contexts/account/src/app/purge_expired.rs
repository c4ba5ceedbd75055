//! Retention job: deletes expired one-time codes, failed attempts and sessions.

use std::time::Duration;

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};
use pulse_work::{Next, Sweep};

use crate::domain::{one_time_code, password, refresh};
use crate::store::{codes, passwords, sessions};

/// Maximum number of sessions that one commit deletes, so that other commits wait only briefly.
const SESSIONS_MAX: usize = 1_000;
/// Time between two rounds. Expired rows have no effect, they only take space.
const EVERY: Duration = Duration::from_secs(3_600);

/// Runs a round every hour, until the future is dropped.
pub(crate) async fn purge_hourly(store: &Store) {
    Sweep::every("account.purge", store.clock().clone(), EVERY).delayed().run(|| purge_batch(store)).await;
}

/// Runs one round: deletes all expired one-time codes, failed attempts and sessions.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn purge_expired(store: &Store) -> Result<(), Error> {
    while purge_batch(store).await? == Next::AtOnce {}
    Ok(())
}

async fn purge_batch(store: &Store) -> Result<Next, Error> {
    let now = store.clock().now();
    let cx = Cx::system("account.purge", now);
    // Expired sessions never become live again, so these rows do not change before they are deleted.
    let expired = sessions::expired_before(store, now.minus(refresh::EXPIRED_KEPT), SESSIONS_MAX).await?;
    let is_full = expired.len() >= SESSIONS_MAX;
    let mut commit = Commit::new()
        .write(passwords::purge_attempts(now.minus(password::RESET_AFTER)))
        .write(codes::purge(now.minus(one_time_code::WINDOW)));
    if !expired.is_empty() {
        commit = commit.write(sessions::purge(expired));
    }
    store.commit(&cx, commit).await?;
    Ok(Next::at_once_if(is_full))
}

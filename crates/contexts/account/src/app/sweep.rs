//! Deletes what has no meaning any more: old codes, old wrong guesses and sessions that are long over.

use std::time::Duration;

use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Store};

use crate::domain::{one_time_code, password, refresh};
use crate::store::{codes, passwords, sessions};

/// How many sessions one commit deletes, so that other commits do not wait long behind it.
const SESSIONS_MAX: usize = 1_000;

/// Time between two rounds. Rows that are not swept only take space.
const EVERY: Duration = Duration::from_secs(3_600);

/// Runs a round every hour, until the future is dropped.
pub(crate) async fn sweep_hourly(store: &Store) {
    loop {
        store.clock().sleep_until(store.clock().now().plus(EVERY)).await;
        if let Err(error) = sweep(store).await {
            tracing::warn!(error = %error.report(), "old one-time codes, failed attempts and sessions were not deleted");
        }
    }
}

async fn sweep(store: &Store) -> Result<(), Error> {
    let now = store.clock().now();
    let commit = Commit::new()
        .write(passwords::forget_guesses(now.minus(password::FORGET_AFTER)))
        .write(codes::forget(now.minus(one_time_code::WINDOW)));
    store.commit(&Cx::system("account.sweep", now), commit).await?;
    sweep_sessions(store, now).await
}

async fn sweep_sessions(store: &Store, now: Timestamp) -> Result<(), Error> {
    let cx = Cx::system("account.sweep", now);
    loop {
        // What has expired is never live again, so these rows do not change before they are deleted.
        let expired = sessions::expired_before(store, now.minus(refresh::EXPIRED_KEPT), SESSIONS_MAX).await?;
        let is_last = expired.len() < SESSIONS_MAX;
        if !expired.is_empty() {
            store.commit(&cx, Commit::new().write(sessions::forget(expired))).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

//! Forgets what orders gave back long ago. The row of such an order keeps it from holding anything later, and by then
//! nobody asks for it any more.

use std::time::Duration;

use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, StoreError, Timer};

use super::App;
use crate::store::reservations;

/// The timer that forgets; there is one.
pub(crate) const PURGE: &str = "marketing.purge_reservations";
/// How often old holds are looked for.
const EVERY: Duration = Duration::from_secs(86_400);
/// How many one commit forgets; when there are more, the next commit follows at once.
const BATCH: i64 = 500;

/// What starts the forgetting.
pub(crate) fn first_purge(now: Timestamp) -> Timer {
    Timer { kind: PURGE, key: 0, due_at: now.plus(EVERY), payload: Default::default() }
}

pub(crate) async fn purge_reservations(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(PURGE, store.clock().now());
    let old = reservations::returned_before(store, cx.now.minus(app.deps.retention.returned_coupons), BATCH).await?;
    let is_all = i64::try_from(old.len()).unwrap_or(i64::MAX) < BATCH;
    let due_at = if is_all { cx.now.plus(EVERY) } else { cx.now };
    let next = Timer { due_at, ..first_purge(cx.now) };
    let commit = old.iter().fold(Commit::new().fired(due), |commit, (order, version)| {
        commit.write(reservations::forget(*order, *version))
    });
    match store.commit(&cx, commit.timer(next)).await {
        Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! Forgets what providers told long ago: what followed from it is in the books, and the bodies hold names of people.

use std::time::Duration;

use bytes::Bytes;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Timer};

use super::App;
use crate::providers::sandbox::done_once;
use crate::store::webhooks;

/// The timer that forgets; there is one.
pub(crate) const PURGE: &str = "payment.purge_webhooks";
/// How long an event is kept. Providers repeat theirs for days, so nothing comes again after so long.
const KEPT_FOR: Duration = Duration::from_secs(90 * 86_400);
/// How often old events are looked for.
const EVERY: Duration = Duration::from_secs(86_400);
/// How many events one commit forgets; when there are more, the next commit follows at once.
const BATCH: i64 = 500;

/// What starts the forgetting.
pub(crate) fn first_purge(now: Timestamp) -> Timer {
    Timer { kind: PURGE, key: 0, due_at: now.plus(EVERY), payload: Bytes::new() }
}

pub(crate) async fn purge_webhooks(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system("payment.purge_webhooks", app.store().clock().now());
    let old = webhooks::received_before(app.store(), cx.now.minus(KEPT_FOR), BATCH).await?;
    let is_all = i64::try_from(old.len()).unwrap_or(i64::MAX) < BATCH;
    let due_at = if is_all { cx.now.plus(EVERY) } else { cx.now };
    let next = Timer { due_at, ..first_purge(cx.now) };
    let commit = old
        .iter()
        .fold(Commit::new().fired(due), |commit, (provider, event)| commit.write(webhooks::forget(provider, event)));
    done_once(app.store().commit(&cx, commit.timer(next)).await)
}

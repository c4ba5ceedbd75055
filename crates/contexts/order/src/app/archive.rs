//! Moves orders that ended long ago to the archive (TR-81), and forgets drafts and carts.

use std::time::Duration;

use bytes::Bytes;
use pulse_contract::order::v1::OrderState;
use pulse_kernel::snowflake::{self, EPOCH_MS};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Store, StoreError, Timer};

use super::{App, SWEEP};
use crate::store::{carts, drafts, orders};

/// How many orders are looked at, and drafts and carts forgotten, at once.
const PAGE: i64 = 200;
/// When to go on while there is more.
const AT_ONCE: Duration = Duration::from_secs(1);
/// When to begin again after everything was looked at.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// Takes the next step, and sets the timer of the one after it. Where it stands is in the timer.
pub(crate) async fn sweep(app: &App, due: DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(SWEEP, store.clock().now());
    let has_more_drafts = forget_drafts(store, &cx).await?;
    let has_more_carts = forget_carts(app, &cx).await?;
    let after = due.payload.as_ref().try_into().map_or(0, i64::from_be_bytes);
    let reached = archive(app, &cx, after).await?;
    let is_more = reached.is_some() || has_more_drafts || has_more_carts;
    let timer = next(cx.now.plus(if is_more { AT_ONCE } else { PAUSE }), reached.unwrap_or(0));
    match store.commit(&cx, Commit::new().fired(&due).timer(timer)).await {
        Err(StoreError::AlreadyDone) => Ok(()),
        outcome => Ok(outcome?),
    }
}

fn next(due_at: Timestamp, after: i64) -> Timer {
    Timer { kind: SWEEP, key: 0, due_at, payload: Bytes::copy_from_slice(&after.to_be_bytes()) }
}

/// Sets the first timer of a process. It moves the one that is there, so that sweeping begins again from the oldest.
pub(crate) async fn start(store: &Store) -> Result<(), Error> {
    let now = store.clock().now();
    let commit = Commit::new().timer(next(now.plus(Duration::from_secs(60)), 0));
    Ok(store.commit(&Cx::system(SWEEP, now), commit).await?)
}

/// Archives what has ended among the next page of old orders; says where to go on, if anywhere.
async fn archive(app: &App, cx: &Cx, after: i64) -> Result<Option<i64>, Error> {
    let store = &app.deps.store;
    let ended_before = cx.now.minus(app.deps.config.archive_after);
    let page = orders::page(store, after, first_id_at(ended_before), PAGE).await?;
    let reached = page.last().map(|row| row.id.get());
    let is_full = i64::try_from(page.len()).unwrap_or(i64::MAX) == PAGE;
    let is_over = |state| matches!(state, OrderState::Completed | OrderState::Cancelled);
    for row in page.iter().filter(|row| is_over(row.state) && row.updated_at < ended_before) {
        match store.commit(cx, orders::archive(Commit::new(), row)).await {
            // Somebody pays it back just now; it comes again.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(reached.filter(|_| is_full))
}

/// The smallest id that can be drawn at an instant.
fn first_id_at(instant: Timestamp) -> i64 {
    let id = instant.as_millis().saturating_sub(EPOCH_MS).max(0) << 22;
    debug_assert!(id == 0 || snowflake::timestamp_of(id) == instant, "ids begin with their time");
    id
}

/// Forgets a page of drafts that are too old; says whether there may be more.
async fn forget_drafts(store: &Store, cx: &Cx) -> Result<bool, Error> {
    let old = drafts::expired(store, cx.now, PAGE).await?;
    let commit =
        old.iter().fold(Commit::new(), |commit, (id, version)| commit.write(drafts::delete_version(*id, *version)));
    if !old.is_empty() {
        store.commit(cx, commit).await?;
    }
    Ok(i64::try_from(old.len()).unwrap_or(i64::MAX) == PAGE)
}

/// Forgets a page of carts that nobody has touched for long; says whether there may be more.
async fn forget_carts(app: &App, cx: &Cx) -> Result<bool, Error> {
    let store = &app.deps.store;
    let old = carts::untouched_since(store, cx.now.minus(app.deps.config.cart_ttl), PAGE).await?;
    let commit = old.iter().fold(Commit::new(), |commit, cart| commit.write(carts::take_away(cart)));
    if !old.is_empty() {
        store.commit(cx, commit).await?;
    }
    Ok(i64::try_from(old.len()).unwrap_or(i64::MAX) == PAGE)
}

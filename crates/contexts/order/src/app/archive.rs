//! Retention job: moves orders that ended long ago to the archive (TR-81), and deletes expired drafts and unused carts.

use std::time::Duration;

use pulse_contract::order::v1::OrderState;
use pulse_kernel::snowflake::{self, EPOCH_MS};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Store, StoreError};
use pulse_work::{SweepPage, TimerSweep};

use super::App;
use crate::store::{carts, drafts, orders};

/// The walk over old orders. The position is the ID of the last order of a page. It begins with the oldest order when a
/// process starts.
pub(crate) const SWEEP: TimerSweep = TimerSweep::every("order.sweep", Duration::from_secs(10 * 60))
    .first_after(Duration::from_secs(60))
    .page_pause(Duration::from_secs(1));
/// Maximum number of orders that are read, and of drafts and of carts that are deleted, at once.
const PAGE: i64 = 200;

/// Handles one page.
pub(crate) async fn sweep(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let page = |cx, after| async move {
        let has_more_drafts = purge_drafts(store, &cx).await?;
        let has_more_carts = purge_carts(app, &cx).await?;
        let reached = archive(app, &cx, after).await?;
        let has_more = reached.is_some() || has_more_drafts || has_more_carts;
        Ok(SweepPage { commit: Commit::new(), next: has_more.then(|| reached.unwrap_or(0)) })
    };
    SWEEP.fire(store, due, page).await
}

/// Archives the ended orders of the page behind `after`. Returns the last ID of the page when there may be more pages.
async fn archive(app: &App, cx: &Cx, after: i64) -> Result<Option<i64>, Error> {
    let store = &app.deps.store;
    let ended_before = cx.now.minus(app.deps.config.archive_after);
    let page = orders::page(store, after, first_id_at(ended_before), PAGE).await?;
    let reached = page.last().map(|row| row.id.get());
    let is_full = i64::try_from(page.len()).unwrap_or(i64::MAX) == PAGE;
    let is_over = |state| matches!(state, OrderState::Completed | OrderState::Cancelled);
    for row in page.iter().filter(|row| is_over(row.state) && row.updated_at < ended_before) {
        match store.commit(cx, orders::archive(Commit::new(), row)).await {
            // The order was changed meanwhile, for example by a refund: it stays until the next walk.
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

/// Deletes a page of expired drafts. Returns whether there may be more.
async fn purge_drafts(store: &Store, cx: &Cx) -> Result<bool, Error> {
    let old = drafts::expired(store, cx.now, PAGE).await?;
    let commit =
        old.iter().fold(Commit::new(), |commit, (id, version)| commit.write(drafts::delete_version(*id, *version)));
    if !old.is_empty() {
        store.commit(cx, commit).await?;
    }
    Ok(i64::try_from(old.len()).unwrap_or(i64::MAX) == PAGE)
}

/// Deletes a page of carts that were not changed for a long time. Returns whether there may be more.
async fn purge_carts(app: &App, cx: &Cx) -> Result<bool, Error> {
    let store = &app.deps.store;
    let old = carts::untouched_since(store, cx.now.minus(app.deps.retention.carts), PAGE).await?;
    let commit = old.iter().fold(Commit::new(), |commit, cart| commit.write(carts::delete(cart)));
    if !old.is_empty() {
        store.commit(cx, commit).await?;
    }
    Ok(i64::try_from(old.len()).unwrap_or(i64::MAX) == PAGE)
}

//! Retention job: deletes orders that were placed long ago, with their tickets, page by page.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, snowflake};
use pulse_store::{Commit, DueTimer, StoreError};
use pulse_work::{SweepPage, TimerSweep};

use super::App;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets;

/// The daily walk over all orders. The position is the ID of the last order of a page.
pub(crate) const PURGE: TimerSweep =
    TimerSweep::every("kitchen.purge_orders", Duration::from_secs(86_400)).page_pause(Duration::from_secs(1));
/// Maximum number of orders that are read at once.
const PAGE: i64 = 200;

pub(crate) async fn purge_orders(app: &App, due: &DueTimer) -> Result<(), Error> {
    let page = |cx, position| async move { purge_page(app, &cx, OrderId::new(position)).await };
    PURGE.fire(&app.deps.store, due, page).await
}

/// Deletes the old orders of the page behind `after` that have no open ticket.
async fn purge_page(app: &App, cx: &Cx, after: OrderId) -> Result<SweepPage, Error> {
    let store = &app.deps.store;
    // The ID of an order begins with the time when it was placed.
    let placed_before = cx.now.minus(app.deps.retention.kitchen_orders);
    let page = orders::after(store, after, PAGE).await?;
    let count = page.len();
    let is_full = i64::try_from(count).unwrap_or(i64::MAX) == PAGE;
    let old: Vec<OrderRow> =
        page.into_iter().take_while(|row| snowflake::timestamp_of(row.id.get()) < placed_before).collect();
    let ids: Vec<OrderId> = old.iter().map(|row| row.id).collect();
    let mut open = BTreeSet::new();
    if !ids.is_empty() {
        let states = tickets::states_of(store, &ids).await?;
        open.extend(states.into_iter().filter(|(_, state)| state.is_open()).map(|(order, _)| order));
    }
    for row in old.iter().filter(|row| !open.contains(&row.id)) {
        match store.commit(cx, orders::purge(tickets::purge_of(Commit::new(), row.id), row)).await {
            // A ticket of the order was moved meanwhile: the order stays until the next walk.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let next = ids.last().filter(|_| is_full && old.len() == count).map(|last| last.get());
    Ok(SweepPage { commit: Commit::new(), next })
}

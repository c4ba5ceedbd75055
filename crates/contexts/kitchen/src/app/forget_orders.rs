//! Forgets orders that were made, or cancelled, long ago, with their tickets, a page at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Timestamp, snowflake};
use pulse_store::{Commit, DueTimer, Store, StoreError, Timer};

use super::App;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets;

/// The timer of the next page; there is one. Where it begins is in it.
pub(crate) const FORGET: &str = "kitchen.forget_orders";
/// How many orders are looked at, at once.
const PAGE: i64 = 200;
/// When to go on while there is more.
const AT_ONCE: Duration = Duration::from_secs(1);
/// When to begin again after everything was looked at.
const EVERY: Duration = Duration::from_secs(86_400);

fn next(due_at: Timestamp, after: i64) -> Timer {
    Timer { kind: FORGET, key: 0, due_at, payload: after.to_be_bytes().to_vec().into() }
}

/// Sets the first timer of a process.
pub(crate) async fn start_forgetting(store: &Store) -> Result<(), Error> {
    let now = store.clock().now();
    Ok(store.commit(&Cx::system(FORGET, now), Commit::new().timer(next(now.plus(EVERY), 0))).await?)
}

pub(crate) async fn forget_orders(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(FORGET, store.clock().now());
    let after = due.payload.as_ref().try_into().map_or(0, i64::from_be_bytes);
    let timer = match forget_page(app, &cx, OrderId::new(after)).await? {
        Some(reached) => next(cx.now.plus(AT_ONCE), reached.get()),
        None => next(cx.now.plus(EVERY), 0),
    };
    match store.commit(&cx, Commit::new().fired(due).timer(timer)).await {
        Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Forgets what is over among the next page of old orders; says where to go on, if anywhere.
async fn forget_page(app: &App, cx: &Cx, after: OrderId) -> Result<Option<OrderId>, Error> {
    let store = &app.deps.store;
    // The id of an order begins with the time when it was placed.
    let placed_before = cx.now.minus(app.deps.config.keep_for);
    let page = orders::after(store, after, PAGE).await?;
    let is_full = i64::try_from(page.len()).unwrap_or(i64::MAX) == PAGE;
    let count = page.len();
    let old: Vec<OrderRow> =
        page.into_iter().take_while(|row| snowflake::timestamp_of(row.id.get()) < placed_before).collect();
    let ids: Vec<OrderId> = old.iter().map(|row| row.id).collect();
    let mut open = BTreeSet::new();
    if !ids.is_empty() {
        let states = tickets::states_of(store, &ids).await?;
        let is_open = |state: i32| tickets::state(state).is_none_or(|state| state.is_open());
        open.extend(states.into_iter().filter(|(_, state)| is_open(*state)).map(|(order, _)| order));
    }
    for row in old.iter().filter(|row| !open.contains(&row.id.get())) {
        match store.commit(cx, orders::forget(tickets::forget_of(Commit::new(), row.id), row)).await {
            // Somebody takes a ticket of it back just now.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ids.last().copied().filter(|_| is_full && old.len() == count))
}

//! Keeps the lists: brings them up to date for every event of this context, many at a time.
//!
//! An event only says which order has changed; what the list shows follows from the order itself. So events may come
//! twice, late, or in any order. An event is acknowledged after the batch that it went into is committed; one that is
//! lost on the way comes again.

use std::collections::BTreeSet;

use pulse_bus::{Consumer, Delivery};
use pulse_contract::errors;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Store};
use tokio::sync::{mpsc, oneshot};

use crate::app::view;
use crate::store::{list, orders};

/// How many events go into one batch, and how many wait for one.
const EVENTS_MAX: usize = 256;

/// An event that waits, and whom to tell when it is taken in.
struct Waiting {
    order_id: i64,
    seq: i64,
    occurred_at: Timestamp,
    written: oneshot::Sender<Result<(), Error>>,
}

/// The keeper. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ListKeeper {
    changes: mpsc::Sender<Waiting>,
}

impl ListKeeper {
    /// Starts the task that writes batches; it ends when the last clone is dropped.
    pub(crate) fn start(store: Store) -> Self {
        let (changes, waiting) = mpsc::channel(EVENTS_MAX);
        tokio::spawn(write_batches(store, waiting));
        Self { changes }
    }

    /// Hears of every change of every order.
    pub(crate) fn consumer(&self) -> Consumer {
        let keeper = self.clone();
        Consumer::named("order.lists")
            .on_context("order", move |_cx: Cx, delivery: Delivery| {
                let keeper = keeper.clone();
                async move { keeper.take_in(&delivery).await }
            })
            .concurrency(EVENTS_MAX)
    }

    /// Puts the event into the next batch and waits until it is written. There is nothing to remember in an inbox:
    /// bringing an order up to date twice is bringing it up to date once.
    async fn take_in(&self, delivery: &Delivery) -> Result<(), Error> {
        let (written, outcome) = oneshot::channel();
        let ended = || errors::DRAINING.error("the lists are not kept any more");
        let event = &delivery.event;
        let waiting = Waiting { order_id: event.key, seq: event.seq, occurred_at: event.occurred_at, written };
        self.changes.send(waiting).await.map_err(|_unsent| ended())?;
        outcome.await.map_err(|gone| ended().caused_by(gone))?
    }
}

async fn write_batches(store: Store, mut changes: mpsc::Receiver<Waiting>) {
    // Of batches that failed: the list must not claim to be further than these.
    let mut behind: BTreeSet<i64> = BTreeSet::new();
    let mut batch = Vec::with_capacity(EVENTS_MAX);
    while changes.recv_many(&mut batch, EVENTS_MAX).await > 0 {
        behind.extend(batch.iter().map(|change| change.order_id));
        let newest = batch.iter().max_by_key(|change| change.seq).map(|change| (change.seq, change.occurred_at));
        let cx = Cx::system("order.lists", store.clock().now());
        let ids: Vec<i64> = behind.iter().copied().collect();
        let outcome = bring_up(&store, &cx, &ids, newest).await;
        if outcome.is_ok() {
            behind.clear();
        }
        for change in batch.drain(..) {
            let told = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => {
                    Err(errors::STORE_UNAVAILABLE.error("the lists could not be written").caused_by(error.report()))
                }
            };
            // Nobody listens any more when the delivery was given up; it comes again.
            change.written.send(told).unwrap_or_default();
        }
    }
}

/// How many orders one commit brings up to date.
const ROWS_MAX: usize = 1_000;

/// Brings these orders up to date in the list, then notes how far it has come.
async fn bring_up(store: &Store, cx: &Cx, ids: &[i64], newest: Option<(i64, Timestamp)>) -> Result<(), Error> {
    let mut chunks = ids.chunks(ROWS_MAX).peekable();
    while let Some(chunk) = chunks.next() {
        let progress = newest.filter(|_| chunks.peek().is_none());
        store
            .attempt(cx, || async {
                let (old, truth) = (list::by_ids(store, chunk).await?, orders::by_ids(store, chunk).await?);
                let is_news = |row: &orders::OrderRow| {
                    let known = old.iter().find(|old| old.order_id == row.id.get());
                    known.is_none_or(|known| known.version < row.version)
                };
                let new: Vec<_> = truth.iter().filter(|row| is_news(row)).map(view::list_row).collect();
                let commit = list::replace(Commit::new(), &old, &new);
                let commit = match progress {
                    Some((seq, occurred_at)) => list::advance(commit, seq, occurred_at),
                    None => commit,
                };
                Ok(store.commit(cx, commit).await?)
            })
            .await?;
    }
    Ok(())
}

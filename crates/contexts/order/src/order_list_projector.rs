//! Projects orders into the order lists, many events at a time.
//!
//! An event says only which order has changed; the list entry follows from the order itself. So events may arrive twice,
//! late, or in any order. An event is acknowledged after its batch is committed; a lost one is delivered again.

use std::collections::BTreeSet;

use pulse_bus::{Consumer, Delivery};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Store};
use pulse_work::{Batcher, BatcherOptions, Executor, Group, Worker};

use crate::app::view;
use crate::store::{list, orders};

/// Name of the consumer.
const CONSUMER: &str = "order.lists";
/// Maximum number of events of a batch, and of queued events.
const EVENTS_MAX: usize = 256;
/// Maximum number of orders that one commit projects.
const ROWS_MAX: usize = 1_000;

/// The projector. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct OrderListProjector {
    changes: Batcher<Change, ()>,
}

/// An event of an order.
struct Change {
    order_id: OrderId,
    seq: i64,
    occurred_at: Timestamp,
}

impl OrderListProjector {
    /// Starts the worker, which ends when the last clone is dropped.
    pub(crate) fn start(store: Store) -> Self {
        let options = BatcherOptions::new(CONSUMER, EVENTS_MAX, EVENTS_MAX);
        Self { changes: Batcher::start(options, ProjectionWorker { store, unprojected: BTreeSet::new() }) }
    }

    /// Consumes every event of every order.
    pub(crate) fn consumer(&self) -> Consumer {
        let changes = self.changes.clone();
        Consumer::named(CONSUMER)
            .on_context("order", move |_cx: Cx, delivery: Delivery| {
                let changes = changes.clone();
                let event = &delivery.event;
                let change =
                    Change { order_id: OrderId::new(event.key), seq: event.seq, occurred_at: event.occurred_at };
                // No inbox entry: to project an order twice has the effect of once.
                async move { changes.call(change).await }
            })
            .concurrency(EVENTS_MAX)
    }
}

/// Writes batches of changes.
struct ProjectionWorker {
    store: Store,
    /// Orders of failed batches. The progress of the lists must not pass their events.
    unprojected: BTreeSet<OrderId>,
}

impl Worker for ProjectionWorker {
    type Job = Change;
    type Outcome = ();

    async fn handle(&mut self, changes: &mut Group<Change, ()>) {
        changes.execute(self).await;
    }
}

impl Executor for ProjectionWorker {
    async fn execute(&mut self, changes: &[Change]) -> Result<Vec<()>, Error> {
        self.unprojected.extend(changes.iter().map(|change| change.order_id));
        let newest = changes.iter().max_by_key(|change| change.seq).map(|change| (change.seq, change.occurred_at));
        let cx = Cx::system(CONSUMER, self.store.clock().now());
        let ids: Vec<OrderId> = self.unprojected.iter().copied().collect();
        project(&self.store, &cx, &ids, newest).await?;
        self.unprojected.clear();
        Ok(vec![(); changes.len()])
    }
}

/// Projects these orders, then records the progress of the lists.
async fn project(store: &Store, cx: &Cx, ids: &[OrderId], newest: Option<(i64, Timestamp)>) -> Result<(), Error> {
    let mut chunks = ids.chunks(ROWS_MAX).peekable();
    while let Some(chunk) = chunks.next() {
        let progress = newest.filter(|_| chunks.peek().is_none());
        store
            .attempt(cx, || async {
                let (old, truth) = (list::by_ids(store, chunk).await?, orders::by_ids(store, chunk).await?);
                let is_newer = |row: &orders::OrderRow| {
                    let known = old.iter().find(|old| old.order_id == row.id);
                    known.is_none_or(|known| known.version < row.version)
                };
                let new: Vec<_> = truth.iter().filter(|row| is_newer(row)).map(view::list_row).collect();
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

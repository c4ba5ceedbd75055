//! Projects changed supplier items into the item list: after a window, or as soon as enough items have changed.
//!
//! An event contains up to 1,000 items. It is acknowledged after its batch is committed; a lost one is delivered again,
//! and to list an item twice has the effect of once. So no change is lost in a crash (TR-80).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_bus::{Consumer, Delivery};
use pulse_contract::shop::v1::SupplierItemsChanged;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Store};
use pulse_work::{Batcher, BatcherOptions, Executor, Group, Linger, Worker};

use crate::store::items;

/// Name of the consumer.
const CONSUMER: &str = "shop.item_list";
/// Maximum number of events of a batch, and of queued events.
const EVENTS_MAX: usize = 256;
/// Maximum number of items that one commit lists.
const ROWS_MAX: usize = 5_000;

/// The projector. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SupplierItemProjector {
    changes: Batcher<Change, ()>,
    as_of: Arc<RwLock<Option<Timestamp>>>,
}

/// Items of one event.
struct Change {
    item_ids: Vec<i64>,
    queued_at: Timestamp,
}

impl SupplierItemProjector {
    /// Starts the worker, which ends when the last clone is dropped. A batch is written `window` after its first change by
    /// the node's clock, or as soon as it has `items_max` items.
    pub(crate) fn start(store: Store, window: Duration, items_max: usize) -> Self {
        let (clock, weight) = (store.clock().clone(), |change: &Change| change.item_ids.len());
        let options = BatcherOptions::new(CONSUMER, EVENTS_MAX, EVENTS_MAX).linger(Linger {
            clock,
            window,
            weight,
            weight_max: items_max,
        });
        let as_of = Arc::<RwLock<Option<Timestamp>>>::default();
        let worker = ProjectionWorker { store, as_of: Arc::clone(&as_of) };
        Self { changes: Batcher::start(options, worker), as_of }
    }

    /// Instant up to which this process knows that the list contains all changes.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        *self.as_of.read()
    }

    /// Consumes changes of supplier items.
    pub(crate) fn consumer(&self, store: &Store) -> Consumer {
        let (changes, store) = (self.changes.clone(), store.clone());
        Consumer::named(CONSUMER)
            .on(move |cx: Cx, delivery: Delivery, event: SupplierItemsChanged| {
                let (changes, store) = (changes.clone(), store.clone());
                async move {
                    changes.call(Change { item_ids: event.item_ids, queued_at: store.clock().now() }).await?;
                    Ok(delivery.commit(&store, &cx, Commit::new()).await?)
                }
            })
            .concurrency(EVENTS_MAX)
    }
}

/// Writes batches of changes.
struct ProjectionWorker {
    store: Store,
    as_of: Arc<RwLock<Option<Timestamp>>>,
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
        let item_ids: BTreeSet<i64> = changes.iter().flat_map(|change| &change.item_ids).copied().collect();
        let item_ids: Vec<i64> = item_ids.into_iter().collect();
        for ids in item_ids.chunks(ROWS_MAX) {
            let rows = items::by_ids(&self.store, ids).await?;
            let cx = Cx::system(CONSUMER, self.store.clock().now());
            self.store.commit(&cx, items::list(Commit::new(), &rows)).await?;
        }
        // Later changes may wait for the next batch.
        *self.as_of.write() = changes.first().map(|change| change.queued_at);
        Ok(vec![(); changes.len()])
    }
}

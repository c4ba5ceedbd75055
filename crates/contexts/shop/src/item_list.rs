//! Brings the list of suppliers' items up to date: every few seconds or every so many changes, whichever comes first.
//!
//! Changes come by events, each with up to a thousand items. An event is acknowledged after the batch that it went into
//! is committed; one that is lost on the way comes again, and listing an item twice is listing it once. So no change is
//! lost in a crash (TR-80).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_bus::{Consumer, Delivery};
use pulse_contract::errors;
use pulse_contract::shop::v1::SupplierItemsChanged;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Store};
use tokio::sync::{mpsc, oneshot};

use crate::store::items;

/// When a batch is written.
#[derive(Clone, Copy, Debug)]
pub struct ItemListConfig {
    /// The longest time that a change waits for others. By the node's clock.
    pub window: Duration,
    /// How many changed items are enough.
    pub items_max: usize,
}

impl Default for ItemListConfig {
    fn default() -> Self {
        Self { window: Duration::from_secs(2), items_max: 2_000 }
    }
}

/// How many events may wait for the same batch.
const EVENTS_MAX: usize = 256;

/// A change that waits, and whom to tell when it is written.
struct Waiting {
    item_ids: Vec<i64>,
    written: oneshot::Sender<Result<(), Error>>,
}

/// The list. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ItemList {
    changes: mpsc::Sender<Waiting>,
    as_of: Arc<RwLock<Option<Timestamp>>>,
}

impl ItemList {
    /// Starts the task that writes batches; it ends when the last clone is dropped.
    pub(crate) fn start(store: Store, config: ItemListConfig) -> Self {
        let (changes, waiting) = mpsc::channel(EVENTS_MAX);
        let list = Self { changes, as_of: Arc::default() };
        tokio::spawn(write_batches(store, config, waiting, Arc::clone(&list.as_of)));
        list
    }

    /// Up to when changes are in the list, as far as this process knows.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        *self.as_of.read()
    }

    /// Hears of changes.
    pub(crate) fn consumer(&self, store: &Store) -> Consumer {
        let (list, store) = (self.clone(), store.clone());
        Consumer::named("shop.item_list")
            .on(move |cx: Cx, delivery: Delivery, event: SupplierItemsChanged| {
                let (list, store) = (list.clone(), store.clone());
                async move {
                    list.write(event.item_ids).await?;
                    Ok(delivery.commit(&store, &cx, Commit::new()).await?)
                }
            })
            .concurrency(EVENTS_MAX)
    }

    /// Puts a change into the next batch and waits until it is written.
    async fn write(&self, item_ids: Vec<i64>) -> Result<(), Error> {
        let (written, outcome) = oneshot::channel();
        let ended = || errors::DRAINING.error("the list is not kept any more");
        self.changes.send(Waiting { item_ids, written }).await.map_err(|_unsent| ended())?;
        outcome.await.map_err(|gone| ended().caused_by(gone))?
    }
}

async fn write_batches(
    store: Store,
    config: ItemListConfig,
    mut changes: mpsc::Receiver<Waiting>,
    as_of: Arc<RwLock<Option<Timestamp>>>,
) {
    while let Some(first) = changes.recv().await {
        let begun = store.clock().now();
        let batch = collect(&store, config, &mut changes, first, begun).await;
        let item_ids: BTreeSet<i64> = batch.iter().flat_map(|change| &change.item_ids).copied().collect();
        let outcome = write(&store, item_ids.into_iter().collect()).await;
        if outcome.is_ok() {
            *as_of.write() = Some(begun);
        }
        for change in batch {
            let told = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => {
                    Err(errors::STORE_UNAVAILABLE.error("the list could not be written").caused_by(error.report()))
                }
            };
            // Nobody listens any more when the delivery was given up; it comes again.
            change.written.send(told).unwrap_or_default();
        }
    }
}

/// Waits for more until the window closes or there is enough.
async fn collect(
    store: &Store,
    config: ItemListConfig,
    changes: &mut mpsc::Receiver<Waiting>,
    first: Waiting,
    begun: Timestamp,
) -> Vec<Waiting> {
    let mut count = first.item_ids.len();
    let mut batch = vec![first];
    let closes = store.clock().sleep_until(begun.plus(config.window));
    let mut closes = std::pin::pin!(closes);
    while count < config.items_max && batch.len() < EVENTS_MAX {
        tokio::select! {
            () = &mut closes => break,
            change = changes.recv() => match change {
                Some(change) => {
                    count += change.item_ids.len();
                    batch.push(change);
                }
                None => break,
            },
        }
    }
    batch
}

async fn write(store: &Store, item_ids: Vec<i64>) -> Result<(), Error> {
    for ids in item_ids.chunks(ROWS_MAX) {
        let rows = items::by_ids(store, ids).await?;
        let cx = Cx::system("shop.item_list", store.clock().now());
        store.commit(&cx, items::list(Commit::new(), &rows)).await?;
    }
    Ok(())
}

/// How many rows one commit lists.
const ROWS_MAX: usize = 5_000;

//! Index of shops by position, in memory: nearest first, page by page.
//!
//! The result equals a scan of all shops with [`geo::distance_mm`](super::geo::distance_mm), everywhere on the earth.
//! Searches never wait: they read a snapshot, and a change copies the few nodes that it touches.

mod query;
mod search;
mod shop_point;
mod tree;
mod trees;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pulse_kernel::id::ShopId;

use super::hours::Schedule;
pub use query::{Cursor, Hit, LIMIT_MAX, NotACursor, Page, Query, RADIUS_M_MAX};
pub use shop_point::ShopPoint;
use trees::Trees;

/// A change of the index.
#[derive(Clone, Debug)]
pub enum Change {
    /// The shop is new or was changed.
    Put(ShopPoint),
    /// The shop is removed.
    Remove(ShopId),
}

/// Index of all shops by position. Share it behind an [`Arc`].
#[derive(Debug, Default)]
pub struct NearbyIndex {
    current: ArcSwap<Trees>,
    writer: Mutex<Writer>,
}

/// State that only changes use.
#[derive(Debug, Default)]
struct Writer {
    trees: Trees,
    shops: HashMap<ShopId, Arc<ShopPoint>>,
    /// One copy of each schedule; most shops of a city have the same hours.
    schedules: HashSet<Arc<Schedule>>,
    /// Number of schedules at which unused ones are removed.
    schedules_until_sweep: usize,
}

impl NearbyIndex {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies changes in order; searches see all of them or none.
    ///
    /// One call with many changes is much cheaper than many calls. Concurrent calls wait, searches do not.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) {
        let mut writer = self.writer.lock();
        for change in changes {
            writer.apply(change);
        }
        self.current.store(Arc::new(writer.trees.clone()));
    }

    /// Returns the page of the query; `view` converts each hit.
    pub fn search<T>(&self, query: &Query, view: impl FnMut(Hit, &ShopPoint) -> T) -> Page<T> {
        search::search(&self.current.load(), query, view)
    }

    /// Number of shops.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writer.lock().shops.len()
    }

    /// Whether the index is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Writer {
    fn apply(&mut self, change: Change) {
        let (id, shop) = match change {
            Change::Put(shop) => (shop.id, Some(shop)),
            Change::Remove(id) => (id, None),
        };
        if let Some(old) = self.shops.remove(&id) {
            self.trees.remove(&old);
        }
        if let Some(mut shop) = shop {
            shop.schedule = shop.schedule.take().map(|schedule| self.shared(schedule));
            let shop = Arc::new(shop);
            self.trees.insert(&shop);
            self.shops.insert(id, shop);
        }
    }

    fn shared(&mut self, schedule: Arc<Schedule>) -> Arc<Schedule> {
        if let Some(shared) = self.schedules.get(&schedule) {
            return Arc::clone(shared);
        }
        if self.schedules.len() >= self.schedules_until_sweep {
            self.schedules.retain(|schedule| Arc::strong_count(schedule) > 1);
            self.schedules_until_sweep = (self.schedules.len() * 2).max(SWEEP_MIN);
        }
        self.schedules.insert(Arc::clone(&schedule));
        schedule
    }
}

/// Minimum number of schedules at which unused ones are removed.
const SWEEP_MIN: usize = 1_024;

#[cfg(test)]
mod tests;

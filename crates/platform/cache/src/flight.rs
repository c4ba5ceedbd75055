//! Loads and writes under way: at most one load per key, and who may store what it found.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pulse_kernel::Error;
use tokio::sync::watch;

/// What a load found, for everybody who waits for it; `None` while it runs.
pub(crate) type Outcome<V> = Option<Result<Option<V>, Arc<Error>>>;

/// A load under way.
pub(crate) struct Flight<V> {
    pub(crate) number: u64,
    pub(crate) outcome: watch::Receiver<Outcome<V>>,
}

/// What happens to one key just now.
pub(crate) struct Work<V> {
    /// The load that may store its result. A load that was outdated by a write is not here any more.
    pub(crate) flight: Option<Flight<V>>,
    /// How many writes through the cache are under way.
    pub(crate) writers: u32,
    /// Whether two writes met: then nobody knows whose value is the last one, and none is stored.
    pub(crate) is_contested: bool,
}

impl<V> Work<V> {
    const fn idle() -> Self {
        Self { flight: None, writers: 0, is_contested: false }
    }

    /// Whether a load was under way; what it finds belongs to its callers and to nobody else.
    pub(crate) fn outdate(&mut self) -> bool {
        self.flight.take().is_some()
    }
}

/// The work of one key and its neighbours. Entries are stored and removed only while it is locked.
pub(crate) type Lane<K, V> = HashMap<K, Work<V>>;

/// Only misses and writes come here, so a few locks are enough.
const LANES: usize = 64;

/// The work of all keys.
pub(crate) struct Lanes<K, V> {
    lanes: Box<[Mutex<Lane<K, V>>]>,
    hasher: RandomState,
    flight_next: AtomicU64,
}

impl<K: Hash + Eq, V> Lanes<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: std::iter::repeat_with(Mutex::default).take(LANES).collect(),
            hasher: RandomState::new(),
            flight_next: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Lane<K, V>> {
        let index = usize::try_from(self.hasher.hash_one(key) & 0xffff).unwrap_or(0) % LANES;
        self.lanes[index].lock()
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.flight_next.fetch_add(1, Ordering::Relaxed)
    }
}

/// The work of `key`, idle when there is none yet. Call [`tidy`] when it may be idle again.
pub(crate) fn work<K: Hash + Eq, V>(lane: &mut Lane<K, V>, key: K) -> &mut Work<V> {
    lane.entry(key).or_insert_with(Work::idle)
}

/// Forgets the work of `key` when there is none left.
pub(crate) fn tidy<K: Hash + Eq, V>(lane: &mut Lane<K, V>, key: &K) {
    if lane.get(key).is_some_and(|work| work.flight.is_none() && work.writers == 0) {
        lane.remove(key);
    }
}

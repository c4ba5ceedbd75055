//! Cache entries and the weighed map that stores them.

use std::hash::{Hash, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;

use pulse_kernel::Timestamp;

use crate::stats::Meters;

/// The entry of a key. The value is `None` for a key that does not exist in the store.
#[derive(Clone)]
pub(crate) struct Entry<V> {
    pub(crate) value: Option<V>,
    pub(crate) fresh_until: Timestamp,
    pub(crate) stale_until: Timestamp,
}

/// Entries by key, up to the maximum weight. Rarely used entries are evicted first.
pub(crate) type Entries<K, V> = quick_cache::sync::Cache<K, Entry<V>, Weight<K, V>, RandomState, Evictions<K, V>>;

/// An empty map.
pub(crate) fn entries<K, V>(
    expected: u64,
    weight_max: u64,
    weigh: fn(&K, &V) -> u32,
    meters: Arc<Meters>,
) -> Entries<K, V>
where
    K: Hash + Eq,
    V: Clone,
{
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let evictions = Evictions { meters, of: PhantomData };
    Entries::with(expected, weight_max, Weight(weigh), RandomState::new(), evictions)
}

/// The weight of entries.
pub(crate) struct Weight<K, V>(fn(&K, &V) -> u32);

impl<K, V> Clone for Weight<K, V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> quick_cache::Weighter<K, Entry<V>> for Weight<K, V> {
    fn weight(&self, key: &K, entry: &Entry<V>) -> u64 {
        // An entry without weight would never be evicted.
        entry.value.as_ref().map_or(1, |value| u64::from((self.0)(key, value).max(1)))
    }
}

/// Counts evictions.
pub(crate) struct Evictions<K, V> {
    meters: Arc<Meters>,
    of: PhantomData<fn(K, V)>,
}

impl<K, V> Clone for Evictions<K, V> {
    fn clone(&self) -> Self {
        Self { meters: Arc::clone(&self.meters), of: PhantomData }
    }
}

impl<K, V> quick_cache::Lifecycle<K, Entry<V>> for Evictions<K, V> {
    type RequestState = ();

    fn on_evict(&self, _state: &mut (), _key: K, _entry: Entry<V>) {
        self.meters.evictions.count();
    }
}

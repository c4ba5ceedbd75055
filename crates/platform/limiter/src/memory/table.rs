//! A sharded, bounded map of counters, swept when keys are added.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_kernel::Timestamp;

use crate::Key;

/// A counter that becomes equivalent to a new one over time.
pub(super) trait Counter {
    /// Time from which the counter is equivalent to a new one.
    fn idle_at(&self) -> Timestamp;
}

/// Number of locks. With 64 locks and 8 busy cores, one call of eight contends.
const SHARDS: usize = 64;

/// Minimum size of a shard for a sweep.
const SWEEP_KEYS_MIN: usize = 64;

/// Minimum interval between sweeps of a full shard, so that new keys do not cause a scan each.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// A bounded map from keys to counters.
pub(super) struct Table<C> {
    shards: Box<[Shard<C>]>,
    seed: Seed,
    shard_keys_max: usize,
}

// On a cache line of its own, to avoid false sharing.
#[repr(align(64))]
struct Shard<C>(Mutex<Counters<C>>);

struct Counters<C> {
    by_key: HashMap<Key, C, Seed>,
    /// Length at which the shard is swept.
    sweep_at_len: usize,
    /// Earliest time of the next sweep while the shard is full.
    sweep_not_before: Timestamp,
}

impl<C: Counter> Table<C> {
    pub(super) fn new(keys_max: usize) -> Self {
        let seed = Seed::random();
        let shard = || {
            Shard(Mutex::new(Counters {
                by_key: HashMap::with_hasher(seed),
                sweep_at_len: SWEEP_KEYS_MIN,
                sweep_not_before: Timestamp::EPOCH,
            }))
        };
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { shards, seed, shard_keys_max: keys_max.div_ceil(SHARDS) }
    }

    /// Changes the counter of `key`, or a `fresh` one; `None` if the table is full.
    pub(super) fn update<R>(
        &self,
        key: Key,
        now: Timestamp,
        fresh: impl FnOnce() -> C,
        change: impl FnOnce(&mut C) -> R,
    ) -> Option<R> {
        let mut counters = self.shard(key).0.lock();
        if let Some(counter) = counters.by_key.get_mut(&key) {
            return Some(change(counter));
        }
        if !counters.make_room(self.shard_keys_max, now) {
            return None;
        }
        let mut counter = fresh();
        let result = change(&mut counter);
        // A counter that is idle at once, as after a rejection, is not stored.
        if counter.idle_at() > now {
            counters.by_key.insert(key, counter);
        }
        Some(result)
    }

    /// Changes the counter of `key` if it exists.
    pub(super) fn update_known<R>(&self, key: Key, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        self.shard(key).0.lock().by_key.get_mut(&key).map(change)
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        for shard in &self.shards {
            shard.0.lock().sweep(now);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().by_key.len()).sum()
    }

    fn shard(&self, key: Key) -> &Shard<C> {
        // The map uses the lowest and highest bits of the same hash; the shard uses the middle.
        let index = usize::try_from((self.seed.hash_one(key) >> 32) & 0xffff).unwrap_or(0) % SHARDS;
        &self.shards[index]
    }
}

impl<C: Counter> Counters<C> {
    /// Whether one more key fits, after a sweep if necessary.
    fn make_room(&mut self, keys_max: usize, now: Timestamp) -> bool {
        let is_full = self.by_key.len() >= keys_max;
        if (is_full && now >= self.sweep_not_before) || (!is_full && self.by_key.len() >= self.sweep_at_len) {
            self.sweep(now);
        }
        self.by_key.len() < keys_max
    }

    fn sweep(&mut self, now: Timestamp) {
        self.by_key.retain(|_, counter| counter.idle_at() > now);
        let len = self.by_key.len();
        // Doubling keeps the cost of sweeps constant per added key.
        self.sweep_at_len = (len * 2).max(SWEEP_KEYS_MIN);
        self.sweep_not_before = now.plus(SWEEP_INTERVAL);
        if self.by_key.capacity() > self.sweep_at_len * 2 {
            self.by_key.shrink_to(self.sweep_at_len);
        }
    }
}

/// Hashes keys, which are hashes already, with a secret of this process, so that clients cannot choose keys that collide in
/// the map.
#[derive(Clone, Copy)]
struct Seed(u64);

impl Seed {
    fn random() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The multiplier is derived from the golden ratio; both halves of the product are folded.
        let product = u128::from(self.0 ^ value) * 0x9e37_79b9_7f4a_7c15;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = product.to_le_bytes();
        self.0 = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_le_bytes([i, j, k, l, m, n, o, p]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct UntilTen;

    impl Counter for UntilTen {
        fn idle_at(&self) -> Timestamp {
            Timestamp::from_millis(10)
        }
    }

    fn add(table: &Table<UntilTen>, keys: std::ops::Range<u32>, now: i64) -> usize {
        let now = Timestamp::from_millis(now);
        let fits = |n: &u32| table.update(Key::of("test", &n.to_be_bytes()), now, || UntilTen, |_| ()).is_some();
        keys.filter(fits).count()
    }

    #[test]
    fn keys_are_bounded_and_idle_ones_make_room() {
        let table = Table::new(6_400);
        let added = add(&table, 0..100_000, 0);
        assert!(added >= 6_400, "every shard is full after a flood");
        assert_eq!(table.len(), 6_400);
        assert_eq!(add(&table, 200_000..300_000, 9), 0, "no room while all counters are live");
        table.sweep(Timestamp::from_millis(10));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_flood_that_moves_on_is_swept_by_the_next_one() {
        let table = Table::new(1_000_000);
        add(&table, 0..100_000, 0);
        assert_eq!(table.len(), 100_000);
        // Counters added at 10 are idle at once and are not stored, so they trigger no sweep.
        add(&table, 100_000..200_000, 10);
        assert!(table.len() <= 100_000);
    }

    #[test]
    fn shards_share_the_keys_evenly() {
        let table = Table::new(1_000_000);
        add(&table, 0..64_000, 0);
        let sizes: Vec<usize> = table.shards.iter().map(|shard| shard.0.lock().by_key.len()).collect();
        assert!(sizes.iter().all(|size| (800..1_200).contains(size)), "{sizes:?}");
    }
}

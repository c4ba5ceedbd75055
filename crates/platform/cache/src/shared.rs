//! The state that all clones of a cache share, and the rules for storing entries.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pulse_kernel::{Clock, Timestamp};

use crate::entry::{Entries, Entry};
use crate::policy::CachePolicy;
use crate::single_flight::{Shard, Shards};
use crate::stats::Meters;

/// Time for which a stale value is served after a failed refresh, before the next attempt.
const REFRESH_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The entries, and the running loads and writes in shards.
pub(crate) struct Shared<K, V> {
    pub(crate) policy: CachePolicy,
    pub(crate) clock: Clock,
    pub(crate) weigh: fn(&K, &V) -> u32,
    pub(crate) entries: Entries<K, V>,
    pub(crate) shards: Shards<K, V>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) draws: AtomicU64,
}

impl<K, V> Shared<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Marks the running load and writes of `key` as outdated. Returns whether a write is running.
    pub(crate) fn outdate<Q>(&self, shard: &mut Shard<K, V>, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(state) = shard.get_mut(key) else { return false };
        if state.outdate() {
            self.meters.outdated_loads.count();
        }
        state.is_contested |= state.writers > 0;
        state.writers > 0
    }

    /// Stores the value as of the start of its load. The shard of the key is locked.
    pub(crate) fn store(&self, key: K, value: Option<V>, started_at: Timestamp) {
        let weight = value.as_ref().map_or(1, |value| (self.weigh)(&key, value));
        if weight > self.policy.value_weight_max {
            self.meters.oversized.count();
            self.entries.remove(&key);
            return;
        }
        let (ttl, stale) = match value {
            Some(_) => (self.policy.ttl, self.policy.stale_while_revalidate),
            None => (self.policy.null_ttl, Duration::ZERO),
        };
        let fresh_until = started_at.plus(self.policy.jittered(ttl, self.draw()));
        self.entries.insert(key, Entry { value, fresh_until, stale_until: fresh_until.plus(stale) });
    }

    /// Keeps a stale value for a moment longer after a failed refresh. The shard of the key is locked.
    pub(crate) fn postpone(&self, key: &K) {
        let now = self.clock.now();
        if let Some(entry) = self.entries.get(key).filter(|entry| now < entry.stale_until) {
            let fresh_until = now.plus(REFRESH_RETRY_AFTER).min(entry.stale_until);
            self.entries.insert(key.clone(), Entry { fresh_until, ..entry });
        }
    }

    /// A uniformly distributed number, the same in every run: SplitMix64 of a counter. Jitter needs no secret.
    fn draw(&self) -> u32 {
        let step = self.draws.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (step ^ (step >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0)
    }
}

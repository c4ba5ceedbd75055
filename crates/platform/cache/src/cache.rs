//! The cache: reads with single flight, writes, and invalidation.

use std::borrow::Borrow;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use pulse_contract::errors;
use pulse_kernel::{Clock, Error, Timestamp};
use tokio::sync::watch;

use crate::entry;
use crate::failure::share;
use crate::policy::CachePolicy;
use crate::shared::Shared;
use crate::single_flight::{LoadGuard, Outcome, Shards, WriteGuard};
use crate::stats::{CacheStats, Meters};

/// Estimated weight of a value of a weighed cache, in bytes.
const WEIGHT_EXPECTED: u64 = 1_024;

/// A cache of values from a store. Cheap to clone; all clones share one cache.
///
/// `V` should be cheap to clone, such as an `Arc` or `Bytes`. Reads and writes of one key are linearized with the end of its
/// loads. Different keys are independent.
pub struct Cache<K, V> {
    shared: Arc<Shared<K, V>>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache in which each value weighs 1. `name` labels its metrics.
    #[must_use]
    pub fn new(name: &'static str, policy: CachePolicy, clock: Clock) -> Self {
        let values_expected = policy.weight_max;
        Self::build(name, policy, clock, |_, _| 1, values_expected)
    }

    /// A cache whose values have the weight that `weigh` returns, usually their bytes. An absent value weighs 1.
    ///
    /// One value should weigh far less than `weight_max`: the weight is split over several parts, and a value that does not
    /// fit into one part is not stored.
    #[must_use]
    pub fn weighed(name: &'static str, policy: CachePolicy, clock: Clock, weigh: fn(&K, &V) -> u32) -> Self {
        // An estimate that determines the number of parts and of evicted keys that are remembered.
        let values_expected = policy.weight_max.div_ceil(WEIGHT_EXPECTED);
        Self::build(name, policy, clock, weigh, values_expected)
    }

    fn build(
        name: &'static str,
        policy: CachePolicy,
        clock: Clock,
        weigh: fn(&K, &V) -> u32,
        values_expected: u64,
    ) -> Self {
        let meters = Arc::new(Meters::of(name));
        let entries = entry::entries(values_expected, policy.weight_max, weigh, Arc::clone(&meters));
        let shards = Shards::new();
        Self { shared: Arc::new(Shared { policy, clock, weigh, entries, shards, meters, draws: AtomicU64::new(0) }) }
    }

    /// The value of `key`, from the cache or from `load`. `None` when it does not exist.
    ///
    /// Concurrent misses of one key share one load. It runs in a task of its own and continues when a caller stops waiting.
    /// A fresh value needs no load. A stale value is served immediately while one load refreshes it. Cancel-safe.
    ///
    /// # Errors
    /// Errors of the load, the same for all its callers and never cached; `DEADLINE_EXCEEDED` when the load takes longer
    /// than the policy allows; `INTERNAL` when it panics.
    pub async fn get_or_load<Q, F, Fut>(&self, key: &Q, load: F) -> Result<Option<V>, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        match self.look_up(key, load) {
            Lookup::Found(value) => Ok(value),
            Lookup::Wait(outcome) => result_of(outcome).await,
        }
    }

    /// As [`Cache::get_or_load`], for a caller that waits until `deadline` at most. The load continues for other callers.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`], and `DEADLINE_EXCEEDED` at the deadline.
    pub async fn get_or_load_until<Q, F, Fut>(&self, key: &Q, deadline: Timestamp, load: F) -> Result<Option<V>, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let outcome = match self.look_up(key, load) {
            Lookup::Found(value) => return Ok(value),
            Lookup::Wait(outcome) => outcome,
        };
        tokio::select! {
            biased;
            result = result_of(outcome) => result,
            () = self.shared.clock.sleep_until(deadline) => Err(errors::DEADLINE_EXCEEDED.error("the load did not end before the deadline")),
        }
    }

    /// Removes the entry of `key`. Call it after the commit that changed the value.
    ///
    /// A running load still answers its callers, but its result is not stored, and the next caller starts a new load. So
    /// reads after this call see everything that was committed before it.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut shard = self.shared.shards.lock(key);
        let is_written = self.shared.outdate(&mut shard, key);
        if !is_written {
            shard.remove(key);
        }
        self.shared.entries.remove(key);
    }

    /// Stores a value that was just committed, or `None` for one that was deleted.
    ///
    /// Concurrent puts are stored in the order of the calls. Where the order of the commits may differ, use
    /// [`Cache::write`] or [`Cache::invalidate`].
    pub fn put(&self, key: K, value: Option<V>) {
        let started_at = self.shared.clock.now();
        let mut shard = self.shared.shards.lock(&key);
        if self.shared.outdate(&mut shard, &key) {
            self.shared.entries.remove(&key);
            return;
        }
        shard.remove(&key);
        self.shared.store(key, value, started_at);
    }

    /// Writes through (PL-31): runs `write` and stores the value that it returns.
    ///
    /// The write runs in a task of its own and ends even if the caller stops waiting. The entry is removed when the write
    /// fails, because its outcome is unknown, and when two writes of one key overlap, because the order of their commits is
    /// unknown.
    ///
    /// # Errors
    /// Errors of the write; `INTERNAL` when it panics.
    pub async fn write<Fut>(&self, key: K, write: Fut) -> Result<Option<V>, Error>
    where
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let writing = WriteGuard::begin(&self.shared, key);
        let task = tokio::spawn(async move {
            let result = write.await;
            writing.end(result.as_ref().ok().cloned());
            result
        });
        task.await.unwrap_or_else(|panic| Err(errors::INTERNAL.error("the write panicked").caused_by(panic)))
    }

    /// Statistics since the cache was created.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let entry_count = u64::try_from(self.shared.entries.len()).unwrap_or(u64::MAX);
        self.shared.meters.read(entry_count, self.shared.entries.weight())
    }

    /// The cached value, or the result of a load to wait for.
    fn look_up<Q, F, Fut>(&self, key: &Q, load: F) -> Lookup<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let (shared, meters) = (&self.shared, &self.shared.meters);
        let now = shared.clock.now();
        let Some(entry) = shared.entries.get(key).filter(|entry| now < entry.stale_until) else {
            meters.misses.count();
            return self.join_or_start(key, now, load);
        };
        if now < entry.fresh_until {
            meters.hits.count();
            if entry.value.is_none() {
                meters.null_hits.count();
            }
        } else {
            meters.stale_served.count();
            self.start_refresh(key, now, load);
        }
        Lookup::Found(entry.value)
    }

    fn join_or_start<Q, F, Fut>(&self, key: &Q, now: Timestamp, load: F) -> Lookup<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let mut shard = self.shared.shards.lock(key);
        // A load may have ended since the first lookup.
        if let Some(entry) = self.shared.entries.get(key).filter(|entry| now < entry.stale_until) {
            self.shared.meters.coalesced.count();
            return Lookup::Found(entry.value);
        }
        if let Some(load) = shard.get(key).and_then(|state| state.load.as_ref()) {
            self.shared.meters.coalesced.count();
            return Lookup::Wait(load.outcome.clone());
        }
        let guard = LoadGuard::prepare(&self.shared, &mut shard, key.to_owned(), now);
        let outcome = guard.outcome.subscribe();
        drop(shard);
        guard.start(load);
        Lookup::Wait(outcome)
    }

    fn start_refresh<Q, F, Fut>(&self, key: &Q, now: Timestamp, load: F)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let mut shard = self.shared.shards.lock(key);
        let is_refreshed = self.shared.entries.get(key).is_some_and(|entry| now < entry.fresh_until);
        if is_refreshed || shard.get(key).is_some_and(|state| state.load.is_some()) {
            return;
        }
        let guard = LoadGuard::prepare(&self.shared, &mut shard, key.to_owned(), now);
        drop(shard);
        guard.start(load);
    }
}

enum Lookup<V> {
    Found(Option<V>),
    Wait(watch::Receiver<Outcome<V>>),
}

async fn result_of<V: Clone>(mut outcome: watch::Receiver<Outcome<V>>) -> Result<Option<V>, Error> {
    let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| (*outcome).clone());
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(share(&error)),
        None => Err(errors::INTERNAL.error("the load panicked")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pulse_kernel::clock::VirtualClock;

    use super::*;

    /// DL-18: 100,000 keys that are stored at the same time expire evenly over the whole jitter.
    #[test]
    fn values_that_were_stored_together_expire_apart() {
        let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::EPOCH));
        let policy = CachePolicy {
            ttl: Duration::from_secs(100),
            jitter_percent: 20,
            weight_max: 200_000,
            ..CachePolicy::default()
        };
        let cache = Cache::new("avalanche", policy, clock);
        for key in 0..100_000_u32 {
            cache.put(key, Some(()));
        }
        let mut histogram = [0_u32; 20];
        for (_, entry) in cache.shared.entries.iter() {
            let after_the_first = entry.fresh_until.as_millis() - 80_000;
            histogram[usize::try_from(after_the_first.div_euclid(1_000).min(19)).unwrap()] += 1;
        }
        assert!(histogram.iter().all(|count| (4_700..5_300).contains(count)), "{histogram:?}");
    }

    #[tokio::test]
    async fn idle_keys_have_no_state() {
        let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::EPOCH));
        let cache: Cache<u32, u32> = Cache::new("idle", CachePolicy::default(), clock);
        for key in 0..100 {
            cache.get_or_load(&key, || async { Ok(Some(1)) }).await.unwrap();
            cache.write(key, async { Ok(Some(2)) }).await.unwrap();
            cache.invalidate(&key);
            cache.get_or_load(&key, || async { panic!("on purpose") }).await.unwrap_err();
        }
        // The task of a panicked load removes its key a moment after its callers got the error.
        for key in 0..100_u32 {
            while !cache.shared.shards.lock(&key).is_empty() {
                tokio::task::yield_now().await;
            }
        }
    }
}

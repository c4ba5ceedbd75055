//! The cache as its callers see it.

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
use crate::flight::{Lanes, Outcome};
use crate::policy::CachePolicy;
use crate::shared::Shared;
use crate::stats::{CacheStats, Meters};
use crate::under_way::{Landing, Writing};

/// What a value of a weighed cache is guessed to weigh, in bytes.
const WEIGHT_EXPECTED: u64 = 1_024;

/// A cache of values that live in a store. Cheap to clone; all clones are the same cache.
///
/// `V` should be cheap to clone, an `Arc` or `Bytes`. Reads and writes of one key are linearized with the end
/// of its loads; different keys know nothing of each other.
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
    /// A cache in which each value weighs 1. The name labels its metrics.
    #[must_use]
    pub fn new(name: &'static str, policy: CachePolicy, clock: Clock) -> Self {
        let values_expected = policy.weight_max;
        Self::build(name, policy, clock, |_, _| 1, values_expected)
    }

    /// A cache whose values weigh what `weigh` says, usually their bytes. An absent value weighs 1.
    ///
    /// A value should weigh far less than all of them together may: the weight is shared out to several parts,
    /// and what does not fit into one part is not kept.
    #[must_use]
    pub fn weighed(name: &'static str, policy: CachePolicy, clock: Clock, weigh: fn(&K, &V) -> u32) -> Self {
        // A guess that decides about the number of parts and about how many evicted keys are remembered.
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
        let lanes = Lanes::new();
        Self { shared: Arc::new(Shared { policy, clock, weigh, entries, lanes, meters, draws: AtomicU64::new(0) }) }
    }

    /// The value of `key`: from the cache, or from `load`; `None` when there is no such thing.
    ///
    /// Simultaneous misses of one key make one load. It runs in its own task, so it goes on when a caller
    /// stops waiting. A fresh value costs no load, a stale one is served at once while one load refreshes it.
    /// Cancel-safe.
    ///
    /// # Errors
    /// Those of the load, the same to everybody who waited for it, and not remembered; `DEADLINE_EXCEEDED` when
    /// the load takes longer than the policy allows; `INTERNAL` when it panics.
    pub async fn get_or_load<Q, F, Fut>(&self, key: &Q, load: F) -> Result<Option<V>, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        match self.look(key, load) {
            Look::Known(value) => Ok(value),
            Look::Wait(outcome) => landed(outcome).await,
        }
    }

    /// Like [`Cache::get_or_load`], for a caller that waits no longer than until `deadline`. The load goes on
    /// for the others, and for the next one who asks.
    ///
    /// # Errors
    /// As above, and `DEADLINE_EXCEEDED` at the deadline.
    pub async fn get_or_load_until<Q, F, Fut>(&self, key: &Q, deadline: Timestamp, load: F) -> Result<Option<V>, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let outcome = match self.look(key, load) {
            Look::Known(value) => return Ok(value),
            Look::Wait(outcome) => outcome,
        };
        tokio::select! {
            biased;
            result = landed(outcome) => result,
            () = self.shared.clock.sleep_until(deadline) => Err(errors::DEADLINE_EXCEEDED.error("the data did not come in time")),
        }
    }

    /// Forgets `key`. Call it after the commit that changed it.
    ///
    /// A load under way still answers those who wait for it, but is not stored, and the next caller starts a
    /// new one: who asks after this call returned sees what was committed before it.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut lane = self.shared.lanes.lock(key);
        let is_written = self.shared.outdate(&mut lane, key);
        if !is_written {
            lane.remove(key);
        }
        self.shared.entries.remove(key);
    }

    /// Remembers a value that was just committed, or that there is none any more.
    ///
    /// Two puts that meet are stored in the order of the calls; where that may differ from the order of the
    /// commits, use [`Cache::write`] or [`Cache::invalidate`].
    pub fn put(&self, key: K, value: Option<V>) {
        let began = self.shared.clock.now();
        let mut lane = self.shared.lanes.lock(&key);
        if self.shared.outdate(&mut lane, &key) {
            self.shared.entries.remove(&key);
            return;
        }
        lane.remove(&key);
        self.shared.store(key, value, began);
    }

    /// Writes through: runs `write`, and remembers the value that it returns.
    ///
    /// The write runs in its own task and ends even if the caller stops waiting. When it fails its outcome is
    /// unknown and the key is forgotten; so it is when two writes of one key meet, because nobody can tell here
    /// which one was committed last.
    ///
    /// # Errors
    /// Those of the write; `INTERNAL` when it panics.
    pub async fn write<Fut>(&self, key: K, write: Fut) -> Result<Option<V>, Error>
    where
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let writing = Writing::begin(&self.shared, key);
        let task = tokio::spawn(async move {
            let result = write.await;
            writing.end(result.as_ref().ok().cloned());
            result
        });
        task.await.unwrap_or_else(|panic| Err(errors::INTERNAL.error("the write did not end").caused_by(panic)))
    }

    /// What this cache did so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let entry_count = u64::try_from(self.shared.entries.len()).unwrap_or(u64::MAX);
        self.shared.meters.read(entry_count, self.shared.entries.weight())
    }

    /// The value that is there, or the load that will bring it.
    fn look<Q, F, Fut>(&self, key: &Q, load: F) -> Look<V>
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
        Look::Known(entry.value)
    }

    fn join_or_start<Q, F, Fut>(&self, key: &Q, now: Timestamp, load: F) -> Look<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let mut lane = self.shared.lanes.lock(key);
        // A load may have ended since the first look.
        if let Some(entry) = self.shared.entries.get(key).filter(|entry| now < entry.stale_until) {
            self.shared.meters.coalesced.count();
            return Look::Known(entry.value);
        }
        if let Some(flight) = lane.get(key).and_then(|work| work.flight.as_ref()) {
            self.shared.meters.coalesced.count();
            return Look::Wait(flight.outcome.clone());
        }
        let landing = Landing::prepare(&self.shared, &mut lane, key.to_owned(), now);
        let outcome = landing.outcome.subscribe();
        drop(lane);
        landing.start(load);
        Look::Wait(outcome)
    }

    fn start_refresh<Q, F, Fut>(&self, key: &Q, now: Timestamp, load: F)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        let mut lane = self.shared.lanes.lock(key);
        let is_refreshed = self.shared.entries.get(key).is_some_and(|entry| now < entry.fresh_until);
        if is_refreshed || lane.get(key).is_some_and(|work| work.flight.is_some()) {
            return;
        }
        let landing = Landing::prepare(&self.shared, &mut lane, key.to_owned(), now);
        drop(lane);
        landing.start(load);
    }
}

enum Look<V> {
    Known(Option<V>),
    Wait(watch::Receiver<Outcome<V>>),
}

async fn landed<V: Clone>(mut outcome: watch::Receiver<Outcome<V>>) -> Result<Option<V>, Error> {
    let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| (*outcome).clone());
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(share(&error)),
        None => Err(errors::INTERNAL.error("the load did not end")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pulse_kernel::clock::VirtualClock;

    use super::*;

    /// DL-18: 100,000 keys that are set at once expire evenly over the whole jitter.
    #[test]
    fn what_was_set_at_once_does_not_expire_at_once() {
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
    async fn no_work_is_left_behind() {
        let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::EPOCH));
        let cache: Cache<u32, u32> = Cache::new("tidy", CachePolicy::default(), clock);
        for key in 0..100 {
            cache.get_or_load(&key, || async { Ok(Some(1)) }).await.unwrap();
            cache.write(key, async { Ok(Some(2)) }).await.unwrap();
            cache.invalidate(&key);
            cache.get_or_load(&key, || async { panic!("on purpose") }).await.unwrap_err();
        }
        // The task of a panicked load lets go of its key a moment after its callers heard of it.
        for key in 0..100_u32 {
            while !cache.shared.lanes.lock(&key).is_empty() {
                tokio::task::yield_now().await;
            }
        }
    }
}

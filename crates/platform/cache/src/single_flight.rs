//! Single flight: at most one load per key, and the rule which load or write may store its value.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pulse_contract::errors;
use pulse_kernel::{Error, Timestamp};
use tokio::sync::watch;

use crate::shared::Shared;

/// Result of a load, for all callers that wait for it. `None` while it runs.
pub(crate) type Outcome<V> = Option<Result<Option<V>, Arc<Error>>>;

/// A running load.
pub(crate) struct RunningLoad<V> {
    pub(crate) number: u64,
    pub(crate) outcome: watch::Receiver<Outcome<V>>,
}

/// The running load and writes of one key.
pub(crate) struct KeyState<V> {
    /// The load that may store its result. A load that a write has outdated is removed.
    pub(crate) load: Option<RunningLoad<V>>,
    /// Number of running writes through the cache.
    pub(crate) writers: u32,
    /// Whether two writes overlapped. Their order in the store is unknown then, so no value is stored.
    pub(crate) is_contested: bool,
}

impl<V> KeyState<V> {
    const fn idle() -> Self {
        Self { load: None, writers: 0, is_contested: false }
    }

    /// Prevents a running load from storing its result; its callers still get it. Returns whether a load was running.
    pub(crate) fn outdate(&mut self) -> bool {
        self.load.take().is_some()
    }
}

/// The states of the keys with the same hash bits. Entries of these keys change only while it is locked.
pub(crate) type Shard<K, V> = HashMap<K, KeyState<V>>;

/// Number of shards. Only misses and writes lock one, so few are enough.
const SHARDS: usize = 64;

/// The states of all keys.
pub(crate) struct Shards<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    load_next: AtomicU64,
}

impl<K: Hash + Eq, V> Shards<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
            load_next: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Shard<K, V>> {
        let index = usize::try_from(self.hasher.hash_one(key) & 0xffff).unwrap_or(0) % SHARDS;
        self.shards[index].lock()
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.load_next.fetch_add(1, Ordering::Relaxed)
    }
}

/// The state of `key`; a new idle one when it is missing. Call [`remove_idle`] when it may have become idle.
pub(crate) fn state<K: Hash + Eq, V>(shard: &mut Shard<K, V>, key: K) -> &mut KeyState<V> {
    shard.entry(key).or_insert_with(KeyState::idle)
}

/// Removes the state of `key` when no load and no write runs.
pub(crate) fn remove_idle<K: Hash + Eq, V>(shard: &mut Shard<K, V>, key: &K) {
    if shard.get(key).is_some_and(|state| state.load.is_none() && state.writers == 0) {
        shard.remove(key);
    }
}

/// Guard of a running load. Dropping it without a result, as after a panic or at the end of the runtime, lets the next load
/// start.
pub(crate) struct LoadGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    shared: Arc<Shared<K, V>>,
    key: K,
    number: u64,
    started_at: Timestamp,
    pub(crate) outcome: watch::Sender<Outcome<V>>,
}

impl<K, V> LoadGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn prepare(shared: &Arc<Shared<K, V>>, shard: &mut Shard<K, V>, key: K, started_at: Timestamp) -> Self {
        let (outcome, receiver) = watch::channel(None);
        let number = shared.shards.next_number();
        state(shard, key.clone()).load = Some(RunningLoad { number, outcome: receiver });
        Self { shared: Arc::clone(shared), key, number, started_at, outcome }
    }

    /// Starts the load. No lock may be held, because `load` is code of the caller.
    pub(crate) fn start<Fut>(self, load: impl FnOnce() -> Fut)
    where
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        self.shared.meters.loads.count();
        let future = load();
        tokio::spawn(async move {
            let deadline = self.started_at.plus(self.shared.policy.load_timeout);
            let result = tokio::select! {
                biased;
                result = future => result,
                () = self.shared.clock.sleep_until(deadline) => Err(errors::DEADLINE_EXCEEDED.error("the load took longer than the timeout of the cache")),
            };
            self.finish(result);
        });
    }

    fn finish(self, result: Result<Option<V>, Error>) {
        let shared = &self.shared;
        shared.meters.load_seconds.record(shared.clock.now().since(self.started_at));
        let mut shard = shared.shards.lock(&self.key);
        if self.remove(&mut shard) {
            match &result {
                Ok(value) => shared.store(self.key.clone(), value.clone(), self.started_at),
                Err(_) => shared.postpone(&self.key),
            }
        }
        drop(shard);
        if result.is_err() {
            shared.meters.load_failures.count();
        }
        self.outcome.send_replace(Some(result.map_err(Arc::new)));
    }

    /// Removes this load from its shard. `false` when a write has outdated it.
    fn remove(&self, shard: &mut Shard<K, V>) -> bool {
        let Some(state) = shard.get_mut(&self.key) else { return false };
        let is_current = state.load.as_ref().is_some_and(|load| load.number == self.number);
        if is_current {
            state.load = None;
            remove_idle(shard, &self.key);
        }
        is_current
    }
}

impl<K, V> Drop for LoadGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut shard = self.shared.shards.lock(&self.key);
        self.remove(&mut shard);
    }
}

/// Guard of a running write. Dropping it without a value, as after a panic or at the end of the runtime, removes the
/// entry.
pub(crate) struct WriteGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    shared: Arc<Shared<K, V>>,
    key: K,
    started_at: Timestamp,
    value: Option<Option<V>>,
}

impl<K, V> WriteGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn begin(shared: &Arc<Shared<K, V>>, key: K) -> Self {
        let mut shard = shared.shards.lock(&key);
        let state = state(&mut shard, key.clone());
        state.is_contested |= state.writers > 0;
        state.writers += 1;
        drop(shard);
        Self { shared: Arc::clone(shared), key, started_at: shared.clock.now(), value: None }
    }

    /// Ends the write with the value that is now in the store, or with `None` when that is unknown.
    pub(crate) fn end(mut self, value: Option<Option<V>>) {
        self.value = value;
    }
}

impl<K, V> Drop for WriteGuard<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let shared = &self.shared;
        let mut shard = shared.shards.lock(&self.key);
        let state = state(&mut shard, self.key.clone());
        // A load that ran during the write may have read the old value.
        if state.outdate() {
            shared.meters.outdated_loads.count();
        }
        state.writers = state.writers.saturating_sub(1);
        let is_contested = state.is_contested;
        remove_idle(&mut shard, &self.key);
        match self.value.take() {
            Some(value) if !is_contested => shared.store(self.key.clone(), value, self.started_at),
            _ => {
                shared.entries.remove(&self.key);
            }
        }
    }
}

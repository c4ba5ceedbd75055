//! Loads and writes while they run, each with an end on every path.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use pulse_contract::errors;
use pulse_kernel::{Error, Timestamp};
use tokio::sync::watch;

use crate::flight::{self, Flight, Lane, Outcome};
use crate::shared::Shared;

/// A load that will end, one way or another: dropping it unlanded (a panic, the end of the runtime) makes room
/// for the next one.
pub(crate) struct Landing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    shared: Arc<Shared<K, V>>,
    key: K,
    number: u64,
    began: Timestamp,
    pub(crate) outcome: watch::Sender<Outcome<V>>,
}

impl<K, V> Landing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn prepare(shared: &Arc<Shared<K, V>>, lane: &mut Lane<K, V>, key: K, began: Timestamp) -> Self {
        let (outcome, receiver) = watch::channel(None);
        let number = shared.lanes.next_number();
        flight::work(lane, key.clone()).flight = Some(Flight { number, outcome: receiver });
        Self { shared: Arc::clone(shared), key, number, began, outcome }
    }

    /// Begins the load; no lock may be held, because `load` is the caller's.
    pub(crate) fn start<Fut>(self, load: impl FnOnce() -> Fut)
    where
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        self.shared.meters.loads.count();
        let future = load();
        tokio::spawn(async move {
            let deadline = self.began.plus(self.shared.policy.load_timeout);
            let result = tokio::select! {
                biased;
                result = future => result,
                () = self.shared.clock.sleep_until(deadline) => Err(errors::DEADLINE_EXCEEDED.error("the data did not come in time")),
            };
            self.land(result);
        });
    }

    fn land(self, result: Result<Option<V>, Error>) {
        let shared = &self.shared;
        shared.meters.load_seconds.record(shared.clock.now().since(self.began));
        let mut lane = shared.lanes.lock(&self.key);
        if self.leave(&mut lane) {
            match &result {
                Ok(value) => shared.store(self.key.clone(), value.clone(), self.began),
                Err(_) => shared.postpone(&self.key),
            }
        }
        drop(lane);
        if result.is_err() {
            shared.meters.load_failures.count();
        }
        self.outcome.send_replace(Some(result.map_err(Arc::new)));
    }

    /// Takes this load off its lane; false when a write outdated it.
    fn leave(&self, lane: &mut Lane<K, V>) -> bool {
        let Some(work) = lane.get_mut(&self.key) else { return false };
        let is_current = work.flight.as_ref().is_some_and(|flight| flight.number == self.number);
        if is_current {
            work.flight = None;
            flight::tidy(lane, &self.key);
        }
        is_current
    }
}

impl<K, V> Drop for Landing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut lane = self.shared.lanes.lock(&self.key);
        self.leave(&mut lane);
    }
}

/// A write under way; dropping it (a panic, the end of the runtime) forgets the key.
pub(crate) struct Writing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    shared: Arc<Shared<K, V>>,
    key: K,
    began: Timestamp,
    value: Option<Option<V>>,
}

impl<K, V> Writing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn begin(shared: &Arc<Shared<K, V>>, key: K) -> Self {
        let mut lane = shared.lanes.lock(&key);
        let work = flight::work(&mut lane, key.clone());
        work.is_contested |= work.writers > 0;
        work.writers += 1;
        drop(lane);
        Self { shared: Arc::clone(shared), key, began: shared.clock.now(), value: None }
    }

    /// Ends the write with the value that is now in the store, or with `None` when nobody knows it.
    pub(crate) fn end(mut self, value: Option<Option<V>>) {
        self.value = value;
    }
}

impl<K, V> Drop for Writing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let shared = &self.shared;
        let mut lane = shared.lanes.lock(&self.key);
        let work = flight::work(&mut lane, self.key.clone());
        // What was read while we wrote may be older than what we wrote.
        if work.outdate() {
            shared.meters.outdated_loads.count();
        }
        work.writers = work.writers.saturating_sub(1);
        let is_contested = work.is_contested;
        flight::tidy(&mut lane, &self.key);
        match self.value.take() {
            Some(value) if !is_contested => shared.store(self.key.clone(), value, self.began),
            _ => {
                shared.entries.remove(&self.key);
            }
        }
    }
}

//! Callers that wait for a change of a key.
//!
//! A notification says only that something has changed; what has changed is read from the rows. Changes of other nodes
//! notify nobody here, so every subscriber also reads again after a poll interval.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::{Clock, Error, Timestamp};
use tokio::sync::Notify;

/// Subscribers of this process, by key.
pub struct Watch<K> {
    clock: Clock,
    poll: Duration,
    subscribers_max: usize,
    registry: Mutex<Registry<K>>,
}

struct Registry<K> {
    topics: HashMap<K, (Arc<Topic>, usize)>,
    subscriber_count: usize,
}

/// What the subscribers of one key share.
#[derive(Debug, Default)]
struct Topic {
    /// Number of notifications so far.
    version: AtomicU64,
    changed: Notify,
}

/// One subscriber; dropping it ends the subscription.
pub struct Subscription<K: Eq + Hash> {
    watch: Arc<Watch<K>>,
    key: K,
    topic: Arc<Topic>,
    /// Number of notifications that the last reading includes.
    seen: u64,
    read_at: Timestamp,
}

impl<K: Eq + Hash + Clone> Watch<K> {
    /// At most `subscribers_max` subscribers, which read again `poll` after their last reading, by `clock`.
    #[must_use]
    pub fn new(clock: Clock, poll: Duration, subscribers_max: usize) -> Self {
        let registry = Mutex::new(Registry { topics: HashMap::new(), subscriber_count: 0 });
        Self { clock, poll, subscribers_max, registry }
    }

    /// Adds a subscriber of a key, which gets every notification from here on.
    ///
    /// # Errors
    /// `OVERLOADED` when there are `subscribers_max` subscribers.
    pub fn subscribe(self: &Arc<Self>, key: K) -> Result<Subscription<K>, Error> {
        let mut registry = self.registry.lock();
        if registry.subscriber_count >= self.subscribers_max {
            return Err(errors::OVERLOADED.error("the node has its maximum number of subscribers"));
        }
        registry.subscriber_count += 1;
        let (topic, count) = registry.topics.entry(key.clone()).or_default();
        *count += 1;
        let topic = Arc::clone(topic);
        drop(registry);
        let (seen, read_at) = (topic.version.load(Ordering::Acquire), self.clock.now());
        Ok(Subscription { watch: Arc::clone(self), key, topic, seen, read_at })
    }

    /// Wakes the subscribers of a key. To be called after the change is committed.
    pub fn notify(&self, key: &K) {
        let topic = self.registry.lock().topics.get(key).map(|(topic, _)| Arc::clone(topic));
        if let Some(topic) = topic {
            topic.version.fetch_add(1, Ordering::Release);
            topic.changed.notify_waiters();
        }
    }

    /// Number of subscribers.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.registry.lock().subscriber_count
    }

    /// Number of keys that have subscribers.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.registry.lock().topics.len()
    }
}

impl<K: Eq + Hash> Subscription<K> {
    /// Marks all notifications so far as seen. To be called before the rows are read: a change during the reading then
    /// leads to another reading.
    pub fn begin_read(&mut self) {
        self.seen = self.topic.version.load(Ordering::Acquire);
        self.read_at = self.watch.clock.now();
    }

    /// Waits until the rows are to be read again: when a notification came after [`Subscription::begin_read`], or the
    /// poll interval after it has passed. Returns `false` at `until`, whatever has changed.
    ///
    /// Cancel-safe.
    pub async fn changed(&self, until: Timestamp) -> bool {
        let clock = &self.watch.clock;
        tokio::select! {
            biased;
            () = clock.sleep_until(until) => false,
            () = self.notified() => true,
            () = clock.sleep_until(self.read_at.plus(self.watch.poll)) => true,
        }
    }

    async fn notified(&self) {
        let changed = self.topic.changed.notified();
        let mut changed = std::pin::pin!(changed);
        // Registers for the next notification before the comparison, so that none falls between the two.
        changed.as_mut().enable();
        if self.topic.version.load(Ordering::Acquire) == self.seen {
            changed.await;
        }
    }
}

impl<K: Eq + Hash> Drop for Subscription<K> {
    fn drop(&mut self) {
        let mut registry = self.watch.registry.lock();
        registry.subscriber_count = registry.subscriber_count.saturating_sub(1);
        let left = registry.topics.get_mut(&self.key).map(|(_, count)| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            registry.topics.remove(&self.key);
        }
    }
}

impl<K> fmt::Debug for Watch<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscriber_count = self.registry.lock().subscriber_count;
        f.debug_struct("Watch").field("subscriber_count", &subscriber_count).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash> fmt::Debug for Subscription<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("seen", &self.seen).finish_non_exhaustive()
    }
}

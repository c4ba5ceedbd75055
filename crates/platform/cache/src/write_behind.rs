//! Counters that are written a moment later: many small additions become few rows.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::{Clock, Error};
use tokio::sync::{Notify, oneshot};

/// When additions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBehindPolicy {
    /// **The loss bound.** A process that dies loses the additions of at most this time, and of the time that
    /// the write under way takes. An orderly [`WriteBehind::stop`] loses nothing.
    pub interval: Duration,
    /// With so many keys waiting, a write starts before its time.
    pub keys_flush: usize,
    /// With so many keys waiting (the store does not keep up), further keys are refused with `OVERLOADED`.
    pub keys_max: usize,
}

impl Default for WriteBehindPolicy {
    /// One second, a thousand keys, a hundred thousand keys.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), keys_flush: 1_000, keys_max: 100_000 }
    }
}

/// Additions that are written together.
///
/// A batch whose write failed is tried again unchanged, under the same number, before any later one. A writer
/// that remembers the number in the same transaction therefore counts every addition once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<K> {
    /// Counts from 1 in this process.
    pub number: u64,
    /// What to add to which counter, in the order of the keys; no key comes twice.
    pub additions: Vec<(K, i64)>,
}

impl<K: Ord> Batch<K> {
    fn amount(&self, key: &K) -> i64 {
        let place = self.additions.binary_search_by(|(other, _)| other.cmp(key));
        place.ok().and_then(|place| self.additions.get(place)).map_or(0, |(_, amount)| *amount)
    }
}

type Write<K> = dyn Fn(Arc<Batch<K>>) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync;

/// Collects additions to counters and writes them in batches.
pub struct WriteBehind<K> {
    shared: Arc<Shared<K>>,
    policy: WriteBehindPolicy,
}

struct Shared<K> {
    pending: Mutex<Pending<K>>,
    wake: Notify,
}

struct Pending<K> {
    additions: BTreeMap<K, i64>,
    /// The batch that is being written, so that [`WriteBehind::pending`] sees it.
    writing: Option<Arc<Batch<K>>>,
    batch_next: u64,
    /// Who waits for everything to be written.
    flushes: Vec<oneshot::Sender<Result<(), Arc<Error>>>>,
    is_stopping: bool,
    is_dropped: bool,
}

impl<K> WriteBehind<K>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    /// Starts to collect, and to write with `write`, which must write a whole batch or nothing.
    pub fn start<Fut>(
        policy: WriteBehindPolicy,
        clock: Clock,
        write: impl Fn(Arc<Batch<K>>) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let pending = Pending {
            additions: BTreeMap::new(),
            writing: None,
            batch_next: 1,
            flushes: Vec::new(),
            is_stopping: false,
            is_dropped: false,
        };
        let shared = Arc::new(Shared { pending: Mutex::new(pending), wake: Notify::new() });
        let write: Box<Write<K>> = Box::new(move |batch| Box::pin(write(batch)));
        tokio::spawn(run(Arc::clone(&shared), policy.interval, clock, write));
        Self { shared, policy }
    }

    /// Adds to a counter. It counts for [`WriteBehind::pending`] at once and for the store within the interval.
    ///
    /// # Errors
    /// `OVERLOADED` when too many keys wait already, or after [`WriteBehind::stop`]; nothing was added.
    pub fn add(&self, key: K, amount: i64) -> Result<(), Error> {
        let mut pending = self.shared.pending.lock();
        let is_full = pending.additions.len() >= self.policy.keys_max && !pending.additions.contains_key(&key);
        if pending.is_stopping || is_full {
            return Err(errors::OVERLOADED.error("too many counters wait to be written"));
        }
        let keys_before = pending.additions.len();
        let sum = pending.additions.entry(key).or_insert(0);
        *sum = sum.saturating_add(amount);
        // Once, when the limit is reached: a store that fails is not asked again by every addition.
        if pending.additions.len() > keys_before && pending.additions.len() == self.policy.keys_flush {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// What was added to `key` and is not known to be written yet: add it to what the store says.
    #[must_use]
    pub fn pending(&self, key: &K) -> i64 {
        let pending = self.shared.pending.lock();
        let waiting = pending.additions.get(key).copied().unwrap_or(0);
        let being_written = pending.writing.as_ref().map_or(0, |batch| batch.amount(key));
        waiting.saturating_add(being_written)
    }

    /// Writes everything that was added before this call.
    ///
    /// # Errors
    /// That of the write; it is tried again at the next interval.
    pub async fn flush(&self) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.shared.pending.lock().flushes.push(sender);
        self.shared.wake.notify_one();
        match receiver.await {
            Ok(result) => result.map_err(|error| crate::failure::share(&error)),
            Err(_) => Err(errors::INTERNAL.error("the writer of counters is gone")),
        }
    }

    /// Takes no more, and writes everything that was added. Call it before the store is closed.
    ///
    /// # Errors
    /// That of the write; call it again to try again.
    pub async fn stop(&self) -> Result<(), Error> {
        self.shared.pending.lock().is_stopping = true;
        self.flush().await
    }
}

impl<K> Drop for WriteBehind<K> {
    fn drop(&mut self) {
        // The task ends after one last attempt; who must not lose anything calls `stop` first.
        self.shared.pending.lock().is_dropped = true;
        self.shared.wake.notify_one();
    }
}

async fn run<K>(shared: Arc<Shared<K>>, interval: Duration, clock: Clock, write: Box<Write<K>>)
where
    K: Ord + Clone + Send + Sync + 'static,
{
    loop {
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(interval)) => {}
            () = shared.wake.notified() => {}
        }
        let (flushes, is_dropped) = {
            let mut pending = shared.pending.lock();
            (std::mem::take(&mut pending.flushes), pending.is_dropped)
        };
        let result = write_pending(&shared, &write).await.map_err(Arc::new);
        for flush in flushes {
            // Nobody may wait any more, and then nobody needs to know.
            flush.send(result.clone()).unwrap_or(());
        }
        if is_dropped {
            return;
        }
    }
}

/// Writes the batch that failed before, if there is one, and then everything that waits.
async fn write_pending<K: Ord>(shared: &Shared<K>, write: &Write<K>) -> Result<(), Error> {
    let is_retry = shared.pending.lock().writing.is_some();
    for _ in 0..=u8::from(is_retry) {
        let batch = next_batch(&mut shared.pending.lock());
        let Some(batch) = batch else { break };
        write(batch).await?;
        shared.pending.lock().writing = None;
    }
    Ok(())
}

fn next_batch<K: Ord>(pending: &mut Pending<K>) -> Option<Arc<Batch<K>>> {
    if pending.writing.is_none() {
        let additions: Vec<(K, i64)> =
            std::mem::take(&mut pending.additions).into_iter().filter(|(_, amount)| *amount != 0).collect();
        if !additions.is_empty() {
            pending.writing = Some(Arc::new(Batch { number: pending.batch_next, additions }));
            pending.batch_next += 1;
        }
    }
    pending.writing.clone()
}

//! Write-behind for counters (PL-32): many small additions become few rows.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::{Clock, Error};
use tokio::sync::{Notify, oneshot};

/// Policy of a [`WriteBehind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBehindPolicy {
    /// Interval between two writes, which is the loss bound: a process that is killed loses the additions of this interval
    /// and those of the running write. [`WriteBehind::stop`] loses nothing. Default: 1 s.
    pub interval: Duration,
    /// Number of pending keys at which a write starts early. Default: 1,000.
    pub keys_flush: usize,
    /// Maximum number of pending keys. Further keys are rejected with `OVERLOADED`. Default: 100,000.
    pub keys_max: usize,
}

impl Default for WriteBehindPolicy {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), keys_flush: 1_000, keys_max: 100_000 }
    }
}

/// Additions that are written together.
///
/// A batch whose write failed is retried unchanged, with the same number, before any later one. A writer that stores the
/// number in the same transaction therefore counts every addition once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<K> {
    /// Number of the batch, counted from 1 in this process.
    pub number: u64,
    /// Amount to add to each counter, in the order of the keys. Keys are unique.
    pub additions: Vec<(K, i64)>,
}

impl<K: Ord> Batch<K> {
    fn amount(&self, key: &K) -> i64 {
        let index = self.additions.binary_search_by(|(other, _)| other.cmp(key));
        index.ok().and_then(|index| self.additions.get(index)).map_or(0, |(_, amount)| *amount)
    }
}

type Write<K> = dyn Fn(Arc<Batch<K>>) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync;

/// Collects additions to counters and writes them in batches (PL-32), for example for likes.
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
    /// The batch that is being written; [`WriteBehind::pending`] includes it.
    writing: Option<Arc<Batch<K>>>,
    batch_next: u64,
    /// Callers of [`WriteBehind::flush`].
    flushes: Vec<oneshot::Sender<Result<(), Arc<Error>>>>,
    is_stopping: bool,
    is_dropped: bool,
}

impl<K> WriteBehind<K>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    /// Starts the writer task. `write` must write a whole batch or nothing.
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

    /// Adds to a counter. [`WriteBehind::pending`] includes it immediately, the store within the interval.
    ///
    /// # Errors
    /// `OVERLOADED` when too many keys are pending, and after [`WriteBehind::stop`]. Nothing is added then.
    pub fn add(&self, key: K, amount: i64) -> Result<(), Error> {
        let mut pending = self.shared.pending.lock();
        let is_full = pending.additions.len() >= self.policy.keys_max && !pending.additions.contains_key(&key);
        if pending.is_stopping || is_full {
            return Err(errors::OVERLOADED.error("too many pending counters"));
        }
        let keys_before = pending.additions.len();
        let sum = pending.additions.entry(key).or_insert(0);
        *sum = sum.saturating_add(amount);
        // Only when the limit is reached, so that additions do not retry a failing store.
        if pending.additions.len() > keys_before && pending.additions.len() == self.policy.keys_flush {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Amount that was added to `key` and is not known to be written. The current value is that of the store plus this.
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
    /// Error of the write, which is retried at the next interval.
    pub async fn flush(&self) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.shared.pending.lock().flushes.push(sender);
        self.shared.wake.notify_one();
        match receiver.await {
            Ok(result) => result.map_err(|error| crate::failure::share(&error)),
            Err(_) => Err(errors::INTERNAL.error("the writer task of the counters has ended")),
        }
    }

    /// Rejects further additions and writes all pending ones. Call it before the store is closed.
    ///
    /// # Errors
    /// Error of the write. Call it again to retry.
    pub async fn stop(&self) -> Result<(), Error> {
        self.shared.pending.lock().is_stopping = true;
        self.flush().await
    }
}

impl<K> Drop for WriteBehind<K> {
    fn drop(&mut self) {
        // The task ends after one last attempt. Call `stop` first where nothing may be lost.
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
            // The caller may be gone.
            flush.send(result.clone()).unwrap_or(());
        }
        if is_dropped {
            return;
        }
    }
}

/// Writes the batch that failed before, if any, then all pending additions.
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

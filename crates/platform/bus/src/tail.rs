//! The newest events of an outbox, read once for all consumers of this process.
//!
//! Consumers read an outbox at nearly the same position, so the events that one of them has just read are those that the
//! others need next. Events never change, and none appears between others, so the cached events stay valid.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pulse_store::{Store, StoreError, StoredEvent};
use tokio::sync::Mutex;

/// Maximum number of cached events, and of bytes of their payloads. A consumer further behind reads from the store.
const EVENTS_MAX: usize = 1_024;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Maximum number of events per query.
const READ_MAX: u32 = 256;

/// An outbox and its newest events.
#[derive(Debug)]
pub(crate) struct Tail {
    store: Store,
    recent: Mutex<Recent>,
    /// Number of started reads.
    reads: AtomicU64,
}

/// All events after `after`, up to the last one that was read.
#[derive(Debug, Default)]
struct Recent {
    after: i64,
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
    /// Change counter of the store before the last read. `None` when that read did not reach the end.
    version: Option<u64>,
}

/// Events after a position.
pub(crate) struct Read {
    pub(crate) events: Vec<Arc<StoredEvent>>,
    /// Whether these were all events that were committed when the call began.
    pub(crate) is_end: bool,
}

impl Tail {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, recent: Mutex::default(), reads: AtomicU64::new(0) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// At most `limit` events after `seq`, in order.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub(crate) async fn after(&self, seq: i64, limit: u32) -> Result<Read, StoreError> {
        let reads = self.reads.load(Ordering::Acquire);
        let mut recent = self.recent.lock().await;
        if seq < recent.after {
            drop(recent);
            let events: Vec<_> = self.store.events_after(seq, limit).await?.into_iter().map(Arc::new).collect();
            let is_end = u32::try_from(events.len()).is_ok_and(|count| count < limit);
            return Ok(Read { events, is_end });
        }
        if seq >= recent.end() && !self.is_fresh(&recent, reads) {
            self.read(&mut recent, seq).await?;
        }
        let is_fresh = self.is_fresh(&recent, reads);
        Ok(recent.after(seq, limit, is_fresh))
    }

    /// Whether all events that were committed when the call began are cached: the store has one writer and has not changed
    /// since the last read, or a read to the end started after the call.
    fn is_fresh(&self, recent: &Recent, reads_at_call: u64) -> bool {
        let is_unchanged = !self.store.database().is_shared() && recent.version == Some(self.version());
        is_unchanged || recent.version.is_some() && self.reads.load(Ordering::Acquire) > reads_at_call
    }

    fn version(&self) -> u64 {
        *self.store.watch_events().borrow()
    }

    /// Reads on from `seq`, which is the last cached event or beyond.
    async fn read(&self, recent: &mut Recent, seq: i64) -> Result<(), StoreError> {
        if seq > recent.end() {
            *recent = Recent { after: seq, ..Recent::default() };
        }
        self.reads.fetch_add(1, Ordering::AcqRel);
        let version = self.version();
        // If this future is dropped during the query, the end is unknown.
        recent.version = None;
        let events = self.store.events_after(seq, READ_MAX).await?;
        recent.version = u32::try_from(events.len()).is_ok_and(|count| count < READ_MAX).then_some(version);
        events.into_iter().for_each(|event| recent.push(event));
        Ok(())
    }
}

impl Recent {
    fn end(&self) -> i64 {
        self.events.back().map_or(self.after, |event| event.seq)
    }

    fn push(&mut self, event: StoredEvent) {
        self.bytes += event.payload.len();
        self.events.push_back(Arc::new(event));
        while self.events.len() > EVENTS_MAX || (self.bytes > BYTES_MAX && self.events.len() > 1) {
            if let Some(oldest) = self.events.pop_front() {
                self.bytes -= oldest.payload.len();
                self.after = oldest.seq;
            }
        }
    }

    fn after(&self, seq: i64, limit: u32, is_fresh: bool) -> Read {
        let first = self.events.partition_point(|event| event.seq <= seq);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let events: Vec<_> = self.events.range(first..).take(limit).cloned().collect();
        let is_end = is_fresh && first + events.len() == self.events.len();
        Read { events, is_end }
    }
}

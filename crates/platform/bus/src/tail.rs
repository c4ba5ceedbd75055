//! The newest events of an outbox, read once for all consumers of this process.
//!
//! Consumers follow an outbox at nearly the same place, so the events that one of them has just read are those that the
//! others want next. Events never change and none appears between others, so what was read once stays true.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pulse_store::{Store, StoreError, StoredEvent};
use tokio::sync::Mutex;

/// How many events are remembered, and how many bytes of their payloads: whoever is further behind reads for itself.
const EVENTS_MAX: usize = 1_024;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many events one query reads.
const READ_MAX: u32 = 256;

/// One outbox, and what was read of it lately.
#[derive(Debug)]
pub(crate) struct Tail {
    store: Store,
    recent: Mutex<Recent>,
    /// How many reads have begun.
    reads: AtomicU64,
}

/// Every event after a place in the outbox, up to another.
#[derive(Debug, Default)]
struct Recent {
    after: i64,
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
    /// The changes of the store that were counted before the last read began; `None` when it did not come to the end.
    version: Option<u64>,
}

/// What comes after a place.
pub(crate) struct Read {
    pub(crate) events: Vec<Arc<StoredEvent>>,
    /// Whether nothing more was committed by the time of the question.
    pub(crate) is_end: bool,
}

impl Tail {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, recent: Mutex::default(), reads: AtomicU64::new(0) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The events after `seq`, in order, at most `limit` of them.
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

    /// Whether all that was committed by the time of a question is remembered: nobody else writes and nothing was
    /// written since, or somebody read to the end after the question was asked.
    fn is_fresh(&self, recent: &Recent, reads_when_asked: u64) -> bool {
        let is_unchanged = !self.store.database().is_shared() && recent.version == Some(self.version());
        is_unchanged || recent.version.is_some() && self.reads.load(Ordering::Acquire) > reads_when_asked
    }

    fn version(&self) -> u64 {
        *self.store.watch_events().borrow()
    }

    /// Reads on from `seq`, which is the end of what is remembered or beyond.
    async fn read(&self, recent: &mut Recent, seq: i64) -> Result<(), StoreError> {
        if seq > recent.end() {
            *recent = Recent { after: seq, ..Recent::default() };
        }
        self.reads.fetch_add(1, Ordering::AcqRel);
        let version = self.version();
        // Whoever asks may be dropped while it waits: then nothing is known to be read to the end.
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

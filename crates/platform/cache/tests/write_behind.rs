//! Write-behind counters lose at most their stated bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_cache::{Batch, WriteBehind, WriteBehindPolicy};
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, ErrorSpec, Kind, Retry, Timestamp};
use tokio::task::yield_now;

static DOWN: ErrorSpec = ErrorSpec {
    code: "TEST_DOWN",
    domain: "test.pulse",
    kind: Kind::Unavailable,
    retry: Retry::Backoff,
    title: "Down",
    title_zh: "停机",
    http: 0,
};

/// A store of counters that records the number of the last batch, as a table would.
#[derive(Default)]
struct Likes {
    counts: Mutex<BTreeMap<u64, i64>>,
    batches: Mutex<Vec<u64>>,
    is_down: AtomicBool,
    /// Writes the batch and returns an error.
    is_mute: AtomicBool,
}

impl Likes {
    fn take(&self, batch: &Batch<u64>) -> pulse_kernel::Result<()> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(DOWN.error("nobody is there"));
        }
        if !self.batches.lock().contains(&batch.number) {
            self.batches.lock().push(batch.number);
            for (post, likes) in &batch.additions {
                *self.counts.lock().entry(*post).or_default() += likes;
            }
        }
        if self.is_mute.load(Ordering::SeqCst) { Err(DOWN.error("the answer was lost")) } else { Ok(()) }
    }

    fn count(&self, post: u64) -> i64 {
        self.counts.lock().get(&post).copied().unwrap_or(0)
    }
}

fn start(policy: WriteBehindPolicy) -> (VirtualClock, Arc<Likes>, WriteBehind<u64>) {
    let clock = VirtualClock::starting_at(Timestamp::EPOCH);
    let likes = Arc::new(Likes::default());
    let store = Arc::clone(&likes);
    let counters = WriteBehind::start(policy, Clock::Virtual(clock.clone()), move |batch: Arc<Batch<u64>>| {
        let result = store.take(&batch);
        async move { result }
    });
    (clock, likes, counters)
}

async fn until(is_reached: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is_reached() {
            return;
        }
        yield_now().await;
    }
    panic!("the state that the test waits for does not come");
}

/// PL-32: additions become one batch per interval, and readers see them immediately.
#[tokio::test]
async fn additions_are_written_within_the_interval() {
    let (clock, likes, counters) = start(WriteBehindPolicy::default());
    for _ in 0..1_000 {
        counters.add(7, 1).unwrap();
    }
    counters.add(8, 1).unwrap();
    counters.add(8, -1).unwrap();
    assert_eq!((counters.pending(&7), likes.count(7)), (1_000, 0));
    // The interval starts when the writer task first runs.
    yield_now().await;
    clock.advance(Duration::from_secs(1));
    until(|| likes.count(7) == 1_000 && counters.pending(&7) == 0).await;
    assert_eq!(*likes.batches.lock(), [1], "what cancels out is not written");
}

/// PL-32: a flush on shutdown loses nothing.
#[tokio::test]
async fn stopping_writes_everything() {
    let (_clock, likes, counters) = start(WriteBehindPolicy::default());
    for post in 0..500 {
        counters.add(post, 2).unwrap();
    }
    counters.stop().await.unwrap();
    assert_eq!(likes.counts.lock().values().sum::<i64>(), 1_000);
    assert_eq!(counters.add(1, 1).unwrap_err().code(), "OVERLOADED");
}

/// PL-32: a batch whose outcome is unknown is repeated unchanged, so a store that knows its number counts it once.
#[tokio::test]
async fn a_failed_batch_is_repeated_unchanged() {
    let (_clock, likes, counters) = start(WriteBehindPolicy::default());
    likes.is_mute.store(true, Ordering::SeqCst);
    counters.add(7, 1).unwrap();
    assert_eq!(counters.flush().await.unwrap_err().code(), "TEST_DOWN");
    likes.is_mute.store(false, Ordering::SeqCst);
    counters.add(7, 10).unwrap();
    assert_eq!(counters.pending(&7), 11, "nobody knows that the first one arrived");
    counters.stop().await.unwrap();
    assert_eq!((likes.count(7), counters.pending(&7)), (11, 0));
    assert_eq!(*likes.batches.lock(), [1, 2]);
}

/// PL-32: while the store is down, pending keys are limited, and callers get an error above the limit.
#[tokio::test]
async fn waiting_counters_are_bounded() {
    let policy = WriteBehindPolicy { keys_flush: 5, keys_max: 10, ..WriteBehindPolicy::default() };
    let (_clock, likes, counters) = start(policy);
    likes.is_down.store(true, Ordering::SeqCst);
    for post in 0..10 {
        counters.add(post, 1).unwrap();
    }
    assert_eq!(counters.add(10, 1).unwrap_err().code(), "OVERLOADED");
    counters.add(9, 1).unwrap();
    likes.is_down.store(false, Ordering::SeqCst);
    counters.stop().await.unwrap();
    assert_eq!(likes.counts.lock().values().sum::<i64>(), 11);
}

/// PL-32: many pending keys are written before the interval ends.
#[tokio::test]
async fn many_keys_are_written_early() {
    let (_clock, likes, counters) = start(WriteBehindPolicy { keys_flush: 5, ..WriteBehindPolicy::default() });
    for post in 0..5 {
        counters.add(post, 1).unwrap();
    }
    until(|| likes.count(4) == 1).await;
}

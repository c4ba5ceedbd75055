//! The contract suite on the cache in memory, and the tests of read-through and weights.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pulse_cache::{Cache, CachePolicy, ReadThrough};
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Timestamp};

pulse_cache::cache_contract!(|policy, clock| async { Cache::new("suite", policy, clock) });

/// PL-31: a read-through cache loads missing values itself.
#[tokio::test]
async fn a_read_through_cache_loads_by_itself() {
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::EPOCH));
    let loads = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&loads);
    let lengths = ReadThrough::new(Cache::new("lengths", CachePolicy::default(), clock), move |word: String| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok((!word.is_empty()).then_some(word.len())) }
    });
    for _ in 0..10 {
        assert_eq!(lengths.get("four").await.unwrap(), Some(4));
        assert_eq!(lengths.get("").await.unwrap(), None);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    lengths.cache().invalidate("four");
    assert_eq!(lengths.get("four").await.unwrap(), Some(4));
    assert_eq!(loads.load(Ordering::SeqCst), 3);
}

/// DL-19: values have the weight of their size, and a value that is too heavy is not stored.
#[tokio::test]
async fn bytes_are_weighed() {
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::EPOCH));
    let policy = CachePolicy { weight_max: 1_000, value_weight_max: 100, ..CachePolicy::default() };
    let cache: Cache<u64, Arc<str>> =
        Cache::weighed("pages", policy, clock, |_, page| u32::try_from(page.len()).unwrap_or(u32::MAX));
    cache.put(1, Some("x".repeat(101).into()));
    cache.put(2, Some("x".repeat(100).into()));
    let stats = cache.stats();
    assert_eq!((stats.oversized, stats.entries, stats.weight), (1, 1, 100));
    // A value that became too heavy removes its predecessor.
    cache.put(2, Some("x".repeat(101).into()));
    assert_eq!(cache.stats().entries, 0);
}

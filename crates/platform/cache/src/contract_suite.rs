//! Contract of a [`Cache`], as tests that [`crate::cache_contract!`] runs for an implementation.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Error, ErrorSpec, Kind, Retry, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use crate::{Cache, CachePolicy};

/// Runs the suite against the caches that the expression creates: an async closure from a [`CachePolicy`] and a `Clock` to
/// an empty `Cache<u64, u64>`.
///
/// The crate that calls it needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! cache_contract {
    ($make:expr) => {
        $crate::cache_contract! { @each $make;
            ten_thousand_misses_make_one_load
            errors_are_shared_and_not_cached
            a_caller_waits_until_its_deadline
            a_load_survives_its_caller
            a_load_that_hangs_times_out
            a_panicked_load_does_not_block_its_key
            a_value_has_the_lifetime_of_its_policy
            an_absent_value_is_cached_for_a_short_time
            a_stale_value_is_served_during_one_refresh
            a_failed_refresh_keeps_the_stale_value
            an_outdated_load_is_not_stored
            a_write_goes_through
            a_failed_write_removes_the_entry
            overlapping_writes_remove_the_entry
            a_load_during_a_write_is_not_stored
            an_oversized_value_is_served_and_not_stored
            the_weight_is_bounded
            no_reader_sees_a_value_that_was_outdated_before
        }
    };
    (@each $make:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::contract_suite::$name($make).await;
            }
        )*
    };
}

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

static BROKEN: ErrorSpec = ErrorSpec {
    code: "SUITE_BROKEN",
    domain: "suite.pulse",
    kind: Kind::Unavailable,
    retry: Retry::Backoff,
    title: "Broken on purpose",
    title_zh: "故意出错",
    http: 0,
};

/// A cache with a clock that the test moves, and a store that counts its reads.
struct Fixture {
    clock: VirtualClock,
    cache: Cache<u64, u64>,
    /// Each load waits for a permit.
    go: Arc<Semaphore>,
    loads: Arc<AtomicU64>,
}

impl Fixture {
    async fn new<F>(make: impl Fn(CachePolicy, Clock) -> F, policy: CachePolicy) -> Self
    where
        F: Future<Output = Cache<u64, u64>>,
    {
        let clock = VirtualClock::starting_at(START);
        let cache = make(policy, Clock::Virtual(clock.clone())).await;
        Self { clock, cache, go: Arc::new(Semaphore::new(0)), loads: Arc::default() }
    }

    /// Reads key 1; a load returns `value` immediately.
    async fn read(&self, value: u64) -> Result<Option<u64>, Error> {
        self.read_key(1, Ok(Some(value))).await
    }

    async fn read_key(&self, key: u64, result: Result<Option<u64>, Error>) -> Result<Option<u64>, Error> {
        let loads = Arc::clone(&self.loads);
        self.cache
            .get_or_load(&key, || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                result
            })
            .await
    }

    /// Reads key 1 in a task; its load waits for `go`.
    fn read_slowly(
        &self,
        result: Result<Option<u64>, &'static str>,
    ) -> tokio::task::JoinHandle<Result<Option<u64>, Error>> {
        let (cache, go, loads) = (self.cache.clone(), Arc::clone(&self.go), Arc::clone(&self.loads));
        tokio::spawn(async move {
            let load = || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                go.acquire().await.map_err(|closed| BROKEN.error("closed").caused_by(closed))?.forget();
                result.map_err(|detail| BROKEN.error(detail))
            };
            cache.get_or_load(&1, load).await
        })
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

/// Yields to other tasks until `is_reached`.
async fn until(is_reached: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if is_reached() {
            return;
        }
        yield_now().await;
    }
    panic!("the expected state is not reached");
}

fn sure<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", error.report()),
    }
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

fn code_of(result: Result<Option<u64>, Error>) -> &'static str {
    match result {
        Ok(value) => panic!("{value:?} instead of an error"),
        Err(error) => error.code(),
    }
}

fn plain() -> CachePolicy {
    CachePolicy { jitter_percent: 0, stale_while_revalidate: Duration::ZERO, ..CachePolicy::default() }
}

/// RV-16: 10,000 concurrent misses of one key cause one load and get 10,000 equal answers.
pub async fn ten_thousand_misses_make_one_load<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let callers: Vec<_> = (0..10_000).map(|_| fixture.read_slowly(Ok(Some(7)))).collect();
    until(|| fixture.cache.stats().coalesced == 9_999).await;
    fixture.go.add_permits(1);
    for caller in callers {
        assert_eq!(sure(joined(caller.await)), Some(7));
    }
    assert_eq!(fixture.loads(), 1);
    let stats = fixture.cache.stats();
    assert_eq!((stats.loads, stats.coalesced), (1, 9_999));
}

/// HM-15: all waiting callers get the same error, with its cause. The next caller loads again.
pub async fn errors_are_shared_and_not_cached<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let callers: Vec<_> = (0..100).map(|_| fixture.read_slowly(Err("out of order"))).collect();
    until(|| fixture.cache.stats().coalesced == 99).await;
    fixture.go.add_permits(1);
    for caller in callers {
        let Err(error) = joined(caller.await) else { panic!("the error was lost") };
        assert_eq!((error.code(), error.detail()), ("SUITE_BROKEN", "out of order"));
    }
    assert_eq!(fixture.loads(), 1);
    assert_eq!(sure(fixture.read(7).await), Some(7));
    assert_eq!(fixture.cache.stats().load_failures, 1);
}

/// HM-15: each caller has its own deadline. The load continues and serves the next caller.
pub async fn a_caller_waits_until_its_deadline<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let patient = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    let (cache, deadline) = (fixture.cache.clone(), START.plus(Duration::from_millis(100)));
    let hasty = tokio::spawn(async move {
        cache.get_or_load_until(&1, deadline, || async { Err(BROKEN.error("a second load")) }).await
    });
    until(|| fixture.cache.stats().coalesced == 1).await;
    fixture.clock.advance(Duration::from_millis(100));
    assert_eq!(code_of(joined(hasty.await)), "DEADLINE_EXCEEDED");
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(patient.await)), Some(7));
    assert_eq!(sure(fixture.read(8).await), Some(7));
}

/// RV-16: the load continues for others when the caller that started it is dropped.
pub async fn a_load_survives_its_caller<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let first = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    first.abort();
    let second = fixture.read_slowly(Ok(Some(8)));
    until(|| fixture.cache.stats().coalesced == 1).await;
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(second.await)), Some(7));
}

/// HM-15: a load that hangs times out and does not block its key.
pub async fn a_load_that_hangs_times_out<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let caller = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    fixture.clock.advance(plain().load_timeout);
    assert_eq!(code_of(joined(caller.await)), "DEADLINE_EXCEEDED");
    assert_eq!(sure(fixture.read(8).await), Some(8));
}

/// RV-16: a load that panics is an error for its callers and does not affect later ones.
pub async fn a_panicked_load_does_not_block_its_key<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let result = fixture.cache.get_or_load(&1, || async { panic!("on purpose") }).await;
    assert_eq!(code_of(result), "INTERNAL");
    assert_eq!(sure(fixture.read(8).await), Some(8));
}

/// PL-31, DL-18: a value is fresh for its lifetime, which jitter never extends.
pub async fn a_value_has_the_lifetime_of_its_policy<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(&make, plain()).await;
    assert_eq!(sure(fixture.read(7).await), Some(7));
    fixture.clock.advance(Duration::from_millis(59_999));
    assert_eq!(sure(fixture.read(8).await), Some(7));
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(sure(fixture.read(9).await), Some(9));
    let jittered = Fixture::new(&make, CachePolicy { jitter_percent: 50, ..plain() }).await;
    for key in 0..200 {
        sure(jittered.read_key(key, Ok(Some(1))).await);
    }
    jittered.clock.advance(Duration::from_secs(30));
    let before = jittered.loads();
    for key in 0..200 {
        sure(jittered.read_key(key, Ok(Some(1))).await);
    }
    assert_eq!(jittered.loads(), before, "no value expires before half of its lifetime");
}

/// DL-16: an absent value is cached for a short time and replaced by a write.
pub async fn an_absent_value_is_cached_for_a_short_time<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    for _ in 0..1_000 {
        assert_eq!(sure(fixture.read_key(1, Ok(None)).await), None);
    }
    assert_eq!(fixture.loads(), 1);
    assert_eq!(fixture.cache.stats().null_hits, 999);
    fixture.clock.advance(plain().null_ttl);
    assert_eq!(sure(fixture.read_key(1, Ok(None)).await), None);
    assert_eq!(fixture.loads(), 2);
    fixture.cache.put(1, Some(7));
    assert_eq!(sure(fixture.read(8).await), Some(7));
    sure(fixture.read_key(2, Ok(None)).await);
    fixture.cache.invalidate(&2);
    assert_eq!(sure(fixture.read_key(2, Ok(Some(3))).await), Some(3));
}

/// R38: a stale value is served immediately while one load refreshes it.
pub async fn a_stale_value_is_served_during_one_refresh<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let policy = CachePolicy { stale_while_revalidate: Duration::from_secs(10), ..plain() };
    let fixture = Fixture::new(make, policy).await;
    sure(fixture.read(7).await);
    fixture.clock.advance(Duration::from_secs(60));
    for _ in 0..100 {
        assert_eq!(sure(joined(fixture.read_slowly(Ok(Some(8))).await)), Some(7));
    }
    until(|| fixture.loads() == 2).await;
    fixture.go.add_permits(1);
    let cache = fixture.cache.clone();
    until(|| cache.stats().hits + cache.stats().stale_served >= 100).await;
    let mut answer = Some(7);
    for _ in 0..1_000_000 {
        answer = sure(joined(fixture.read_slowly(Ok(Some(9))).await));
        if answer != Some(7) {
            break;
        }
    }
    assert_eq!(answer, Some(8));
    assert_eq!(fixture.loads(), 2, "one refresh");
    fixture.clock.advance(Duration::from_secs(70));
    assert_eq!(sure(fixture.read(10).await), Some(10), "too old to be served");
}

/// R38: a failed refresh is invisible while the stale value may be served, and is retried after a pause.
pub async fn a_failed_refresh_keeps_the_stale_value<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let policy = CachePolicy { stale_while_revalidate: Duration::from_secs(10), ..plain() };
    let fixture = Fixture::new(make, policy).await;
    sure(fixture.read(7).await);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(sure(fixture.read_key(1, Err(BROKEN.error("down"))).await), Some(7));
    until(|| fixture.cache.stats().load_failures == 1).await;
    for _ in 0..100 {
        assert_eq!(sure(fixture.read_key(1, Err(BROKEN.error("down"))).await), Some(7));
    }
    assert_eq!(fixture.loads(), 2, "the next attempt waits");
    fixture.clock.advance(Duration::from_secs(10));
    assert_eq!(code_of(fixture.read_key(1, Err(BROKEN.error("down"))).await), "SUITE_BROKEN");
}

/// DL-12, T9, HM-15: a reader loads an old value, a writer commits and invalidates, and the old value is not stored.
pub async fn an_outdated_load_is_not_stored<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(&make, plain()).await;
    let reader = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    fixture.cache.invalidate(&1);
    let later = fixture.read(8).await;
    assert_eq!(sure(later), Some(8), "a read after the write does not join the old load");
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(reader.await)), Some(7));
    assert_eq!(sure(fixture.read(9).await), Some(8));
    assert_eq!(fixture.cache.stats().outdated_loads, 1);

    let fixture = Fixture::new(&make, plain()).await;
    let reader = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    fixture.cache.put(1, Some(8));
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(reader.await)), Some(7));
    assert_eq!(sure(fixture.read(9).await), Some(8), "the value of the put stays");
}

/// PL-31: a write through the cache, or a deletion, is read without a load.
pub async fn a_write_goes_through<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    assert_eq!(sure(fixture.cache.write(1, async { Ok(Some(7)) }).await), Some(7));
    assert_eq!(sure(fixture.read(8).await), Some(7));
    assert_eq!(sure(fixture.cache.write(1, async { Ok(None) }).await), None);
    assert_eq!(sure(fixture.read(8).await), None);
    assert_eq!(fixture.loads(), 0);
}

/// PL-31: the outcome of a failed write is unknown, so the next reader loads.
pub async fn a_failed_write_removes_the_entry<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    fixture.cache.put(1, Some(7));
    let failed = fixture.cache.write(1, async { Err(BROKEN.error("unknown")) }).await;
    assert_eq!(code_of(failed), "SUITE_BROKEN");
    assert_eq!(sure(fixture.read(8).await), Some(8));
    let panicked = fixture.cache.write(1, async { panic!("on purpose") }).await;
    assert_eq!(code_of(panicked), "INTERNAL");
    assert_eq!(sure(fixture.read(9).await), Some(9));
}

/// PL-31: the order of two overlapping writes is unknown, so neither value is stored.
pub async fn overlapping_writes_remove_the_entry<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let (cache, go, begun) = (fixture.cache.clone(), Arc::clone(&fixture.go), Arc::new(Semaphore::new(0)));
    let started = Arc::clone(&begun);
    let slow = tokio::spawn(async move {
        let write = async move {
            started.add_permits(1);
            go.acquire().await.map_err(|closed| BROKEN.error("closed").caused_by(closed))?.forget();
            Ok(Some(7))
        };
        cache.write(1, write).await
    });
    until(|| begun.available_permits() == 1).await;
    assert_eq!(sure(fixture.cache.write(1, async { Ok(Some(8)) }).await), Some(8));
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(slow.await)), Some(7));
    assert_eq!(sure(fixture.read(9).await), Some(9));
    assert_eq!(sure(fixture.cache.write(1, async { Ok(Some(10)) }).await), Some(10));
    assert_eq!(sure(fixture.read(11).await), Some(10), "a single write is stored again");
}

/// DL-12: a load during a write is not stored after it.
pub async fn a_load_during_a_write_is_not_stored<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, plain()).await;
    let reader = fixture.read_slowly(Ok(Some(7)));
    until(|| fixture.loads() == 1).await;
    assert_eq!(sure(fixture.cache.write(1, async { Ok(Some(8)) }).await), Some(8));
    fixture.go.add_permits(1);
    assert_eq!(sure(joined(reader.await)), Some(7));
    assert_eq!(sure(fixture.read(9).await), Some(8));
}

/// DL-19: a value that is too heavy is served and counted, but not stored.
pub async fn an_oversized_value_is_served_and_not_stored<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, CachePolicy { value_weight_max: 0, ..plain() }).await;
    assert_eq!(sure(fixture.read(7).await), Some(7));
    assert_eq!(sure(fixture.read(8).await), Some(8));
    let stats = fixture.cache.stats();
    assert_eq!((stats.oversized, stats.entries), (2, 0));
}

/// DL-19: the weight of a cache never exceeds its maximum.
pub async fn the_weight_is_bounded<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    let fixture = Fixture::new(make, CachePolicy { weight_max: 100, ..plain() }).await;
    for key in 0..10_000 {
        fixture.cache.put(key, Some(key));
    }
    let stats = fixture.cache.stats();
    assert!(stats.weight <= 100 && stats.entries <= 100, "{stats:?}");
    assert!(stats.evictions >= 9_900, "{stats:?}");
}

/// PL-30, DL-12: random readers and writers. A read after an announced write never returns an older value, and the cache
/// agrees with the store at the end.
pub async fn no_reader_sees_a_value_that_was_outdated_before<F>(make: impl Fn(CachePolicy, Clock) -> F)
where
    F: Future<Output = Cache<u64, u64>>,
{
    // The clock jumps, which must not make loads time out.
    let load_timeout = Duration::from_secs(86_400);
    let policy = CachePolicy { stale_while_revalidate: Duration::from_secs(10), load_timeout, ..plain() };
    let fixture = Fixture::new(make, policy).await;
    let city = Arc::new(City::default());
    let mut tasks = JoinSet::new();
    for seed in 0..16_u64 {
        let (cache, city, clock) = (fixture.cache.clone(), Arc::clone(&city), fixture.clock.clone());
        tasks.spawn(async move {
            let mut random = Random(seed);
            for _ in 0..2_000 {
                let key = random.below(4);
                match random.below(16) {
                    0 => city.write_and_invalidate(&cache, key, &mut random).await,
                    1 => city.write_through(&cache, key, &mut random).await,
                    2 => clock.advance(Duration::from_secs(5)),
                    _ => city.read(&cache, key, &mut random).await,
                }
            }
        });
    }
    tasks.join_all().await;
    for key in 0..4 {
        city.read(&fixture.cache, key, &mut Random(0)).await;
        let truth = city.truth[usize::try_from(key).unwrap_or(0)].load(Ordering::SeqCst);
        assert_eq!(sure(fixture.read_key(key, Ok(Some(truth))).await), Some(truth));
    }
    let stats = fixture.cache.stats();
    assert!(
        stats.hits > 100 && stats.outdated_loads > 10 && stats.stale_served > 10,
        "all paths must occur: {stats:?}"
    );
}

/// The store of the random test: a version per key, and the last announced version.
#[derive(Default)]
struct City {
    truth: [AtomicU64; 4],
    announced: [AtomicU64; 4],
}

impl City {
    async fn write_and_invalidate(&self, cache: &Cache<u64, u64>, key: u64, random: &mut Random) {
        let index = usize::try_from(key).unwrap_or(0);
        random.pause().await;
        let version = self.truth[index].fetch_add(1, Ordering::SeqCst) + 1;
        random.pause().await;
        cache.invalidate(&key);
        self.announced[index].fetch_max(version, Ordering::SeqCst);
    }

    async fn write_through(self: &Arc<Self>, cache: &Cache<u64, u64>, key: u64, random: &mut Random) {
        let index = usize::try_from(key).unwrap_or(0);
        let (city, mut inner) = (Arc::clone(self), Random(random.next()));
        let write = async move {
            inner.pause().await;
            let version = city.truth[index].fetch_add(1, Ordering::SeqCst) + 1;
            inner.pause().await;
            Ok(Some(version))
        };
        let version = sure(cache.write(key, write).await);
        self.announced[index].fetch_max(version.unwrap_or(0), Ordering::SeqCst);
    }

    async fn read(self: &Arc<Self>, cache: &Cache<u64, u64>, key: u64, random: &mut Random) {
        let index = usize::try_from(key).unwrap_or(0);
        let (city, mut inner) = (Arc::clone(self), Random(random.next()));
        let floor = self.announced[index].load(Ordering::SeqCst);
        let load = || async move {
            inner.pause().await;
            let version = city.truth[index].load(Ordering::SeqCst);
            inner.pause().await;
            Ok(Some(version))
        };
        let version = sure(cache.get_or_load(&key, load).await);
        assert!(version >= Some(floor), "key {key}: read {version:?} after {floor} was announced");
    }
}

/// The same sequence for the same seed (a linear congruential generator).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    async fn pause(&mut self) {
        for _ in 0..self.below(4) {
            yield_now().await;
        }
    }
}

//! The contract of [`Limiter`] as tests, which an adapter runs with [`crate::limiter_contract!`].
//!
//! Time is an argument, so the suite covers days without waiting. An adapter over a server with its own clock must not
//! expire a counter by that clock before its quota ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::Timestamp;
use tokio::task::JoinSet;

use crate::{Decision, Key, Limiter, Permit, PermitLimit, Quota};

/// Runs the suite against an adapter. The expression is an async closure without arguments that returns a [`Limiter`]. Each
/// test creates its own; they may share a server.
///
/// The crate that calls it needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! limiter_contract {
    ($make:expr) => {
        $crate::limiter_contract! { @each $make;
            a_bucket_starts_full_and_refills_evenly
            no_span_of_time_gets_more_than_the_law
            a_cost_is_taken_whole_or_not_at_all
            a_bucket_is_exact_in_parallel
            keys_do_not_meet
            a_duplicate_passes_when_the_window_is_over
            a_window_slides
            a_frequency_cap_is_exact_in_parallel
            permits_fail_fast_and_come_back
            permits_are_exact_in_parallel
            a_lost_permit_heals
            an_extended_permit_is_kept
        }
    };
    (@each $make:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let limiter: std::sync::Arc<dyn $crate::Limiter> = std::sync::Arc::new(($make)().await);
                $crate::contract_suite::$name(limiter).await;
            }
        )*
    };
}

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(millis: u64) -> Timestamp {
    START.plus(Duration::from_millis(millis))
}

async fn check(limiter: &Arc<dyn Limiter>, key: Key, quota: Quota, now: Timestamp) -> Decision {
    sure(limiter.check(key, quota, 1, now)).await
}

/// The value of a call that must succeed.
async fn sure<T>(answer: impl Future<Output = pulse_kernel::Result<T>>) -> T {
    match answer.await {
        Ok(value) => value,
        Err(error) => panic!("the limiter failed: {}", error.report()),
    }
}

/// Number of allowed calls of `asked` parallel ones.
async fn passed<F>(asked: u32, call: impl Fn() -> F) -> u32
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut calls = JoinSet::new();
    for _ in 0..asked {
        calls.spawn(call());
    }
    calls.join_all().await.into_iter().map(u32::from).sum()
}

/// PL-24: 500 requests per second: a burst of 500, then one every 2 ms.
pub async fn a_bucket_starts_full_and_refills_evenly(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.bucket", b"even"), Quota::new(500, 1_000));
    for left in (0..500).rev() {
        assert_eq!(check(&limiter, key, quota, START).await, Decision::allow(left));
    }
    assert_eq!(check(&limiter, key, quota, START).await, Decision::refuse(0, Duration::from_millis(2)));
    assert_eq!(check(&limiter, key, quota, after(1)).await, Decision::refuse(0, Duration::from_millis(1)));
    assert_eq!(check(&limiter, key, quota, after(2)).await, Decision::allow(0));
    assert_eq!(check(&limiter, key, quota, after(3)).await, Decision::refuse(0, Duration::from_millis(1)));
    assert_eq!(check(&limiter, key, quota, after(1_002)).await, Decision::allow(499), "full again, and no fuller");
}

/// PL-24: at most `count + count * t / window` calls are allowed in any time `t`, for any arrivals.
pub async fn no_span_of_time_gets_more_than_the_law(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.bucket", b"law"), Quota::new(7, 1_000));
    let mut admitted = Vec::new();
    let (mut now, mut state) = (0_u64, 42_u64);
    for _ in 0..1_000 {
        // A linear congruential generator: bursts and pauses, the same in every run.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now += [0, 0, 3, 40, 150, 900][usize::try_from((state >> 33) % 6).unwrap_or(0)];
        if check(&limiter, key, quota, after(now)).await.is_allowed {
            admitted.push(now);
        }
    }
    assert!(admitted.len() > 100, "the law is not kept by refusing everything");
    for (first, from) in admitted.iter().enumerate() {
        for (last, to) in admitted.iter().enumerate().skip(first) {
            let count = u64::try_from(last - first + 1).unwrap_or(u64::MAX);
            // count <= 7 + 7 * t / 1000, in whole numbers.
            assert!(count * 1_000 <= 7 * (1_000 + to - from), "{count} within {} ms", to - from);
        }
    }
}

/// PL-24: a request that costs several tokens takes all of them or none.
pub async fn a_cost_is_taken_whole_or_not_at_all(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.bucket", b"cost"), Quota::new(10, 1_000));
    assert_eq!(sure(limiter.check(key, quota, 8, START)).await, Decision::allow(2));
    let refused = Decision::refuse(2, Duration::from_millis(100));
    assert_eq!(sure(limiter.check(key, quota, 3, START)).await, refused);
    assert_eq!(sure(limiter.check(key, quota, 2, START)).await, Decision::allow(0));
    let never = sure(limiter.check(key, quota, 11, after(5_000))).await;
    assert_eq!(never, Decision::refuse(10, Duration::MAX));
}

/// PL-24: of 500 simultaneous requests exactly as many are allowed as there are tokens.
pub async fn a_bucket_is_exact_in_parallel(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.bucket", b"parallel"), Quota::new(100, 60_000));
    let count = passed(500, || {
        let limiter = Arc::clone(&limiter);
        async move { check(&limiter, key, quota, START).await.is_allowed }
    })
    .await;
    assert_eq!(count, 100);
}

/// PL-24: per route and per tenant: keys do not affect each other.
pub async fn keys_do_not_meet(limiter: Arc<dyn Limiter>) {
    let quota = Quota::new(1, 1_000);
    for tenant in 0..100_u32 {
        for domain in ["suite.route.a", "suite.route.b"] {
            let key = Key::of(domain, &tenant.to_be_bytes());
            assert!(check(&limiter, key, quota, START).await.is_allowed);
            assert!(!check(&limiter, key, quota, START).await.is_allowed);
            assert!(sure(limiter.count_window(key, quota, START)).await.is_allowed, "a window is another counter");
        }
    }
}

/// HM-28: the same content within five minutes is rejected at 299 999 ms and allowed at 300 000 and 300 001 ms.
pub async fn a_duplicate_passes_when_the_window_is_over(limiter: Arc<dyn Limiter>) {
    let quota = Quota::new(1, 300_000);
    for (wait, is_allowed) in [(0, false), (1, false), (299_999, false), (300_000, true), (300_001, true)] {
        let key = Key::of("suite.duplicate", &u64::to_be_bytes(wait));
        assert!(sure(limiter.count_window(key, quota, START)).await.is_allowed);
        let second = sure(limiter.count_window(key, quota, after(wait))).await;
        assert_eq!(second.is_allowed, is_allowed, "after {wait} ms");
        let left = if is_allowed { 0 } else { 300_000 - wait };
        assert_eq!(second.retry_after, Duration::from_millis(left));
    }
}

/// HM-28, HM-29: the window slides with time; rejected events do not count.
pub async fn a_window_slides(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.window", b"slides"), Quota::new(3, 1_000));
    // (instant, passes): the windows are (now - 1000, now].
    let decisions = [
        (0, true),
        (400, true),
        (900, true),
        (999, false),
        (1_000, true),
        (1_399, false),
        (1_400, true),
        (1_401, false),
        (1_900, true),
        (1_999, false),
        (2_000, true),
    ];
    for (millis, is_allowed) in decisions {
        assert_eq!(
            sure(limiter.count_window(key, quota, after(millis))).await.is_allowed,
            is_allowed,
            "at {millis} ms"
        );
    }
}

/// HM-29: five per recipient and day: of 200 simultaneous messages exactly five are allowed.
pub async fn a_frequency_cap_is_exact_in_parallel(limiter: Arc<dyn Limiter>) {
    let (key, quota) = (Key::of("suite.frequency", b"receiver/sms"), Quota::new(5, 86_400_000));
    for (now, expected) in [(START, 5), (after(86_399_999), 0), (after(86_400_000), 5)] {
        let count = passed(200, || {
            let limiter = Arc::clone(&limiter);
            async move { sure(limiter.count_window(key, quota, now)).await.is_allowed }
        })
        .await;
        assert_eq!(count, expected);
    }
}

const TWENTY: PermitLimit = PermitLimit { permits: 20, lease: Duration::from_secs(5) };

async fn acquire(limiter: &Arc<dyn Limiter>, key: Key, now: Timestamp) -> Option<Permit> {
    sure(Permit::acquire(limiter, key, TWENTY, now)).await
}

/// Like [`acquire`], for an adapter that receives a release with a delay.
async fn acquire_returned(limiter: &Arc<dyn Limiter>, key: Key, now: Timestamp) -> Permit {
    for _ in 0..100_000 {
        if let Some(permit) = acquire(limiter, key, now).await {
            return permit;
        }
        tokio::task::yield_now().await;
    }
    panic!("a returned permit did not come back");
}

/// PL-25: 20 in flight, the 21st is rejected immediately, and a dropped permit is released.
pub async fn permits_fail_fast_and_come_back(limiter: Arc<dyn Limiter>) {
    let key = Key::of("suite.permit", b"fast");
    let mut inside = Vec::new();
    for _ in 0..20 {
        inside.extend(acquire(&limiter, key, START).await);
    }
    assert_eq!(inside.len(), 20);
    assert!(acquire(&limiter, key, START).await.is_none());
    for _ in 0..50 {
        inside.pop();
        inside.push(acquire_returned(&limiter, key, START).await);
        assert!(acquire(&limiter, key, START).await.is_none(), "one came back, not two");
    }
}

/// PL-25: of 300 simultaneous requests exactly 20 get a permit.
pub async fn permits_are_exact_in_parallel(limiter: Arc<dyn Limiter>) {
    let key = Key::of("suite.permit", b"parallel");
    let count = passed(300, || {
        let limiter = Arc::clone(&limiter);
        async move {
            let permit = acquire(&limiter, key, START).await;
            let is_inside = permit.is_some();
            std::mem::forget(permit);
            is_inside
        }
    })
    .await;
    assert_eq!(count, 20);
}

/// PL-25, T8: permits of lost holders expire after the lease, also under load; a late release of an expired permit has no
/// effect.
pub async fn a_lost_permit_heals(limiter: Arc<dyn Limiter>) {
    let key = Key::of("suite.permit", b"lost");
    let mut late = Vec::new();
    for _ in 0..20 {
        late.extend(acquire(&limiter, key, START).await);
    }
    for millis in 0..5_000 {
        assert!(acquire(&limiter, key, after(millis)).await.is_none(), "{millis} ms after the loss");
    }
    let mut inside = Vec::new();
    for _ in 0..20 {
        inside.extend(acquire(&limiter, key, after(5_000)).await);
    }
    assert_eq!(inside.len(), 20, "whole again");
    drop(late);
    assert!(acquire(&limiter, key, after(5_001)).await.is_none(), "the late returns made no room");
}

/// PL-25: an extended permit is kept; an extension after the expiry fails.
pub async fn an_extended_permit_is_kept(limiter: Arc<dyn Limiter>) {
    let (key, limit) = (Key::of("suite.permit", b"extend"), PermitLimit { permits: 1, ..TWENTY });
    let first = sure(Permit::acquire(&limiter, key, limit, START)).await;
    let Some(mut first) = first else { panic!("an empty room is full") };
    assert!(sure(first.extend(after(4_999))).await);
    assert_eq!(first.expires_at(), after(9_999));
    assert!(sure(Permit::acquire(&limiter, key, limit, after(9_998))).await.is_none());
    assert!(!sure(first.extend(after(9_999))).await);
    assert!(sure(Permit::acquire(&limiter, key, limit, after(9_999))).await.is_some());
}

//! The memory adapter passes the contract of a limiter, and has limits of its own.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::Timestamp;
use pulse_limiter::{
    Decision, Key, Limiter, MemoryLimiter, MemoryLimiterOptions, Permit, PermitLimit, Quota, WhenFull,
};

pulse_limiter::limiter_contract!(async || MemoryLimiter::default());

fn key(number: u32) -> Key {
    Key::of("test", &number.to_be_bytes())
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[tokio::test]
async fn the_number_of_keys_is_bounded_and_the_policy_at_the_limit_has_a_name() {
    let quota = Quota::new(1, 1_000);
    for (when_full, expected) in
        [(WhenFull::Refuse, Decision::refuse(0, Duration::from_millis(100))), (WhenFull::Admit, Decision::allow(0))]
    {
        let limiter = MemoryLimiter::new(MemoryLimiterOptions { keys_max: 640, when_full });
        for number in 0..20_000 {
            limiter.check_now(key(number), quota, 1, at(0));
        }
        assert_eq!(limiter.key_count(), 640);
        assert_eq!(limiter.check_now(key(20_000), quota, 1, at(50)), expected);
        assert!(!limiter.check_now(key(0), quota, 1, at(50)).is_allowed, "a counted key stays counted");
        assert_eq!(limiter.check_now(key(20_000), quota, 1, at(1_000)), Decision::allow(0), "idle keys made room");
    }
}

#[tokio::test]
async fn permits_are_never_given_uncounted() {
    let limiter: Arc<dyn Limiter> =
        Arc::new(MemoryLimiter::new(MemoryLimiterOptions { keys_max: 0, when_full: WhenFull::Admit }));
    let limit = PermitLimit { permits: 1, lease: Duration::from_secs(5) };
    assert!(Permit::acquire(&limiter, key(1), limit, at(0)).await.unwrap().is_none());
}

#[test]
fn idle_keys_are_swept() {
    let limiter = MemoryLimiter::default();
    for number in 0..100_000 {
        limiter.check_now(key(number), Quota::new(10, 1_000), 1, at(0));
        limiter.count_window_now(key(number), Quota::new(1, 1_000), at(0));
    }
    assert_eq!(limiter.key_count(), 200_000);
    limiter.sweep(at(100));
    assert_eq!(limiter.key_count(), 100_000, "a tenth of a bucket is refilled after 100 ms, a window is not over");
    limiter.sweep(at(1_000));
    assert_eq!(limiter.key_count(), 0);
}

#[test]
fn an_answer_from_memory_is_there_at_once() {
    let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::default());
    let Ok(answer) = limiter.check(key(1), Quota::new(1, 1_000), 1, at(0)).now() else { panic!("it waits") };
    assert!(answer.unwrap().is_allowed);
}

//! A token bucket in integers: without rounding the limit is exact.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::table::Counter;
use crate::{Decision, Quota};

/// The used part of a quota.
///
/// Amounts are in `1 / window` tokens: one token is `window_ms` parts, and each millisecond refills `count` parts. Both are
/// integers, and their product fits 64 bits.
pub(super) struct Bucket {
    used: u64,
    at: Timestamp,
    quota: Quota,
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn full(quota: Quota, now: Timestamp) -> Self {
        Self { used: 0, at: now, quota }
    }

    pub(super) fn take(&mut self, quota: Quota, cost: u32, now: Timestamp) -> Decision {
        self.refill(now);
        if self.quota != quota {
            self.change(quota);
        }
        let token = u64::from(quota.window_ms);
        let asked = token * u64::from(cost);
        let free = capacity(quota).saturating_sub(self.used);
        if asked <= free && quota.count > 0 {
            self.used += asked;
            return Decision::allow(tokens(free - asked, quota));
        }
        let retry_after = if cost > quota.count { Duration::MAX } else { time_to_gain(asked - free, quota) };
        Decision::refuse(tokens(free, quota), retry_after)
    }

    fn refill(&mut self, now: Timestamp) {
        let gained = u128::from(self.quota.count) * now.since(self.at).as_millis();
        self.used = self.used.saturating_sub(u64::try_from(gained).unwrap_or(u64::MAX));
        // A request may arrive after another one that read the clock later; its time does not refill again.
        // A clock that was set back by more than a window is accepted, or the key would be blocked.
        if now > self.at || self.at.since(now) > Duration::from_millis(u64::from(self.quota.window_ms)) {
            self.at = now;
        }
    }

    /// Changes the quota and keeps the number of used tokens.
    fn change(&mut self, quota: Quota) {
        let parts = u128::from(self.used) * u128::from(quota.window_ms);
        let used = parts.div_ceil(u128::from(self.quota.window_ms.max(1)));
        self.used = u64::try_from(used).unwrap_or(u64::MAX).min(capacity(quota));
        self.quota = quota;
    }
}

impl Counter for Bucket {
    fn idle_at(&self) -> Timestamp {
        self.at.plus(time_to_gain(self.used, self.quota))
    }
}

fn capacity(quota: Quota) -> u64 {
    u64::from(quota.count) * u64::from(quota.window_ms)
}

/// Whole tokens of `parts`; all tokens of the quota without a window.
fn tokens(parts: u64, quota: Quota) -> u32 {
    parts.checked_div(u64::from(quota.window_ms)).map_or(quota.count, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn time_to_gain(parts: u64, quota: Quota) -> Duration {
    Duration::from_millis(parts.div_ceil(u64::from(quota.count.max(1))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_changed_quota_keeps_what_was_used() {
        let mut bucket = Bucket::full(Quota::new(10, 1_000), at(0));
        for _ in 0..6 {
            assert!(bucket.take(Quota::new(10, 1_000), 1, at(0)).is_allowed);
        }
        assert_eq!(bucket.take(Quota::new(8, 60_000), 1, at(0)).remaining, 1);
        assert!(!bucket.take(Quota::new(2, 100), 1, at(0)).is_allowed);
    }

    #[test]
    fn an_older_reading_of_the_clock_gains_nothing() {
        let quota = Quota::new(1, 100);
        let mut bucket = Bucket::full(quota, at(1_000));
        assert!(bucket.take(quota, 1, at(1_000)).is_allowed);
        for _ in 0..100 {
            assert!(!bucket.take(quota, 1, at(950)).is_allowed);
            assert!(!bucket.take(quota, 1, at(1_050)).is_allowed);
        }
        assert!(bucket.take(quota, 1, at(1_100)).is_allowed);
    }

    #[test]
    fn a_clock_set_back_by_an_hour_does_not_block_for_an_hour() {
        let quota = Quota::new(1, 100);
        let mut bucket = Bucket::full(quota, at(3_600_000));
        assert!(bucket.take(quota, 1, at(3_600_000)).is_allowed);
        assert!(!bucket.take(quota, 1, at(0)).is_allowed);
        assert!(bucket.take(quota, 1, at(100)).is_allowed);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let quota = Quota::new(u32::MAX, u32::MAX);
        let mut bucket = Bucket::full(quota, at(0));
        assert!(bucket.take(quota, u32::MAX, at(0)).is_allowed);
        assert_eq!(bucket.take(quota, u32::MAX, at(0)).retry_after, Duration::from_millis(u64::from(u32::MAX)));
        assert!(bucket.take(quota, u32::MAX, at(i64::MAX)).is_allowed);
        assert!(!Bucket::full(Quota::new(0, 0), at(0)).take(Quota::new(0, 0), 0, at(0)).is_allowed);
        let unlimited = Quota::new(3, 0);
        assert_eq!(Bucket::full(unlimited, at(0)).take(unlimited, 3, at(0)), Decision::allow(3));
    }

    proptest! {
        /// PL-24: a textbook GCRA (theoretical arrival times as fractions) makes the same decisions, and `retry_after` is
        /// exact to the millisecond.
        #[test]
        fn the_bucket_is_gcra(
            count in 1_u32..50,
            window_ms in 1_u32..5_000,
            steps in prop::collection::vec((0_i64..300, 1_u32..5), 1..200),
        ) {
            let quota = Quota::new(count, window_ms);
            let mut bucket = Bucket::full(quota, at(0));
            // In units of 1 / count milliseconds, so that the emission interval is `window_ms`, a whole number.
            let (scale, interval, burst) =
                (i128::from(count), i128::from(window_ms), i128::from(count) * i128::from(window_ms));
            let mut arrival = 0_i128;
            let mut now = 0_i64;
            for (pause, cost) in steps {
                now += pause;
                let next = arrival.max(i128::from(now) * scale) + interval * i128::from(cost);
                let expected = next - i128::from(now) * scale <= burst;
                let decision = bucket.take(quota, cost, at(now));
                prop_assert_eq!(decision.is_allowed, expected);
                if expected {
                    arrival = next;
                } else if cost <= count {
                    let wait = i64::try_from(decision.retry_after.as_millis()).unwrap();
                    let fits = |wait: i64| next - i128::from(now + wait) * scale <= burst;
                    prop_assert!(wait > 0 && fits(wait) && !fits(wait - 1), "{decision:?}");
                }
            }
        }
    }
}

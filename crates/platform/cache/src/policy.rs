//! The policy: every number that decides how a cache behaves, in one value.

use std::time::Duration;

/// How a cache behaves. Change the fields of [`CachePolicy::default`] that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// How long a value is fresh, counted from the beginning of its load. At most, see `jitter_percent`.
    pub ttl: Duration,
    /// Each lifetime is shortened by a random share of up to so many percent (0 to 100), so that what was
    /// loaded together does not expire together.
    pub jitter_percent: u8,
    /// How long "there is no such thing" is remembered; zero remembers it not at all.
    pub null_ttl: Duration,
    /// How long after its `ttl` a value is still served, at once, while one load refreshes it.
    pub stale_while_revalidate: Duration,
    /// The weight of all values together. Without a weigher each value weighs 1 and this is their number;
    /// the weigher of [`Cache::weighed`](crate::Cache::weighed) usually counts bytes.
    pub weight_max: u64,
    /// A value that weighs more is served and counted (`pulse_cache_oversized_total`), and not stored.
    pub value_weight_max: u32,
    /// When a load is given up; everybody who waits for it gets `DEADLINE_EXCEEDED`.
    pub load_timeout: Duration,
}

impl Default for CachePolicy {
    /// A minute, a tenth of jitter, five seconds for absent things, ten seconds of stale answers, ten thousand
    /// values of any weight, five seconds for a load.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            jitter_percent: 10,
            null_ttl: Duration::from_secs(5),
            stale_while_revalidate: Duration::from_secs(10),
            weight_max: 10_000,
            value_weight_max: u32::MAX,
            load_timeout: Duration::from_secs(5),
        }
    }
}

impl CachePolicy {
    /// `whole`, shortened by the share that `draw` (evenly distributed) says.
    pub(crate) fn jittered(&self, whole: Duration, draw: u32) -> Duration {
        let whole_ms = whole.as_millis();
        let percent = u128::from(self.jitter_percent.min(100));
        // A share of percent/100 * draw/2^32 in whole milliseconds, rounded down.
        let shorter_ms = (whole_ms * percent * u128::from(draw)) >> 32;
        let kept_ms = whole_ms.saturating_sub(shorter_ms.checked_div(100).unwrap_or(0));
        Duration::from_millis(u64::try_from(kept_ms).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_shortens_and_by_no_more_than_it_says() {
        let policy = CachePolicy { jitter_percent: 20, ..CachePolicy::default() };
        let minute = Duration::from_secs(60);
        assert_eq!(policy.jittered(minute, 0), minute);
        assert_eq!(policy.jittered(minute, u32::MAX), Duration::from_millis(48_001));
        assert_eq!(CachePolicy { jitter_percent: 255, ..policy }.jittered(minute, u32::MAX).as_millis(), 1);
    }
}

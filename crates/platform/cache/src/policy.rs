//! The policy of a cache: lifetimes, limits and timeouts.

use std::time::Duration;

/// The policy of a cache. Start from [`CachePolicy::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// Time for which a value is fresh, counted from the start of its load and shortened by `jitter_percent`. Default: 60 s.
    pub ttl: Duration,
    /// Maximum random reduction of a lifetime in percent, 0 to 100, so that values that were loaded together do not expire
    /// together. Default: 10.
    pub jitter_percent: u8,
    /// Time for which an absent value is cached. Zero disables it. Default: 5 s.
    pub null_ttl: Duration,
    /// Time after `ttl` for which a stale value is served while one load refreshes it. Default: 10 s.
    pub stale_while_revalidate: Duration,
    /// Maximum weight of all values together. Each value weighs 1, except in a cache of
    /// [`Cache::weighed`](crate::Cache::weighed), which usually counts bytes. Default: 10,000.
    pub weight_max: u64,
    /// Maximum weight of one value. A heavier value is served but not stored, and counted in `pulse_cache_oversized_total`.
    /// Default: no limit.
    pub value_weight_max: u32,
    /// Maximum duration of a load. Its callers get `DEADLINE_EXCEEDED` after that. Default: 5 s.
    pub load_timeout: Duration,
}

impl Default for CachePolicy {
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
    /// `whole`, shortened by the share that the uniformly distributed `draw` determines.
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
    fn jitter_shortens_by_its_percentage_at_most() {
        let policy = CachePolicy { jitter_percent: 20, ..CachePolicy::default() };
        let minute = Duration::from_secs(60);
        assert_eq!(policy.jittered(minute, 0), minute);
        assert_eq!(policy.jittered(minute, u32::MAX), Duration::from_millis(48_001));
        assert_eq!(CachePolicy { jitter_percent: 255, ..policy }.jittered(minute, u32::MAX).as_millis(), 1);
    }
}

//! The limiter of one process: counters in sharded tables; decisions neither wait nor allocate.

mod bucket;
mod holders;
mod table;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pulse_kernel::Timestamp;

use self::bucket::Bucket;
use self::holders::Holders;
use self::table::Table;
use self::window::Window;
use crate::{Answer, Decision, Key, Lease, Limiter, PermitLimit, Quota};

/// Treatment of new keys while the maximum number of keys is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// New keys are rejected until idle keys are removed. For limits that must hold.
    Refuse,
    /// New keys are allowed uncounted. For limits with load shedding after them.
    ///
    /// Permits are rejected in both cases: an uncounted permit would exceed the limit.
    Admit,
}

/// Options of a [`MemoryLimiter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimiterOptions {
    /// Maximum number of keys of each of the three kinds of counters. Default 1 000 000. A rate limit takes about 56 bytes,
    /// a window about 72 (more with a count above 2), so a million keys take 60 to 130 MB.
    pub keys_max: usize,
    /// Treatment of further keys. Default: reject.
    pub when_full: WhenFull,
}

impl Default for MemoryLimiterOptions {
    fn default() -> Self {
        Self { keys_max: 1_000_000, when_full: WhenFull::Refuse }
    }
}

/// `retry_after` of a key that was rejected because the table is full: the interval of the sweeps.
const FULL_RETRY_AFTER: Duration = table::SWEEP_INTERVAL;

/// A [`Limiter`] in this process. Counters are removed when they are idle.
pub struct MemoryLimiter {
    rates: Table<Bucket>,
    windows: Table<Window>,
    permits: Table<Holders>,
    when_full: WhenFull,
    token_next: AtomicU64,
}

impl MemoryLimiter {
    /// A limiter without counters.
    #[must_use]
    pub fn new(limits: MemoryLimiterOptions) -> Self {
        Self {
            rates: Table::new(limits.keys_max),
            windows: Table::new(limits.keys_max),
            permits: Table::new(limits.keys_max),
            when_full: limits.when_full,
            token_next: AtomicU64::new(1),
        }
    }

    /// [`Limiter::check`] for callers that cannot wait.
    pub fn check_now(&self, key: Key, quota: Quota, cost: u32, now: Timestamp) -> Decision {
        self.rates
            .update(key, now, || Bucket::full(quota, now), |bucket| bucket.take(quota, cost, now))
            .unwrap_or_else(|| self.decide_when_full(quota))
    }

    /// [`Limiter::count_window`] for callers that cannot wait.
    pub fn count_window_now(&self, key: Key, quota: Quota, now: Timestamp) -> Decision {
        self.windows
            .update(key, now, Window::default, |window| window.count(quota, now))
            .unwrap_or_else(|| self.decide_when_full(quota))
    }

    /// Removes all keys that are idle at `now`. New keys trigger it as well; call it periodically to release memory without
    /// traffic. Locks one shard at a time.
    pub fn sweep(&self, now: Timestamp) {
        self.rates.sweep(now);
        self.windows.sweep(now);
        self.permits.sweep(now);
    }

    /// Number of counted keys of all three kinds.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.rates.len() + self.windows.len() + self.permits.len()
    }

    fn decide_when_full(&self, quota: Quota) -> Decision {
        match self.when_full {
            WhenFull::Refuse => Decision::refuse(0, FULL_RETRY_AFTER),
            WhenFull::Admit => Decision::allow(quota.count.saturating_sub(1)),
        }
    }
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self::new(MemoryLimiterOptions::default())
    }
}

impl Limiter for MemoryLimiter {
    fn check(&self, key: Key, quota: Quota, cost: u32, now: Timestamp) -> Answer<'_, Decision> {
        Answer::ready(self.check_now(key, quota, cost, now))
    }

    fn count_window(&self, key: Key, quota: Quota, now: Timestamp) -> Answer<'_, Decision> {
        Answer::ready(self.count_window_now(key, quota, now))
    }

    fn lease(&self, key: Key, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>> {
        let lease = Lease {
            key,
            // Relaxed: only uniqueness matters; no other memory is published with it.
            token: self.token_next.fetch_add(1, Ordering::Relaxed),
            expires_at: now.plus(limit.lease),
        };
        let is_taken = self.permits.update(key, now, Holders::default, |holders| holders.take(lease, limit, now));
        Answer::ready(is_taken.unwrap_or(false).then_some(lease))
    }

    fn extend(&self, lease: Lease, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>> {
        let extended = Lease { expires_at: now.plus(limit.lease), ..lease };
        let is_extended = self.permits.update_known(lease.key, |holders| holders.extend(lease, extended, now));
        Answer::ready(is_extended.unwrap_or(false).then_some(extended))
    }

    fn release(&self, lease: Lease) {
        self.permits.update_known(lease.key, |holders| holders.release(lease));
    }
}

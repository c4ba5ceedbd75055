//! Quotas and decisions.

use std::time::Duration;

/// A maximum number of events per window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Maximum number of events within the window. 0 allows none.
    pub count: u32,
    /// Length of the window in milliseconds. 0 means no limit unless `count` is 0.
    pub window_ms: u32,
}

impl Quota {
    /// `count` events within `window_ms` milliseconds.
    #[must_use]
    pub const fn new(count: u32, window_ms: u32) -> Self {
        Self { count, window_ms }
    }
}

/// The decision of a limiter, with the values for the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request is allowed.
    pub is_allowed: bool,
    /// Number of further requests of cost 1 that would be allowed now.
    pub remaining: u32,
    /// Time until the same request is allowed without other requests. Zero if it was allowed; [`Duration::MAX`] if its cost
    /// exceeds the quota.
    pub retry_after: Duration,
}

impl Decision {
    /// Allowed; `remaining` further requests would be.
    #[must_use]
    pub const fn allow(remaining: u32) -> Self {
        Self { is_allowed: true, remaining, retry_after: Duration::ZERO }
    }

    /// Rejected; `remaining` requests of cost 1 would be allowed.
    #[must_use]
    pub const fn refuse(remaining: u32, retry_after: Duration) -> Self {
        Self { is_allowed: false, remaining, retry_after }
    }
}

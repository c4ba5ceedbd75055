//! How much is allowed, and what the limiter decided.

use std::time::Duration;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How many may pass within the window; with 0 nothing passes.
    pub count: u32,
    /// The length of the window in milliseconds; with 0 there is no limit as long as `count` is not 0.
    pub window_ms: u32,
}

impl Quota {
    /// `count` within `window_ms` milliseconds.
    #[must_use]
    pub const fn new(count: u32, window_ms: u32) -> Self {
        Self { count, window_ms }
    }
}

/// What a limiter decided, with what a caller may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the caller may pass.
    pub is_allowed: bool,
    /// How many more of cost 1 would pass at this moment.
    pub remaining: u32,
    /// How long to wait until the same request passes if nobody else asks; zero when it passed, and
    /// [`Duration::MAX`] when it asks for more than the quota can ever give.
    pub retry_after: Duration,
}

impl Decision {
    /// It passed, and `remaining` more would.
    #[must_use]
    pub const fn allow(remaining: u32) -> Self {
        Self { is_allowed: true, remaining, retry_after: Duration::ZERO }
    }

    /// It did not pass; `remaining` cheaper ones would.
    #[must_use]
    pub const fn refuse(remaining: u32, retry_after: Duration) -> Self {
        Self { is_allowed: false, remaining, retry_after }
    }
}

//! Time: an instant in milliseconds, and the clocks that return it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant plus `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// This instant minus `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// Duration from `earlier` to this instant; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A clock: that of the system, or a virtual one of a test.
///
/// Clones of a virtual clock share their time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system clock.
    System(SystemClock),
    /// A clock that advances only when it is moved.
    Virtual(VirtualClock),
}

impl Clock {
    /// The system clock.
    #[must_use]
    pub const fn system() -> Self {
        Self::System(SystemClock)
    }

    /// The current time. Read it once per request and pass the value on.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System(clock) => clock.now(),
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// Waits until `deadline`; returns immediately if it has passed.
    ///
    /// Cancel-safe.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match self {
            Self::System(clock) => tokio::time::sleep(deadline.since(clock.now())).await,
            Self::Virtual(clock) => clock.sleep_until(deadline).await,
        }
    }
}

/// The system clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl SystemClock {
    /// The current time of the system.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    pub fn now(self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(millis_of(since_epoch))
    }
}

/// A clock that is moved by [`VirtualClock::advance`] and [`VirtualClock::set`].
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl VirtualClock {
    /// A clock with the time `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// The current time of this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    /// Moves the clock forward and wakes the waits whose deadline has passed.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = now.plus(duration));
    }

    /// Moves the clock to `instant`, which may be in the past, as after a clock correction.
    pub fn set(&self, instant: Timestamp) {
        self.now.send_replace(instant);
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut now = self.now.subscribe();
        // The sender lives in `self`, so the wait ends only when the deadline is reached.
        now.wait_for(|now| *now >= deadline).await.map_or_else(|_| (), |_| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_clock_wakes_waits_at_their_deadline() {
        let virtual_clock = VirtualClock::starting_at(Timestamp::EPOCH);
        let clock = Clock::Virtual(virtual_clock.clone());
        let waiter = tokio::spawn(async move { clock.sleep_until(Timestamp::from_millis(1_000)).await });
        virtual_clock.advance(Duration::from_millis(999));
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        virtual_clock.advance(Duration::from_millis(1));
        waiter.await.unwrap();
    }
}

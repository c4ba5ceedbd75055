//! Time as a value: an instant in milliseconds, and the clocks that give it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant of 1970.
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

    /// This instant moved forward by `duration`; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// This instant moved back by `duration`; stops at the beginning of time instead of wrapping.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
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

/// Where the time comes from: the machine, or a test that moves it by hand.
///
/// Cheap to clone; all clones of a virtual clock show the same time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The clock of the machine.
    System(SystemClock),
    /// A clock that stands still until somebody moves it.
    Virtual(VirtualClock),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self::System(SystemClock)
    }

    /// What time it is. Read it once per request and pass the value on.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System(clock) => clock.now(),
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// Waits until this clock shows `deadline`; returns at once when it already does.
    ///
    /// Cancel-safe: dropping the future forgets the wait and nothing else.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match self {
            Self::System(clock) => tokio::time::sleep(deadline.since(clock.now())).await,
            Self::Virtual(clock) => clock.sleep_until(deadline).await,
        }
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl SystemClock {
    /// What time the machine says it is.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(millis_of(since_epoch))
    }
}

/// A clock that stands still until [`VirtualClock::advance`] or [`VirtualClock::set`] moves it.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// What time this clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    /// Moves the clock forward and wakes everybody who waits for the time in between.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = now.plus(duration));
    }

    /// Moves the clock to `instant`, backwards too: machines do that.
    pub fn set(&self, instant: Timestamp) {
        self.now.send_replace(instant);
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut now = self.now.subscribe();
        // The sender lives in `self`, so the wait can only end by the time being reached.
        now.wait_for(|now| *now >= deadline).await.map_or_else(|_| (), |_| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_clock_wakes_those_whose_time_has_come() {
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

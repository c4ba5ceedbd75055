//! Status of a sale as it is stored, and the state that follows from it.

use pulse_kernel::Timestamp;

/// Stored status of a sale. The [`State`] in API responses follows from it, the time, the pause and the free units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaleStatus {
    /// The sale can be changed and deleted. It has no units.
    Draft,
    /// The units are in the sale, or their transfer from the stock is in progress.
    Scheduled,
    /// The sale is loaded into the admission engine.
    Ready,
    /// The sale has ended. Unpaid units may still return.
    Closed,
    /// Every unit is paid or returned to the stock.
    Settled,
}

/// State of a sale in API responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The sale can be changed and deleted.
    Draft,
    /// The sale has its units and has not started.
    Scheduled,
    /// The sale is being loaded into the admission engine, or is loaded and has not started.
    Warming,
    /// Buyers are admitted.
    Open,
    /// Admissions are paused.
    Paused,
    /// The sale is open without free units. Unpaid units may become free.
    SoldOut,
    /// The sale has ended.
    Closed,
    /// Every unit is paid or returned; the sale does not change any more.
    Settled,
}

/// Start and end of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant of the sale.
    pub starts_at: Timestamp,
    /// First instant after the sale.
    pub ends_at: Timestamp,
}

impl SaleStatus {
    /// Returns the state of a sale with this status and window at `now`.
    #[must_use]
    pub fn state(self, window: Window, now: Timestamp, is_paused: bool, free: i64) -> State {
        match self {
            Self::Draft => State::Draft,
            Self::Settled => State::Settled,
            Self::Closed => State::Closed,
            Self::Scheduled | Self::Ready if now >= window.ends_at => State::Closed,
            Self::Scheduled | Self::Ready if is_paused => State::Paused,
            // A sale that is not loaded is not open, even after its start.
            Self::Scheduled if now < window.starts_at => State::Scheduled,
            Self::Scheduled => State::Warming,
            Self::Ready if now < window.starts_at => State::Warming,
            Self::Ready if free <= 0 => State::SoldOut,
            Self::Ready => State::Open,
        }
    }

    /// Returns whether the sale can be closed, paused, resumed or receive more units.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Scheduled | Self::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { starts_at: Timestamp::from_millis(1_000), ends_at: Timestamp::from_millis(2_000) };

    #[test]
    fn the_state_follows_from_status_time_pause_and_units() {
        let at = |millis| Timestamp::from_millis(millis);
        for (status, now, is_paused, free, expected) in [
            (SaleStatus::Draft, 1_500, false, 5, State::Draft),
            (SaleStatus::Scheduled, 999, false, 5, State::Scheduled),
            (SaleStatus::Scheduled, 1_000, false, 5, State::Warming),
            (SaleStatus::Ready, 999, false, 5, State::Warming),
            (SaleStatus::Ready, 1_000, false, 5, State::Open),
            (SaleStatus::Ready, 1_999, false, 0, State::SoldOut),
            (SaleStatus::Ready, 1_500, true, 0, State::Paused),
            (SaleStatus::Ready, 2_000, true, 5, State::Closed),
            (SaleStatus::Closed, 1_500, false, 5, State::Closed),
            (SaleStatus::Settled, 1_500, false, 5, State::Settled),
        ] {
            assert_eq!(status.state(WINDOW, at(now), is_paused, free), expected, "{status:?} at {now}");
        }
    }
}

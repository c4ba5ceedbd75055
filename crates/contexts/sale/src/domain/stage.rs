//! How far a sale has come.

use pulse_kernel::Timestamp;

/// What is written about how far a sale has come. The state that people see follows from it, the time and the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It can be changed and deleted, and has no units.
    Draft,
    /// It has its units, or takes them out of the stock just now.
    Scheduled,
    /// Everything that admissions need is in memory.
    Warm,
    /// It is over; some of its units may still come back.
    Closed,
    /// Every unit is paid for, or back in the stock.
    Settled,
}

/// What people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It can be changed and deleted.
    Draft,
    /// It has its units and waits for its time.
    Scheduled,
    /// It is brought into memory, or is there and waits for its time.
    Warming,
    /// People are admitted.
    Open,
    /// Nobody is admitted for now.
    Paused,
    /// It is open and nothing is left, unless somebody does not pay.
    SoldOut,
    /// It is over.
    Closed,
    /// Nothing of it can change any more.
    Settled,
}

/// A time from which on, and one from which on no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

impl Stage {
    /// What people see of a sale with this window at `now`.
    #[must_use]
    pub fn state(self, window: Window, now: Timestamp, is_paused: bool, free: i64) -> State {
        match self {
            Self::Draft => State::Draft,
            Self::Settled => State::Settled,
            Self::Closed => State::Closed,
            Self::Scheduled | Self::Warm if now >= window.ends_at => State::Closed,
            Self::Scheduled | Self::Warm if is_paused => State::Paused,
            // Until everything is in memory it is not open, whatever the clock says.
            Self::Scheduled if now < window.starts_at => State::Scheduled,
            Self::Scheduled => State::Warming,
            Self::Warm if now < window.starts_at => State::Warming,
            Self::Warm if free <= 0 => State::SoldOut,
            Self::Warm => State::Open,
        }
    }

    /// Whether it may be ended, paused, resumed or given more units.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Scheduled | Self::Warm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { starts_at: Timestamp::from_millis(1_000), ends_at: Timestamp::from_millis(2_000) };

    #[test]
    fn what_people_see_follows_from_stage_time_pause_and_units() {
        let at = |millis| Timestamp::from_millis(millis);
        for (stage, now, is_paused, free, expected) in [
            (Stage::Draft, 1_500, false, 5, State::Draft),
            (Stage::Scheduled, 999, false, 5, State::Scheduled),
            (Stage::Scheduled, 1_000, false, 5, State::Warming),
            (Stage::Warm, 999, false, 5, State::Warming),
            (Stage::Warm, 1_000, false, 5, State::Open),
            (Stage::Warm, 1_999, false, 0, State::SoldOut),
            (Stage::Warm, 1_500, true, 0, State::Paused),
            (Stage::Warm, 2_000, true, 5, State::Closed),
            (Stage::Closed, 1_500, false, 5, State::Closed),
            (Stage::Settled, 1_500, false, 5, State::Settled),
        ] {
            assert_eq!(stage.state(WINDOW, at(now), is_paused, free), expected, "{stage:?} at {now}");
        }
    }
}

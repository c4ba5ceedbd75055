//! When a ticket is likely ready: how much is to be made before it, times how long one unit takes at its station.
//!
//! A station makes one unit after the other, as far as this rule knows. How long one takes is what the shop said, until
//! tickets show it: each tells how long it took from started to ready, and counts less the more of them there were,
//! down to an eighth. So a new kitchen is learned within a few tickets, and an old one follows its evening.

use std::time::Duration;

/// How long a unit takes when neither the shop nor a ticket said anything.
pub const UNKNOWN: Duration = Duration::from_secs(5 * 60);
/// No estimate is further away.
pub const ESTIMATE_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// What one unit takes at least and at most, as a ticket tells: a button that was pressed twice, one that was forgotten.
const UNIT_MIN: Duration = Duration::from_secs(1);
const UNIT_MAX: Duration = Duration::from_secs(60 * 60);
/// A new ticket never counts less than one part in so many.
const WEIGHT_MIN_PARTS: u32 = 8;
/// From so many tickets on it makes no difference how many there were.
const SAMPLES_MAX: u32 = 1_000;

/// How long a station takes for one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepTime {
    /// One unit.
    pub unit: Duration,
    /// From how many tickets it was learned.
    pub sample_count: u32,
}

impl PrepTime {
    /// What the shop said, before there was a ticket; 0 minutes for nothing.
    #[must_use]
    pub fn said(minutes: i32) -> Self {
        let unit = match u64::try_from(minutes) {
            Ok(minutes) if minutes > 0 => Duration::from_secs(minutes.saturating_mul(60)),
            Ok(_) | Err(_) => UNKNOWN,
        };
        Self { unit, sample_count: 0 }
    }

    /// After a ticket of so many units took so long.
    #[must_use]
    pub fn learn(self, took: Duration, units: u32) -> Self {
        let sample = took.checked_div(units.max(1)).unwrap_or(took).clamp(UNIT_MIN, UNIT_MAX);
        let sample_count = self.sample_count.saturating_add(1).min(SAMPLES_MAX);
        // What the shop said counts as much as one ticket.
        let parts = sample_count.saturating_add(1).min(WEIGHT_MIN_PARTS);
        let rest = self.unit.saturating_mul(parts.saturating_sub(1));
        let unit = rest.saturating_add(sample).checked_div(parts).unwrap_or(sample);
        Self { unit, sample_count }
    }

    /// How long until so many units are made.
    #[must_use]
    pub fn for_units(self, units: u32) -> Duration {
        self.unit.saturating_mul(units).min(ESTIMATE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// The estimate table: what the shop said, units ahead and own, and when that is ready.
    #[test]
    fn an_estimate_is_units_times_the_time_of_one() {
        for (minutes, units, expected) in [
            (3, 1, seconds(180)),
            (3, 4, seconds(720)),
            (0, 1, UNKNOWN),
            (-1, 2, seconds(600)),
            (10, 24, ESTIMATE_MAX),
            (10, 25, ESTIMATE_MAX),
            (600, u32::MAX, ESTIMATE_MAX),
            (3, 0, Duration::ZERO),
        ] {
            assert_eq!(PrepTime::said(minutes).for_units(units), expected, "{minutes} minutes, {units} units");
        }
    }

    #[test]
    fn the_first_tickets_teach_most() {
        let said = PrepTime::said(5);
        let once = said.learn(seconds(200), 2);
        assert_eq!(once, PrepTime { unit: seconds(200), sample_count: 1 }, "half way from 300 to 100");
        let twice = once.learn(seconds(50), 1);
        assert_eq!(twice, PrepTime { unit: seconds(150), sample_count: 2 }, "a third of the way from 200 to 50");
        let old = PrepTime { unit: seconds(80), sample_count: SAMPLES_MAX };
        assert_eq!(old.learn(seconds(160), 1), PrepTime { unit: seconds(90), sample_count: SAMPLES_MAX });
    }

    #[test]
    fn forgotten_and_hasty_buttons_teach_little() {
        let old = PrepTime { unit: seconds(80), sample_count: 50 };
        assert_eq!(old.learn(seconds(1_000_000), 1), old.learn(UNIT_MAX, 1));
        assert_eq!(old.learn(Duration::ZERO, 3), old.learn(UNIT_MIN, 1));
    }

    proptest! {
        /// The time of a unit stays between what it was and what the ticket showed, and an estimate within its limit.
        #[test]
        fn learning_stays_in_bounds(minutes in 0..=600_i32, tickets in prop::collection::vec((0..100_000_u64, 0..50_u32), 0..40)) {
            let mut time = PrepTime::said(minutes);
            for (took, units) in tickets {
                let sample = seconds(took).checked_div(units.max(1)).unwrap().clamp(UNIT_MIN, UNIT_MAX);
                let next = time.learn(seconds(took), units);
                prop_assert!(next.unit >= time.unit.min(sample).saturating_sub(Duration::from_nanos(1)));
                prop_assert!(next.unit <= time.unit.max(sample));
                prop_assert!(next.for_units(units) <= ESTIMATE_MAX);
                time = next;
            }
        }
    }
}

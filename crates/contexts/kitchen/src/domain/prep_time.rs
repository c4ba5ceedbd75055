//! Estimates when a ticket is ready: the number of waiting units times the prep time of its station.
//!
//! The rule assumes that a station prepares one unit after the other. The prep time starts with the value of the shop. Each
//! ticket adds a sample, the time from started to ready per unit. The weight of a sample falls from one half to one eighth, so
//! the prep time adapts within a few tickets and then follows changes slowly.

use std::time::Duration;

/// Prep time of a unit without a value of the shop and without samples.
pub const UNKNOWN: Duration = Duration::from_secs(5 * 60);
/// Maximum estimate.
pub const ESTIMATE_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// Limits of a sample per unit, for moves that were made too early or too late.
const UNIT_MIN: Duration = Duration::from_secs(1);
const UNIT_MAX: Duration = Duration::from_secs(60 * 60);
/// Divisor of the minimum weight of a sample, one eighth.
const WEIGHT_MIN_PARTS: u32 = 8;
/// Maximum number of samples that is stored.
const SAMPLES_MAX: u32 = 1_000;

/// Prep time of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepTime {
    /// Time per unit.
    pub unit: Duration,
    /// Number of samples.
    pub sample_count: u32,
}

impl PrepTime {
    /// The prep time that the shop states, in minutes; 0 means that it states none.
    #[must_use]
    pub fn initial(minutes: i32) -> Self {
        let unit = match u64::try_from(minutes) {
            Ok(minutes) if minutes > 0 => Duration::from_secs(minutes.saturating_mul(60)),
            Ok(_) | Err(_) => UNKNOWN,
        };
        Self { unit, sample_count: 0 }
    }

    /// The prep time after a ticket with `units` units took `took`.
    #[must_use]
    pub fn learn(self, took: Duration, units: u32) -> Self {
        let sample = took.checked_div(units.max(1)).unwrap_or(took).clamp(UNIT_MIN, UNIT_MAX);
        let sample_count = self.sample_count.saturating_add(1).min(SAMPLES_MAX);
        // The value of the shop has the weight of one sample.
        let parts = sample_count.saturating_add(1).min(WEIGHT_MIN_PARTS);
        let rest = self.unit.saturating_mul(parts.saturating_sub(1));
        let unit = rest.saturating_add(sample).checked_div(parts).unwrap_or(sample);
        Self { unit, sample_count }
    }

    /// Time until `units` units are ready, at most [`ESTIMATE_MAX`].
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

    /// Estimates by the value of the shop and the number of units.
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
            assert_eq!(PrepTime::initial(minutes).for_units(units), expected, "{minutes} minutes, {units} units");
        }
    }

    #[test]
    fn the_first_samples_have_the_largest_weight() {
        let initial = PrepTime::initial(5);
        let once = initial.learn(seconds(200), 2);
        assert_eq!(once, PrepTime { unit: seconds(200), sample_count: 1 }, "half way from 300 to 100");
        let twice = once.learn(seconds(50), 1);
        assert_eq!(twice, PrepTime { unit: seconds(150), sample_count: 2 }, "a third of the way from 200 to 50");
        let old = PrepTime { unit: seconds(80), sample_count: SAMPLES_MAX };
        assert_eq!(old.learn(seconds(160), 1), PrepTime { unit: seconds(90), sample_count: SAMPLES_MAX });
    }

    #[test]
    fn samples_are_limited() {
        let old = PrepTime { unit: seconds(80), sample_count: 50 };
        assert_eq!(old.learn(seconds(1_000_000), 1), old.learn(UNIT_MAX, 1));
        assert_eq!(old.learn(Duration::ZERO, 3), old.learn(UNIT_MIN, 1));
    }

    proptest! {
        /// The prep time stays between its old value and the sample, and an estimate stays within its limit.
        #[test]
        fn learning_stays_in_bounds(minutes in 0..=600_i32, tickets in prop::collection::vec((0..100_000_u64, 0..50_u32), 0..40)) {
            let mut time = PrepTime::initial(minutes);
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

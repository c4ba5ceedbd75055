//! The arithmetic of results: rates, ratios and medians, the only place here that needs fractions.
#![expect(clippy::float_arithmetic, reason = "rates and ratios are shown to people; nothing is decided by them")]

use std::time::Duration;

/// Nanoseconds of a duration; 584 years at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A count as a fraction, for dividing.
#[expect(clippy::as_conversions, reason = "exact up to 2^53, which no count of a benchmark reaches")]
pub(crate) fn fraction(count: u64) -> f64 {
    count as f64
}

/// How many per second; 0 when no time passed.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { fraction(count) / elapsed.as_secs_f64() }
}

/// `left / right`; 0 when there is nothing to compare with.
pub(crate) fn ratio(left: f64, right: f64) -> f64 {
    if right == 0.0 { 0.0 } else { left / right }
}

/// Nanoseconds as milliseconds.
pub(crate) fn millis(nanos: u64) -> f64 {
    fraction(nanos) / 1e6
}

/// `percent` of a rate as a whole number per second, rounded down.
pub(crate) fn share_of(rate_per_s: f64, percent: u8) -> u64 {
    let share = (rate_per_s * f64::from(percent) / 100.0).floor();
    // `Duration` is the only checked way from a fraction to a whole number in the standard library.
    Duration::try_from_secs_f64(share).map_or(0, |seconds| seconds.as_secs())
}

/// Rounds to so many decimal places, so that the output shows no false precision.
pub(crate) fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}

/// The value in the middle (the mean of the two in the middle when their number is even); 0 of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() >> 1;
    let lower = sorted.len().saturating_sub(1) >> 1;
    match (sorted.get(lower), sorted.get(upper)) {
        (Some(low), Some(high)) => low.midpoint(*high),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!([median([]), median([3.0]), median([9.0, 1.0, 2.0]), median([4.0, 1.0])], [0.0, 3.0, 2.0, 2.5]);
    }

    #[test]
    fn shares_and_rates_are_defined_at_zero() {
        assert_eq!(share_of(1_001.0, 70), 700);
        assert_eq!([share_of(0.0, 70), share_of(-1.0, 70), share_of(f64::NAN, 70)], [0; 3]);
        assert_eq!((per_second(5, Duration::ZERO), ratio(1.0, 0.0)), (0.0, 0.0));
        assert_eq!((rounded(1.23456, 3), millis(1_500_000)), (1.235, 1.5));
    }
}

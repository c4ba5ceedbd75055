//! Days with a check-in: 31 bits per month, and the streak across months (PL-02).

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

/// Maximum length of a streak in days.
pub const STREAK_DAYS_MAX: i32 = 366;

/// A month as one number: `year * 12 + month - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(i64);

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self(i64::from(day.year()) * 12 + i64::from(day.month()) - 1)
    }

    /// Parses `YYYY-MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let (year, month) = (year.parse::<i64>().ok()?, month.parse::<i64>().ok()?);
        (1..=12).contains(&month).then_some(Self(year * 12 + month - 1))
    }

    /// The month as a number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The month with this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The month that is `months` earlier.
    #[must_use]
    pub const fn minus(self, months: i64) -> Self {
        Self(self.0 - months)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// The bit of a day in its month; bit 0 is the first day.
#[must_use]
pub fn day_bit(day: Date) -> u32 {
    u32::try_from(day.day() - 1).map_or(0, |index| 1 << index)
}

/// Number of consecutive days with a check-in that end with `today`, or with the day before when today has none.
///
/// `months` contains the bits of each month; a missing month has no check-ins.
#[must_use]
pub fn streak(months: &BTreeMap<Month, u32>, today: Date) -> i32 {
    let is_checked_in = |day: Date| months.get(&Month::of(day)).is_some_and(|bits| bits & day_bit(day) != 0);
    let mut day = if is_checked_in(today) { today } else { before(today) };
    let mut streak = 0;
    while streak < STREAK_DAYS_MAX && is_checked_in(day) {
        streak += 1;
        day = before(day);
    }
    streak
}

fn before(day: Date) -> Date {
    day.saturating_sub(1.day())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn months(days: &[Date]) -> BTreeMap<Month, u32> {
        let mut months = BTreeMap::new();
        for day in days {
            *months.entry(Month::of(*day)).or_insert(0) |= day_bit(*day);
        }
        months
    }

    /// PL-02: the streak equals hand-made examples across months, leap days and years.
    #[test]
    fn streaks_cross_months_leap_days_and_years() {
        for (days, today, expected) in [
            (vec![], date(2026, 3, 1), 0),
            (vec![date(2026, 3, 1)], date(2026, 3, 1), 1),
            (vec![date(2026, 2, 28)], date(2026, 3, 1), 1),
            (vec![date(2026, 2, 27)], date(2026, 3, 1), 0),
            (vec![date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)], date(2024, 3, 1), 3),
            (vec![date(2025, 12, 31), date(2026, 1, 1)], date(2026, 1, 1), 2),
            (vec![date(2026, 1, 1), date(2026, 1, 3)], date(2026, 1, 3), 1),
        ] {
            assert_eq!(streak(&months(&days), today), expected, "{days:?}");
        }
    }

    #[test]
    fn a_streak_ends_at_its_limit() {
        let first = date(2024, 1, 1);
        let days: Vec<Date> = (0..800).map(|offset| first.saturating_add(offset.days())).collect();
        assert_eq!(streak(&months(&days), days[799]), STREAK_DAYS_MAX);
    }

    #[test]
    fn a_month_has_31_bits() {
        let month = months(&(1..=31).map(|day| date(2026, 1, day)).collect::<Vec<_>>());
        assert_eq!(month.values().map(|bits| bits.count_ones()).sum::<u32>(), 31);
        assert_eq!(Month::parse("2026-01").map(|month| month.to_string()).as_deref(), Some("2026-01"));
        assert_eq!(Month::parse("2026-13"), None);
    }
}

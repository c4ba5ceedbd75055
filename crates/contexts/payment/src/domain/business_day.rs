//! Business days: from midnight to midnight in the time zone of the shop.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pulse_kernel::Timestamp;

/// Instants of a business day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusinessDay {
    /// First instant of the day.
    pub start: Timestamp,
    /// First instant after the day.
    pub end: Timestamp,
}

/// Instants of a day (`YYYY-MM-DD`) in a time zone; `None` if the day or the time zone does not exist.
#[must_use]
pub fn of_date(business_date: &str, time_zone: &str) -> Option<BusinessDay> {
    let date: Date = business_date.parse().ok()?;
    let zone = TimeZone::get(time_zone).ok()?;
    let start = |date: Date| {
        let midnight = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
        Some(Timestamp::from_millis(midnight.timestamp().as_millisecond()))
    };
    Some(BusinessDay { start: start(date)?, end: start(date.checked_add(1.day()).ok()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_start_and_end_in_the_time_zone_of_the_shop() {
        let hours = |date, zone| {
            let BusinessDay { start, end } = of_date(date, zone)?;
            let start_text = jiff::Timestamp::from_millisecond(start.as_millis()).ok()?.to_string();
            Some((start_text, end.since(start).as_secs().div_euclid(3_600)))
        };
        for (date, zone, expected) in [
            ("2026-05-04", "Asia/Shanghai", Some(("2026-05-03T16:00:00Z", 24))),
            ("2026-03-29", "Europe/Berlin", Some(("2026-03-28T23:00:00Z", 23))),
            ("2026-10-25", "Europe/Berlin", Some(("2026-10-24T22:00:00Z", 25))),
            // On that day the time zone had no midnight.
            ("2018-11-04", "America/Sao_Paulo", Some(("2018-11-04T03:00:00Z", 23))),
            ("2026-02-30", "Asia/Shanghai", None),
            ("2026-05-04", "Asia/Shangai", None),
        ] {
            let expected = expected.map(|(start, hours)| (start.to_owned(), hours));
            assert_eq!(hours(date, zone), expected, "{date} {zone}");
        }
    }
}

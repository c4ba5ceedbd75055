//! A day as a shop counts it: from midnight to midnight where the shop is.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pulse_kernel::Timestamp;

/// The first instant of the day and the first one after it; `None` when there is no such day or zone.
#[must_use]
pub fn bounds(business_date: &str, time_zone: &str) -> Option<(Timestamp, Timestamp)> {
    let date: Date = business_date.parse().ok()?;
    let zone = TimeZone::get(time_zone).ok()?;
    let start = |date: Date| {
        let midnight = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
        Some(Timestamp::from_millis(midnight.timestamp().as_millisecond()))
    };
    Some((start(date)?, start(date.checked_add(1.day()).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_where_the_shop_is() {
        let hours = |date, zone| {
            let (start, end) = bounds(date, zone)?;
            let start_text = jiff::Timestamp::from_millisecond(start.as_millis()).ok()?.to_string();
            Some((start_text, end.since(start).as_secs().div_euclid(3_600)))
        };
        for (date, zone, expected) in [
            ("2026-05-04", "Asia/Shanghai", Some(("2026-05-03T16:00:00Z", 24))),
            ("2026-03-29", "Europe/Berlin", Some(("2026-03-28T23:00:00Z", 23))),
            ("2026-10-25", "Europe/Berlin", Some(("2026-10-24T22:00:00Z", 25))),
            // Midnight itself did not exist there on that day.
            ("2018-11-04", "America/Sao_Paulo", Some(("2018-11-04T03:00:00Z", 23))),
            ("2026-02-30", "Asia/Shanghai", None),
            ("2026-05-04", "Asia/Shangai", None),
        ] {
            let expected = expected.map(|(start, hours)| (start.to_owned(), hours));
            assert_eq!(hours(date, zone), expected, "{date} {zone}");
        }
    }
}

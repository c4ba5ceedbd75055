//! Parses opening hours of the contract. Shops with equal hours share one schedule.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use parking_lot::Mutex;
use pulse_contract::shop::v1::{Hours as Wire, errors};
use pulse_kernel::Error;

use crate::domain::hours::{Hours, RULES_MAX, Refusal, Rule, SPANS_MAX, SPECIAL_DAYS_MAX, Schedule, Span, Zone};

/// Number of shared schedules at which the cache is cleared.
const SHARED_MAX: usize = 50_000;

/// Parser of opening hours with a default time zone.
#[derive(Debug)]
pub(crate) struct Zones {
    default_zone: Zone,
    shared: Mutex<HashMap<String, Arc<Hours>>>,
}

impl Zones {
    /// A parser with this default time zone; UTC when the name is unknown.
    pub(crate) fn new(default_zone: &str) -> Self {
        let default_zone = Zone::new(default_zone).unwrap_or_else(Zone::utc);
        Self { default_zone, shared: Mutex::default() }
    }

    /// The hours of a message. Text that cannot be read is unknown.
    ///
    /// # Errors
    /// `SHOP_TIME_ZONE_UNKNOWN`; `SHOP_HOURS_INVALID` for overlapping spans, a span that ends before it begins, an invalid
    /// date, or a date that occurs twice.
    pub(crate) fn read(&self, wire: &Wire) -> Result<Arc<Hours>, Error> {
        let zone = match wire.time_zone.as_str() {
            "" => self.default_zone.clone(),
            name => Zone::new(name).ok_or_else(|| unknown_zone(name))?,
        };
        if !wire.week.is_empty() {
            return Ok(Arc::new(Hours::from_schedule(weekly(wire, zone)?)));
        }
        if wire.exceptions.is_empty() {
            return Ok(self.shared_of(wire, &zone));
        }
        let hours = self.shared_of(wire, &zone);
        let schedule = match hours.schedule() {
            Some(schedule) => schedule.with_special(&special_days(wire)?),
            // Exceptions say nothing about the other days.
            None => {
                let special = special_days(wire)?;
                Schedule::new(zone, vec![Rule::unknown()]).and_then(|unknown| unknown.with_special(&special))
            }
        };
        Ok(Arc::new(hours.with_schedule(schedule.map_err(invalid)?)))
    }

    /// Checks the hours that a merchant writes: they must be readable as a whole.
    ///
    /// # Errors
    /// Those of [`Zones::read`], and `SHOP_HOURS_INVALID` with the position of text that cannot be read.
    pub(crate) fn check(&self, wire: &Wire) -> Result<(), Error> {
        match self.read(wire)?.mistakes() {
            [] => Ok(()),
            [first, ..] => Err(errors::SHOP_HOURS_INVALID
                .error(format!(
                    "osm must be opening hours such as Mo-Fr 09:00-17:00; cannot read {:?} at character {}",
                    first.text, first.position
                ))
                .with("position", first.position)),
        }
    }

    /// The hours of a text; shops with the same text share them.
    fn shared_of(&self, wire: &Wire, zone: &Zone) -> Arc<Hours> {
        let key = format!("{}\n{}", zone.name(), wire.osm);
        if let Some(known) = self.shared.lock().get(&key) {
            return Arc::clone(known);
        }
        let hours = Arc::new(Hours::from_osm(&wire.osm, zone));
        let mut shared = self.shared.lock();
        if shared.len() >= SHARED_MAX {
            shared.clear();
        }
        shared.insert(key, Arc::clone(&hours));
        hours
    }
}

fn weekly(wire: &Wire, zone: Zone) -> Result<Schedule, Error> {
    let mut week = Vec::with_capacity(wire.week.len());
    for (index, span) in wire.week.iter().enumerate() {
        let weekday = u8::try_from(span.weekday - 1).map_err(|_negative| {
            let detail = format!("week[{index}].weekday must be between 1 and 7, got {}", span.weekday);
            errors::SHOP_HOURS_INVALID.error(detail)
        })?;
        week.push((weekday, to_span(&format!("week[{index}]"), span.opens_minute, span.closes_minute)?));
    }
    Schedule::weekly(zone, &week, &special_days(wire)?).map_err(invalid)
}

/// The dates with their own hours.
fn special_days(wire: &Wire) -> Result<Vec<(Date, Vec<Span>)>, Error> {
    let mut special: Vec<(Date, Vec<Span>)> = Vec::with_capacity(wire.exceptions.len());
    for (index, day) in wire.exceptions.iter().enumerate() {
        let date: Date = day.business_date.parse().map_err(|error: jiff::Error| {
            let detail =
                format!("exceptions[{index}].business_date must be a date as YYYY-MM-DD, got {:?}", day.business_date);
            errors::SHOP_HOURS_INVALID.error(detail).caused_by(error)
        })?;
        if special.iter().any(|(earlier, _)| *earlier == date) {
            let detail = format!("exceptions[{index}].business_date must be unique, got {:?} twice", day.business_date);
            return Err(errors::SHOP_HOURS_INVALID.error(detail));
        }
        let spans = day.spans.iter().enumerate().map(|(span_index, span)| {
            let field = format!("exceptions[{index}].spans[{span_index}]");
            to_span(&field, span.opens_minute, span.closes_minute)
        });
        special.push((date, spans.collect::<Result<Vec<Span>, Error>>()?));
    }
    Ok(special)
}

fn unknown_zone(name: &str) -> Error {
    errors::SHOP_TIME_ZONE_UNKNOWN.error(format!("time_zone must be an IANA name such as Asia/Shanghai, got {name:?}"))
}

fn invalid(refusal: Refusal) -> Error {
    let rule = match refusal {
        Refusal::Empty => "hours must contain at least one rule".to_owned(),
        Refusal::TooMany => format!(
            "hours can have at most {RULES_MAX} rules, {SPECIAL_DAYS_MAX} exceptions, and {SPANS_MAX} spans per day"
        ),
        Refusal::SpanInvalid => {
            "a span must begin before minute 1440 and end after its begin, by minute 2880".to_owned()
        }
        Refusal::SpansOverlap => "spans of one day must not overlap".to_owned(),
        Refusal::WeekdayInvalid => "weekday must be between 1 and 7".to_owned(),
    };
    errors::SHOP_HOURS_INVALID.error(rule)
}

fn to_span(field: &str, opens: i32, closes: i32) -> Result<Span, Error> {
    match (u16::try_from(opens), u16::try_from(closes)) {
        (Ok(from_minute), Ok(until_minute)) if from_minute < until_minute => Ok(Span { from_minute, until_minute }),
        _ => {
            let detail = format!("{field}.closes_minute must be greater than opens_minute, got {closes} and {opens}");
            Err(errors::SHOP_HOURS_INVALID.error(detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use pulse_contract::shop::v1::{HoursException, HoursSpan};
    use pulse_kernel::Timestamp;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn exceptions_lie_over_hours_that_came_as_text() {
        let closed = HoursException { business_date: "2026-12-25".into(), ..HoursException::default() };
        let wire = Wire { osm: "Mo-Fr 09:00-17:00".into(), exceptions: vec![closed], ..Wire::default() };
        let zones = Zones::new("UTC");
        let hours = zones.read(&wire).unwrap();
        assert_eq!(hours.is_open(at("2026-12-24T12:00:00Z")), Some(true));
        assert_eq!(hours.is_open(at("2026-12-25T12:00:00Z")), Some(false));
        // An import keeps what it cannot read: the dates count, and the other days are unknown.
        let riddle = Wire { osm: "by chance".into(), ..wire };
        let hours = zones.read(&riddle).unwrap();
        assert_eq!(hours.is_open(at("2026-12-24T12:00:00Z")), None);
        assert_eq!(hours.is_open(at("2026-12-25T12:00:00Z")), Some(false));
        assert_eq!(zones.check(&riddle).unwrap_err().code(), "SHOP_HOURS_INVALID");
    }

    /// H1: a closed date alone says nothing about the other days.
    #[test]
    fn exceptions_alone_leave_the_other_days_unknown() {
        let closed = HoursException { business_date: "2026-12-25".into(), ..HoursException::default() };
        for osm in ["", "PH off"] {
            let wire = Wire { osm: osm.into(), exceptions: vec![closed.clone()], ..Wire::default() };
            let hours = Zones::new("UTC").read(&wire).unwrap();
            assert_eq!(hours.is_open(at("2026-12-24T12:00:00Z")), None, "{osm}");
            assert_eq!(hours.is_open(at("2026-12-25T12:00:00Z")), Some(false), "{osm}");
        }
    }

    /// H4: one date twice is refused, with a week, with a text, and alone.
    #[test]
    fn a_date_occurs_once() {
        let day = |date: &str| HoursException { business_date: date.into(), ..HoursException::default() };
        let twice = vec![day("2026-12-25"), day("2026-12-24"), day("2026-12-25")];
        let week = vec![HoursSpan { weekday: 1, opens_minute: 540, closes_minute: 600 }];
        for wire in [
            Wire { week, ..Wire::default() },
            Wire { osm: "24/7".into(), ..Wire::default() },
            Wire { osm: "ten to ten".into(), ..Wire::default() },
            Wire::default(),
        ] {
            let wire = Wire { exceptions: twice.clone(), ..wire };
            let error = Zones::new("UTC").read(&wire).unwrap_err();
            assert_eq!(error.code(), "SHOP_HOURS_INVALID");
            assert_eq!(error.detail(), "exceptions[2].business_date must be unique, got \"2026-12-25\" twice");
        }
    }

    /// H2: a merchant learns where the mistake is.
    #[test]
    fn a_merchant_gets_the_position_of_a_mistake() {
        for (osm, position) in [
            ("ten to ten", 1),
            ("Mo-Fr 9am-5pm", 7),
            ("Mo-Fr 09:00-17:00; Sa ten to ten", 23),
            ("Mo-Fr 09:00-17:00 daily", 19),
            ("\u{8336} Mo 10:00-12:00", 1),
            ("Mo-Fr", 6),
            ("Mo-Fr 09:00-17:00; SH off", 20),
            ("sunrise-sunset", 1),
            ("09:00-25:61", 1),
        ] {
            let error = Zones::new("UTC").check(&Wire { osm: osm.into(), ..Wire::default() }).unwrap_err();
            assert_eq!(error.code(), "SHOP_HOURS_INVALID", "{osm}");
            assert!(error.detail().ends_with(&format!("at character {position}")), "{osm}: {}", error.detail());
        }
        for osm in ["", "24/7", "24/7 off", "Mo-Fr 09:00-17:00; Easter off", "Sa[1,3] 10:00-12:00", "07:00+"] {
            Zones::new("UTC").check(&Wire { osm: osm.into(), ..Wire::default() }).unwrap();
        }
    }
}

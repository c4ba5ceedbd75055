//! Opening hours between the wire and the rules. Equal hours of many shops share one schedule.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use parking_lot::Mutex;
use pulse_contract::shop::v1::{Hours as Wire, errors};
use pulse_kernel::Error;

use crate::domain::hours::{Hours, Refusal, Schedule, Span, Zone};

/// How many different hours are shared before the memory of them begins anew.
const SHARED_MAX: usize = 50_000;

/// Reads opening hours, with the zone of the platform for those that name none.
#[derive(Debug)]
pub(crate) struct Zones {
    default_zone: Zone,
    shared: Mutex<HashMap<String, Arc<Hours>>>,
}

impl Zones {
    /// With the platform's own zone; UTC when there is no such zone.
    pub(crate) fn new(default_zone: &str) -> Self {
        let default_zone = Zone::new(default_zone).unwrap_or_else(Zone::utc);
        Self { default_zone, shared: Mutex::default() }
    }

    /// The hours that the message means.
    ///
    /// # Errors
    /// `SHOP_TIME_ZONE_UNKNOWN`; `SHOP_HOURS_INVALID` when spans overlap or end before they begin, or a date is none.
    pub(crate) fn read(&self, wire: &Wire) -> Result<Arc<Hours>, Error> {
        let zone = match wire.time_zone.as_str() {
            "" => self.default_zone.clone(),
            name => Zone::new(name)
                .ok_or_else(|| errors::SHOP_TIME_ZONE_UNKNOWN.error("use a name such as Asia/Shanghai"))?,
        };
        if !wire.week.is_empty() || (wire.osm.is_empty() && !wire.exceptions.is_empty()) {
            return Ok(Arc::new(Hours::from_schedule(weekly(wire, zone)?)));
        }
        if wire.exceptions.is_empty() {
            return Ok(self.shared_of(wire, &zone));
        }
        let hours = self.shared_of(wire, &zone);
        let rules = hours.schedule().ok_or_else(|| {
            errors::SHOP_HOURS_INVALID.error("exceptions need hours that are understood; give the week as spans")
        })?;
        let schedule = rules.with_special(&special_days(wire)?).map_err(contradiction)?;
        Ok(Arc::new(Hours::from_schedule(schedule)))
    }

    /// The hours of the text; shops with the same one share them.
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
        let weekday = u8::try_from(span.weekday - 1)
            .map_err(|_e| errors::SHOP_HOURS_INVALID.error(format!("week[{index}].weekday")))?;
        week.push((weekday, to_span(span.opens_minute, span.closes_minute)?));
    }
    Schedule::weekly(zone, &week, &special_days(wire)?).map_err(contradiction)
}

/// The days that have hours of their own.
fn special_days(wire: &Wire) -> Result<Vec<(Date, Vec<Span>)>, Error> {
    let mut special = Vec::with_capacity(wire.exceptions.len());
    for (index, day) in wire.exceptions.iter().enumerate() {
        let date: Date = day.business_date.parse().map_err(|error: jiff::Error| {
            errors::SHOP_HOURS_INVALID.error(format!("exceptions[{index}].business_date")).caused_by(error)
        })?;
        let spans: Result<Vec<Span>, Error> =
            day.spans.iter().map(|span| to_span(span.opens_minute, span.closes_minute)).collect();
        special.push((date, spans?));
    }
    Ok(special)
}

fn contradiction(refusal: Refusal) -> Error {
    errors::SHOP_HOURS_INVALID.error(format!("the hours contradict themselves: {refusal:?}"))
}

fn to_span(opens: i32, closes: i32) -> Result<Span, Error> {
    match (u16::try_from(opens), u16::try_from(closes)) {
        (Ok(from_minute), Ok(until_minute)) if from_minute < until_minute => Ok(Span { from_minute, until_minute }),
        _ => Err(errors::SHOP_HOURS_INVALID.error("a span opens before it closes")),
    }
}

#[cfg(test)]
mod tests {
    use pulse_contract::shop::v1::HoursException;
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
        let riddle = Wire { osm: "by chance".into(), ..wire };
        assert_eq!(zones.read(&riddle).unwrap_err().code(), "SHOP_HOURS_INVALID");
    }
}

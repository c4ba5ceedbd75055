//! Opening hours between the wire and the rules. Equal hours of many shops share one schedule.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use parking_lot::Mutex;
use pulse_contract::shop::v1::{Hours as Wire, errors};
use pulse_kernel::Error;

use crate::domain::hours::{Hours, Schedule, Span, Zone};

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
        if !wire.week.is_empty() || !wire.exceptions.is_empty() {
            return Ok(Arc::new(Hours::from_schedule(schedule(wire, zone)?)));
        }
        let key = format!("{}\n{}", zone.name(), wire.osm);
        if let Some(known) = self.shared.lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let hours = Arc::new(Hours::from_osm(&wire.osm, &zone));
        let mut shared = self.shared.lock();
        if shared.len() >= SHARED_MAX {
            shared.clear();
        }
        shared.insert(key, Arc::clone(&hours));
        Ok(hours)
    }
}

fn schedule(wire: &Wire, zone: Zone) -> Result<Schedule, Error> {
    let invalid = |what: String| errors::SHOP_HOURS_INVALID.error(what);
    let mut week = Vec::with_capacity(wire.week.len());
    for (index, span) in wire.week.iter().enumerate() {
        let weekday = u8::try_from(span.weekday - 1).map_err(|_e| invalid(format!("week[{index}].weekday")));
        week.push((weekday?, to_span(span.opens_minute, span.closes_minute)?));
    }
    let mut special = Vec::with_capacity(wire.exceptions.len());
    for (index, day) in wire.exceptions.iter().enumerate() {
        let date: Date = day
            .business_date
            .parse()
            .map_err(|error: jiff::Error| invalid(format!("exceptions[{index}].business_date")).caused_by(error))?;
        let spans: Result<Vec<Span>, Error> =
            day.spans.iter().map(|span| to_span(span.opens_minute, span.closes_minute)).collect();
        special.push((date, spans?));
    }
    Schedule::weekly(zone, &week, &special)
        .map_err(|refusal| invalid(format!("the hours contradict themselves: {refusal:?}")))
}

fn to_span(opens: i32, closes: i32) -> Result<Span, Error> {
    match (u16::try_from(opens), u16::try_from(closes)) {
        (Ok(from_minute), Ok(until_minute)) if from_minute < until_minute => Ok(Span { from_minute, until_minute }),
        _ => Err(errors::SHOP_HOURS_INVALID.error("a span opens before it closes")),
    }
}

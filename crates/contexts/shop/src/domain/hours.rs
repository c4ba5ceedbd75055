//! When a shop is open: weeks with breaks, special days, holidays and seasons, in the shop's own time zone.
//!
//! A schedule is a list of [`Rule`]s, the later one stronger, as in OpenStreetMap's `opening_hours`; a plain week of a
//! merchant is the simplest case of it. Everything is decided on the clock on the shop's wall: when the clocks go
//! back, an hour that happens twice is open twice; when they go forward, the hour that is skipped never is.

mod osm;
mod schedule;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Span as Step;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pulse_kernel::Timestamp;

pub use schedule::{
    DateRange, Effect, LOOK_AHEAD_DAYS, MonthDay, RULES_MAX, Refusal, Rule, SPANS_MAX, SPECIAL_DAYS_MAX, Schedule,
    Span, Weekdays,
};

/// A longer text is kept, but not read. 400 special days of ten spans fit.
pub const TEXT_BYTES_MAX: usize = 64_000;

/// The opening hours of a shop: the text that somebody wrote, and what we understood of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    text: String,
    schedule: Option<Arc<Schedule>>,
}

impl Hours {
    /// From OpenStreetMap's `opening_hours` syntax. The text is kept as it is, understood or not.
    ///
    /// Understood are weekdays, times (past midnight too), several rules, `off`, `24/7`, `PH`, months and dates.
    /// A night belongs to the day on which it began: after "Fr 22:00-02:00; Sa off" it is open on Saturday until two,
    /// which is what people mean, although the specification lets the later rule take the whole of Saturday.
    ///
    /// Not understood, therefore neither open nor closed, are sunset, weeks, school holidays, open ends, comments.
    #[must_use]
    pub fn from_osm(text: &str, zone: &Zone) -> Self {
        let rules = if text.len() <= TEXT_BYTES_MAX { osm::parse(text) } else { None };
        let schedule = rules.and_then(|rules| Schedule::new(zone.clone(), rules).ok());
        Self { text: text.to_owned(), schedule: schedule.map(Arc::new) }
    }

    /// From a schedule; its text in OpenStreetMap's syntax gives the same schedule back.
    #[must_use]
    pub fn from_schedule(schedule: Schedule) -> Self {
        Self { text: osm::print(&schedule), schedule: Some(Arc::new(schedule)) }
    }

    /// What was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was understood.
    #[must_use]
    pub fn schedule(&self) -> Option<&Arc<Schedule>> {
        self.schedule.as_ref()
    }

    /// Whether it is open at an instant; `None` when that cannot be known.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> Option<bool> {
        self.schedule.as_ref().map(|schedule| schedule.is_open(at))
    }

    /// When it opens or closes next after `at`; `None` when that cannot be known or is more than a week away.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.schedule.as_ref().and_then(|schedule| schedule.next_change(at))
    }
}

/// A time zone of the IANA data base. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// By its name, for example `Asia/Shanghai`; `None` when there is no such zone. The data base is compiled in.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What the clock on the wall shows. Compute it once for many schedules of one zone.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> LocalTime {
        let local = self.0.to_datetime(instant(at));
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
        let yesterday = local.date().yesterday().unwrap_or_else(|_| local.date());
        LocalTime { today: Day::new(local.date()), yesterday: Day::new(yesterday), minute }
    }

    /// The instants at which the clock on the wall shows `minute` of the day: one, two when the clocks go back; around
    /// the gap when they go forward.
    fn instants(&self, date: Date, minute: u16) -> [Timestamp; 2] {
        let wall = date
            .at(0, 0, 0, 0)
            .checked_add(Step::new().minutes(i64::from(minute)))
            .unwrap_or_else(|_| date.at(23, 59, 59, 0));
        let ambiguous = self.0.to_ambiguous_timestamp(wall);
        let or_start = |result: Result<jiff::Timestamp, jiff::Error>| {
            Timestamp::from_millis(result.map_or(i64::MIN, jiff::Timestamp::as_millisecond))
        };
        [or_start(ambiguous.earlier()), or_start(ambiguous.later())]
    }

    /// The instants between two instants at which the clocks are changed.
    fn clock_changes(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.0
            .following(instant(after))
            .map(|change| Timestamp::from_millis(change.timestamp().as_millisecond()))
            .take_while(move |change| *change <= until)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a clock on the wall shows: the day, the day before (a night may have begun there) and the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    today: Day,
    yesterday: Day,
    /// 0 to 1439.
    minute: u16,
}

/// A day with what the rules ask about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: Date,
    /// Monday is 0.
    weekday: u8,
    month_day: MonthDay,
}

impl Day {
    fn new(date: Date) -> Self {
        let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        Self { date, weekday, month_day: MonthDay::of(date) }
    }
}

/// What the clocks on the walls show at one instant, wherever schedules are: each zone is asked once.
#[derive(Debug)]
pub struct WallClocks {
    at: Timestamp,
    known: Vec<(Zone, LocalTime)>,
}

impl WallClocks {
    /// The clocks at an instant.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { at, known: Vec::new() }
    }

    /// Whether the schedule is open at the instant.
    pub fn is_open(&mut self, schedule: &Schedule) -> bool {
        let zone = schedule.zone();
        let local = match self.known.iter().find(|(known, _)| known == zone) {
            Some((_, local)) => *local,
            None => {
                let local = zone.local(self.at);
                self.known.push((zone.clone(), local));
                local
            }
        };
        schedule.is_open_at(&local)
    }
}

/// The same instant for jiff, which knows the years -9999 to 9999 only; what is beyond stops there.
fn instant(at: Timestamp) -> jiff::Timestamp {
    let end = if at < Timestamp::EPOCH { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(end)
}

#[cfg(test)]
mod tests;

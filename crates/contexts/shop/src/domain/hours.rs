//! Opening hours: weeks with breaks, special days, holidays and seasons, in the time zone of the shop.
//!
//! A schedule is a list of [`Rule`]s; a later rule overrides earlier ones, as in `opening_hours` of OpenStreetMap. A regular
//! week is the simplest schedule. Decisions use the local time: when clocks are set back, an hour that occurs twice is open
//! twice; when they are set forward, the skipped hour does not exist.

mod osm;
mod schedule;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Span as Step;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pulse_kernel::Timestamp;

pub use osm::Mistake;
pub use schedule::{
    DateRange, Edge, Effect, LOOK_AHEAD_DAYS, MonthDay, NthWeekday, RULES_MAX, Refusal, Rule, SPANS_MAX,
    SPECIAL_DAYS_MAX, Schedule, Span, State, WeekRange, Weekdays,
};

/// Maximum length of a text that is parsed, in bytes; a longer text is stored only. 400 special days of ten spans fit.
pub const TEXT_BYTES_MAX: usize = 64_000;

/// Length of the start of a text with too many rules that is reported, in characters.
const MISTAKE_CHARS_MAX: usize = 40;

/// Opening hours of a shop: the text as written, and the schedule of all parts that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    text: String,
    schedule: Option<Arc<Schedule>>,
    mistakes: Vec<Mistake>,
}

impl Hours {
    /// Parses the `opening_hours` syntax of OpenStreetMap. The text is stored unchanged, also when it cannot be read.
    ///
    /// Supported are weekdays (also the first or last of a month), times (also past midnight and with an open end), several
    /// rules, `off`, `unknown`, `24/7`, `PH`, years, months, weeks, dates, Easter, comments and fallbacks. A span belongs to
    /// the day on which it begins: "Fr 22:00-02:00; Sa off" is open on Saturday until two. The specification closes all of
    /// Saturday, which differs from common usage.
    ///
    /// Sunset and school holidays are not supported. Days of a part that cannot be read, and days that no part names beside
    /// it, are unknown; so are times after an open end and times with a comment.
    #[must_use]
    pub fn from_osm(text: &str, zone: &Zone) -> Self {
        let parsed = if text.len() <= TEXT_BYTES_MAX { osm::parse(text) } else { osm::Parsed::default() };
        let mut mistakes = parsed.mistakes;
        let schedule = Schedule::new(zone.clone(), parsed.rules);
        if schedule.is_err() && mistakes.is_empty() && !text.trim().is_empty() {
            let start: String = text.chars().take(MISTAKE_CHARS_MAX).collect();
            mistakes.push(Mistake { position: 1, text: start });
        }
        let schedule = schedule.map(|schedule| if mistakes.is_empty() { schedule } else { schedule.in_part() });
        Self { text: text.to_owned(), schedule: schedule.ok().map(Arc::new), mistakes }
    }

    /// The hours of a schedule, with a text that parses to the same schedule.
    #[must_use]
    pub fn from_schedule(schedule: Schedule) -> Self {
        Self { text: osm::print(&schedule), schedule: Some(Arc::new(schedule)), mistakes: Vec::new() }
    }

    /// The hours of a schedule that was made from these hours; the parts that could not be read stay.
    #[must_use]
    pub fn with_schedule(&self, schedule: Schedule) -> Self {
        Self { mistakes: self.mistakes.clone(), ..Self::from_schedule(schedule) }
    }

    /// Parts of the text that could not be read.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The schedule; `None` when no part of the text could be read.
    #[must_use]
    pub fn schedule(&self) -> Option<&Arc<Schedule>> {
        self.schedule.as_ref()
    }

    /// Whether the shop is open at an instant; `None` when the hours are unknown.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> Option<bool> {
        self.schedule.as_ref().and_then(|schedule| schedule.is_open(at))
    }

    /// The next opening or closing after `at`; `None` when the hours are unknown or do not change within a week.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.schedule.as_ref().and_then(|schedule| schedule.next_change(at))
    }
}

/// A time zone of the IANA database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone with this name, for example `Asia/Shanghai`; `None` for an unknown name. The database is compiled in.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Name of the zone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The local time at an instant. Compute it once for all schedules of a zone.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> LocalTime {
        let local = self.0.to_datetime(instant(at));
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
        let yesterday = local.date().yesterday().unwrap_or_else(|_| local.date());
        LocalTime { today: Day::new(local.date()), yesterday: Day::new(yesterday), minute }
    }

    /// The instants at which the local time is `minute` of the day: usually one instant twice, two instants when clocks are
    /// set back, and both sides of the gap when they are set forward.
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

    /// The clock changes between two instants.
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

/// Local time: the day, the day before (a span past midnight may have begun there) and the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    today: Day,
    yesterday: Day,
    /// Minute of the day, 0 to 1439.
    minute: u16,
}

/// A day with the attributes that rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: Date,
    /// Weekday; Monday is 0.
    weekday: u8,
    /// ISO week, 1 to 53.
    week: i8,
    month_day: MonthDay,
}

impl Day {
    fn new(date: Date) -> Self {
        let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        Self { date, weekday, week: date.iso_week_date().week(), month_day: MonthDay::of(date) }
    }
}

/// Local times of one instant; each zone is computed once.
#[derive(Debug)]
pub struct LocalClocks {
    at: Timestamp,
    known: Vec<(Zone, LocalTime)>,
}

impl LocalClocks {
    /// Local times of this instant.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { at, known: Vec::new() }
    }

    /// Whether the schedule is open at the instant; `None` when it does not tell.
    pub fn is_open(&mut self, schedule: &Schedule) -> Option<bool> {
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

/// The instant as a type of jiff, limited to the years -9999 to 9999.
fn instant(at: Timestamp) -> jiff::Timestamp {
    let end = if at < Timestamp::EPOCH { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(end)
}

#[cfg(test)]
mod tests;

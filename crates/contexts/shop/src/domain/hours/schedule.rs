//! Rules of opening hours, and their evaluation at an instant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use pulse_kernel::Timestamp;

use super::{Day, LocalTime, Zone};

/// Maximum number of rules of a schedule.
pub const RULES_MAX: usize = 64;
/// Maximum number of special days of a schedule.
pub const SPECIAL_DAYS_MAX: usize = 400;
/// Maximum number of spans of a day, and of date ranges of a rule.
pub const SPANS_MAX: usize = 16;
/// Number of days that [`Schedule::next_change`] searches.
pub const LOOK_AHEAD_DAYS: u32 = 7;
/// Additional days of the search: a span may begin the day before, and a clock change can move an instant by a day.
const DAYS_AROUND: u32 = 4;

const DAY_MINUTES: u16 = 24 * 60;
const WEEK: Weekdays = Weekdays::ALL;

/// Opening time without a break, in minutes since midnight of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First minute, 0 to 1439.
    pub from_minute: u16,
    /// Closing minute, after `from_minute` and at most 2880; values from 1440 are on the next day.
    pub until_minute: u16,
}

impl Span {
    /// A whole day.
    pub const DAY: Self = Self { from_minute: 0, until_minute: DAY_MINUTES };

    fn is_valid(self) -> bool {
        self.from_minute < DAY_MINUTES && self.from_minute < self.until_minute && self.until_minute <= 2 * DAY_MINUTES
    }

    fn contains(self, minute: u16) -> bool {
        (self.from_minute..self.until_minute).contains(&minute)
    }
}

/// A set of weekdays: bit 0 is Monday, bit 6 is Sunday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Monday to Sunday.
    pub const ALL: Self = Self(0b111_1111);
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set with this weekday; Monday is 0, and values above 6 are ignored.
    #[must_use]
    pub const fn with(self, weekday: u8) -> Self {
        if weekday < 7 { Self(self.0 | 1 << weekday) } else { self }
    }

    /// Whether the set contains the weekday; Monday is 0.
    #[must_use]
    pub const fn contains(self, weekday: u8) -> bool {
        weekday < 7 && self.0 & 1 << weekday != 0
    }
}

/// A day of every year; the day may not exist in the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    /// Month, 1 to 12.
    pub month: i8,
    /// Day of the month, 1 to 31.
    pub day: i8,
}

impl MonthDay {
    pub(super) fn of(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }
}

/// Range of dates, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateRange {
    /// Every year; across the end of the year when the second day is before the first.
    Yearly(MonthDay, MonthDay),
    /// In one year only.
    Once(Date, Date),
    /// Every year, between days of which at least one depends on Easter.
    Movable(Edge, Edge),
}

impl DateRange {
    fn contains(&self, day: &Day) -> bool {
        match *self {
            Self::Yearly(first, last) if first <= last => (first..=last).contains(&day.month_day),
            Self::Yearly(first, last) => day.month_day >= first || day.month_day <= last,
            Self::Once(first, last) => (first..=last).contains(&day.date),
            Self::Movable(first, last) => {
                let year = day.date.year();
                [year.saturating_sub(1), year].into_iter().any(|year| is_within(first, last, year, day.date))
            }
        }
    }
}

/// Whether the date is in the range that begins in this year.
fn is_within(first: Edge, last: Edge, year: i16, date: Date) -> bool {
    let Some(begin) = first.in_year(year) else { return false };
    let end = last.in_year(year).filter(|end| *end >= begin).or_else(|| last.in_year(year.saturating_add(1)));
    end.is_some_and(|end| (begin..=end).contains(&date))
}

/// First or last day of a movable range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// A day of every year.
    Yearly(MonthDay),
    /// Days after Easter Sunday of the Gregorian calendar; negative before it.
    Easter(i16),
}

impl Edge {
    /// The day in a year; a day that the month does not have is its last one.
    pub(super) fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Yearly(MonthDay { month, day }) => {
                let last = Date::new(year, month, 1).ok()?.days_in_month();
                Date::new(year, month, day.min(last)).ok()
            }
            Self::Easter(days) => easter(year)?.checked_add(jiff::Span::new().days(i64::from(days))).ok(),
        }
    }
}

/// Easter Sunday of the Gregorian calendar, by the algorithm of Meeus.
pub(super) fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y.rem_euclid(19), y.div_euclid(100), y.rem_euclid(100));
    let g = (b - (b + 8).div_euclid(25) + 1).div_euclid(3);
    let h = (19 * a + b - b.div_euclid(4) - g + 15).rem_euclid(30);
    let l = (32 + 2 * b.rem_euclid(4) + 2 * c.div_euclid(4) - h - c.rem_euclid(4)).rem_euclid(7);
    let m = (a + 11 * h + 22 * l).div_euclid(451);
    let day = h + l - 7 * m + 114;
    let (month, day) = (i8::try_from(day.div_euclid(31)).ok()?, i8::try_from(day.rem_euclid(31) + 1).ok()?);
    Date::new(year, month, day).ok()
}

/// ISO weeks of every year, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeekRange {
    /// First week, 1 to 53.
    pub first: i8,
    /// Last week, 1 to 53; before the first one for a range across the end of the year.
    pub last: i8,
    /// Every how many weeks, from the first one; at least 1.
    pub step: i8,
}

impl WeekRange {
    fn contains(self, week: i8) -> bool {
        let is_within = if self.first <= self.last {
            (self.first..=self.last).contains(&week)
        } else {
            week >= self.first || week <= self.last
        };
        is_within && (week - self.first).rem_euclid(self.step.max(1)) == 0
    }
}

/// A weekday by its position in the month: the first Saturday, the last Friday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NthWeekday {
    /// Weekday; Monday is 0.
    pub weekday: u8,
    /// Position from the start of the month, 1 to 5, or from its end, -1 to -5.
    pub nth: i8,
}

impl NthWeekday {
    fn contains(self, day: &Day) -> bool {
        let from_start = (day.date.day() - 1).div_euclid(7) + 1;
        let from_end = -((day.date.days_in_month() - day.date.day()).div_euclid(7) + 1);
        day.weekday == self.weekday && (self.nth == from_start || self.nth == from_end)
    }
}

/// Whether a shop is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Open.
    Open,
    /// Closed.
    Closed,
    /// The hours do not tell.
    Unknown,
}

/// Effect of a rule on the spans of earlier rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The spans of the rule replace earlier spans.
    Replace,
    /// The spans of the rule are added to earlier spans.
    Add,
    /// The spans of the rule apply where earlier rules are not open.
    Fallback,
}

/// Rule of opening hours. A span belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Weekdays of the rule.
    pub weekdays: Weekdays,
    /// Further weekdays, by their position in the month.
    pub nth: Vec<NthWeekday>,
    /// Whether the rule also applies on public holidays of any weekday.
    pub on_holidays: bool,
    /// Date ranges of the rule; empty for the whole year.
    pub dates: Vec<DateRange>,
    /// Weeks of the rule; empty for the whole year.
    pub weeks: Vec<WeekRange>,
    /// Times of the rule; empty for closed.
    pub spans: Vec<Span>,
    /// State during the spans. A rule that is closed during spans leaves the other times of its days as they are.
    pub state: State,
    /// Effect on earlier rules.
    pub effect: Effect,
}

impl Rule {
    /// A rule that replaces the hours of weekdays.
    #[must_use]
    pub fn on(weekdays: Weekdays, spans: Vec<Span>) -> Self {
        Self {
            weekdays,
            nth: Vec::new(),
            on_holidays: false,
            dates: Vec::new(),
            weeks: Vec::new(),
            state: if spans.is_empty() { State::Closed } else { State::Open },
            spans,
            effect: Effect::Replace,
        }
    }

    /// A rule that makes every day unknown.
    #[must_use]
    pub fn unknown() -> Self {
        Self { state: State::Unknown, ..Self::on(WEEK, vec![Span::DAY]) }
    }

    /// Whether the rule opens the shop, or may.
    fn opens(&self) -> bool {
        self.state != State::Closed && !self.spans.is_empty()
    }

    fn matches(&self, day: &Day, holidays: &[Date]) -> bool {
        let is_its_day = self.weekdays.contains(day.weekday)
            || self.nth.iter().any(|nth| nth.contains(day))
            || (self.on_holidays && holidays.binary_search(&day.date).is_ok());
        is_its_day
            && (self.dates.is_empty() || self.dates.iter().any(|range| range.contains(day)))
            && (self.weeks.is_empty() || self.weeks.iter().any(|weeks| weeks.contains(day.week)))
    }

    /// The date, when the rule applies to one day of one year only.
    fn special_day(&self) -> Option<Date> {
        match self.dates.as_slice() {
            [DateRange::Once(first, last)]
                if first == last
                    && self.weekdays == WEEK
                    && self.nth.is_empty()
                    && !self.on_holidays
                    && self.weeks.is_empty()
                    && self.state != State::Unknown
                    && self.effect == Effect::Replace =>
            {
                Some(*first)
            }
            _ => None,
        }
    }
}

/// Reason why hours are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no rule.
    Empty,
    /// More than [`RULES_MAX`] rules, [`SPECIAL_DAYS_MAX`] special days, or [`SPANS_MAX`] spans or ranges.
    TooMany,
    /// A span begins outside of its day, ends before it begins, or ends after the next day.
    SpanInvalid,
    /// Two spans of one day overlap.
    SpansOverlap,
    /// A weekday is out of range.
    WeekdayInvalid,
}

/// Schedule of opening hours. Equal schedules can be shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    zone: Zone,
    rules: Vec<Rule>,
    /// Special days, which override all rules; sorted by date.
    special: Vec<(Date, Vec<Span>)>,
    /// Public holidays; sorted.
    holidays: Arc<[Date]>,
    /// State on days that no rule names.
    rest: State,
}

impl Schedule {
    /// A schedule of rules; a later rule overrides earlier ones.
    ///
    /// # Errors
    /// All variants of [`Refusal`] except [`Refusal::SpansOverlap`], because rules may repeat each other.
    pub fn new(zone: Zone, mut rules: Vec<Rule>) -> Result<Self, Refusal> {
        if rules.is_empty() {
            return Err(Refusal::Empty);
        }
        let has_too_many =
            |rule: &Rule| rule.spans.len().max(rule.dates.len()).max(rule.weeks.len()).max(rule.nth.len()) > SPANS_MAX;
        if rules.iter().any(has_too_many) {
            return Err(Refusal::TooMany);
        }
        if !rules.iter().flat_map(|rule| &rule.spans).all(|span| span.is_valid()) {
            return Err(Refusal::SpanInvalid);
        }
        // "Su off" alone says nothing about the other days.
        let rest = if rules.iter().any(Rule::opens) { State::Closed } else { State::Unknown };
        let first_special = rules.iter().rposition(|rule| rule.special_day().is_none()).map_or(0, |last| last + 1);
        let mut special: Vec<(Date, Vec<Span>)> = rules
            .split_off(first_special)
            .into_iter()
            .rev()
            .filter_map(|rule| rule.special_day().map(|date| (date, rule.spans)))
            .collect();
        // A stable sort of the reversed list keeps the last of several rules for one day.
        special.sort_by_key(|(date, _)| *date);
        special.dedup_by_key(|(date, _)| *date);
        if rules.len() > RULES_MAX || special.len() > SPECIAL_DAYS_MAX {
            return Err(Refusal::TooMany);
        }
        Ok(Self { zone, rules, special, holidays: Arc::new([]), rest })
    }

    /// The schedule of a text that was read in part: days that no rule names are unknown.
    #[must_use]
    pub(super) fn in_part(self) -> Self {
        Self { rest: State::Unknown, ..self }
    }

    /// A schedule of a regular week (Monday is 0) and special days (without spans for closed).
    ///
    /// # Errors
    /// All variants of [`Refusal`] except [`Refusal::Empty`], because a week without hours is closed.
    pub fn weekly(zone: Zone, week: &[(u8, Span)], special: &[(Date, Vec<Span>)]) -> Result<Self, Refusal> {
        if week.iter().any(|(weekday, _)| *weekday > 6) {
            return Err(Refusal::WeekdayInvalid);
        }
        let mut rules: Vec<Rule> = Vec::new();
        for weekday in 0..7 {
            let spans = in_order(week.iter().filter(|(day, _)| *day == weekday).map(|(_, span)| *span).collect())?;
            match rules.iter_mut().find(|rule| rule.spans == spans) {
                Some(rule) => rule.weekdays = rule.weekdays.with(weekday),
                None => rules.push(Rule::on(Weekdays::NONE.with(weekday), spans)),
            }
        }
        // Days without a rule are closed.
        rules.retain(|rule| !rule.spans.is_empty() || rule.weekdays == WEEK);
        rules.extend(special_rules(special)?);
        Self::new(zone, rules)
    }

    /// The schedule with additional special days (without spans for closed).
    ///
    /// # Errors
    /// Those of [`Schedule::new`].
    pub fn with_special(&self, special: &[(Date, Vec<Span>)]) -> Result<Self, Refusal> {
        let known: Vec<Rule> = special_rules(&self.special)?;
        let rules = self.rules.iter().cloned().chain(known).chain(special_rules(special)?).collect();
        let schedule = Self::new(self.zone.clone(), rules)?;
        Ok(Self { holidays: Arc::clone(&self.holidays), rest: self.rest, ..schedule })
    }

    /// The schedule with these public holidays; without them, rules for public holidays never apply.
    #[must_use]
    pub fn with_holidays(self, mut holidays: Vec<Date>) -> Self {
        holidays.sort_unstable();
        Self { holidays: holidays.into(), ..self }
    }

    /// Time zone of the schedule.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Rules without the special days.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Special days, ordered by date.
    #[must_use]
    pub fn special(&self) -> &[(Date, Vec<Span>)] {
        &self.special
    }

    /// Hours of a regular weekday (Monday is 0), without seasons, holidays and special days.
    #[must_use]
    pub fn week_spans(&self, weekday: u8) -> Vec<Span> {
        let applies = |rule: &&Rule| {
            rule.dates.is_empty()
                && rule.weeks.is_empty()
                && rule.weekdays.contains(weekday)
                && (rule.state == State::Open || rule.spans.is_empty())
        };
        combine(self.rules.iter().filter(applies))
    }

    /// Whether the shop is open at an instant; `None` when the hours do not tell.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> Option<bool> {
        self.is_open_at(&self.zone.local(at))
    }

    /// Whether the shop is open at a local time of its zone; `None` when the hours do not tell.
    #[must_use]
    pub fn is_open_at(&self, local: &LocalTime) -> Option<bool> {
        // Also tomorrow, yesterday's hours do not tell more than its spans.
        let today = self.state(&local.today, local.minute).unwrap_or(self.rest);
        let yesterday = self.state(&local.yesterday, local.minute + DAY_MINUTES).unwrap_or(State::Closed);
        match (today, yesterday) {
            (State::Open, _) | (_, State::Open) => Some(true),
            (State::Unknown, _) | (_, State::Unknown) => None,
            (State::Closed, State::Closed) => Some(false),
        }
    }

    /// The next opening or closing after `at`; `None` without a change within [`LOOK_AHEAD_DAYS`], and when the hours do
    /// not tell what is now or next.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let is_open = Some(self.is_open(at)?);
        let (end, horizon) = (at.plus(DAY * LOOK_AHEAD_DAYS), at.plus(DAY * (LOOK_AHEAD_DAYS + DAYS_AROUND)));
        // The state can change only at these instants: begins and ends of spans, and clock changes.
        let mut candidates: BTreeSet<Timestamp> = self.zone.clock_changes(at, horizon).collect();
        let mut date = self.zone.local(at).yesterday.date;
        for _ in 0..LOOK_AHEAD_DAYS + DAYS_AROUND {
            // At midnight, a day may begin of which the hours do not tell anything.
            let minutes = self.minutes_of(&Day::new(date)).into_iter().chain([0]);
            for minute in minutes {
                candidates.extend(self.zone.instants(date, minute).into_iter().filter(|instant| *instant > at));
            }
            date = date.tomorrow().ok()?;
            // Later days have no instant before their midnight minus one day, the maximum clock change.
            let complete_until = self.zone.instants(date, 0)[0].minus(DAY);
            while let Some(candidate) = candidates.first().copied().filter(|candidate| *candidate < complete_until) {
                let next = self.is_open(candidate);
                if next != is_open {
                    return (candidate <= end && next.is_some()).then_some(candidate);
                }
                candidates.pop_first();
            }
        }
        None
    }

    fn special_of(&self, date: Date) -> Option<&[Span]> {
        let found = self.special.binary_search_by_key(&date, |(date, _)| *date).ok()?;
        self.special.get(found).map(|(_, spans)| spans.as_slice())
    }

    /// State at a minute of this day, by the spans that begin on it; `None` when no rule names the day. Does not allocate,
    /// because searches call it per shop.
    fn state(&self, day: &Day, minute: u16) -> Option<State> {
        let holds = |spans: &[Span]| spans.iter().any(|span| span.contains(minute));
        if let Some(spans) = self.special_of(day.date) {
            return Some(if holds(spans) { State::Open } else { State::Closed });
        }
        let matching = self.rules.iter().filter(|rule| rule.matches(day, &self.holidays));
        matching.fold(None, |before, rule| match (rule.effect, holds(&rule.spans)) {
            (Effect::Fallback, true) if before != Some(State::Open) => Some(rule.state),
            (Effect::Fallback, _) => before,
            (Effect::Replace | Effect::Add, true) => Some(rule.state),
            (Effect::Replace, false) => Some(State::Closed),
            // Closed times say nothing about the other times of their day.
            (Effect::Add, false) if rule.state == State::Closed => before,
            (Effect::Add, false) => before.or(Some(State::Closed)),
        })
    }

    /// Begins and ends of the spans of a day.
    fn minutes_of(&self, day: &Day) -> Vec<u16> {
        let of = |spans: &[Span]| -> Vec<u16> {
            spans.iter().flat_map(|span| [span.from_minute, span.until_minute]).collect()
        };
        match self.special_of(day.date) {
            Some(spans) => of(spans),
            None => {
                let matching = self.rules.iter().filter(|rule| rule.matches(day, &self.holidays));
                matching.flat_map(|rule| of(&rule.spans)).collect()
            }
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn combine<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<Span> {
    rules.fold(Vec::new(), |mut spans, rule| {
        if rule.effect == Effect::Replace {
            spans.clear();
        }
        spans.extend_from_slice(&rule.spans);
        spans
    })
}

/// One rule per special day.
fn special_rules(special: &[(Date, Vec<Span>)]) -> Result<Vec<Rule>, Refusal> {
    let rule = |(date, spans): &(Date, Vec<Span>)| {
        let dates = vec![DateRange::Once(*date, *date)];
        Ok(Rule { dates, ..Rule::on(WEEK, in_order(spans.clone())?) })
    };
    special.iter().map(rule).collect()
}

fn in_order(mut spans: Vec<Span>) -> Result<Vec<Span>, Refusal> {
    spans.sort_unstable();
    let overlap = spans.array_windows::<2>().any(|[earlier, later]| earlier.until_minute > later.from_minute);
    if overlap { Err(Refusal::SpansOverlap) } else { Ok(spans) }
}

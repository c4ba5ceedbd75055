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
}

impl DateRange {
    fn contains(&self, day: &Day) -> bool {
        match *self {
            Self::Yearly(first, last) if first <= last => (first..=last).contains(&day.month_day),
            Self::Yearly(first, last) => day.month_day >= first || day.month_day <= last,
            Self::Once(first, last) => (first..=last).contains(&day.date),
        }
    }
}

/// Effect of a rule on the spans of earlier rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The spans of the rule replace earlier spans.
    Replace,
    /// The spans of the rule are added to earlier spans.
    Add,
}

/// Rule of opening hours. A span belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Weekdays of the rule.
    pub weekdays: Weekdays,
    /// Whether the rule also applies on public holidays of any weekday.
    pub on_holidays: bool,
    /// Date ranges of the rule; empty for the whole year.
    pub dates: Vec<DateRange>,
    /// Opening times; empty for closed.
    pub spans: Vec<Span>,
    /// Effect on earlier rules.
    pub effect: Effect,
}

impl Rule {
    /// A rule that replaces the hours of weekdays.
    #[must_use]
    pub fn on(weekdays: Weekdays, spans: Vec<Span>) -> Self {
        Self { weekdays, on_holidays: false, dates: Vec::new(), spans, effect: Effect::Replace }
    }

    fn matches(&self, day: &Day, holidays: &[Date]) -> bool {
        let is_its_day =
            self.weekdays.contains(day.weekday) || (self.on_holidays && holidays.binary_search(&day.date).is_ok());
        is_its_day && (self.dates.is_empty() || self.dates.iter().any(|range| range.contains(day)))
    }

    /// The date, when the rule applies to one day of one year only.
    fn special_day(&self) -> Option<Date> {
        match self.dates.as_slice() {
            [DateRange::Once(first, last)]
                if first == last && self.weekdays == WEEK && !self.on_holidays && self.effect == Effect::Replace =>
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
        if rules.iter().any(|rule| rule.spans.len() > SPANS_MAX || rule.dates.len() > SPANS_MAX) {
            return Err(Refusal::TooMany);
        }
        if !rules.iter().flat_map(|rule| &rule.spans).all(|span| span.is_valid()) {
            return Err(Refusal::SpanInvalid);
        }
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
        Ok(Self { zone, rules, special, holidays: Arc::new([]) })
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
        Ok(Self { holidays: Arc::clone(&self.holidays), ..Self::new(self.zone.clone(), rules)? })
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
        let applies = |rule: &&Rule| rule.dates.is_empty() && rule.weekdays.contains(weekday);
        combine(self.rules.iter().filter(applies))
    }

    /// Whether the shop is open at an instant.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.is_open_at(&self.zone.local(at))
    }

    /// Whether the shop is open at a local time of its zone.
    #[must_use]
    pub fn is_open_at(&self, local: &LocalTime) -> bool {
        self.covers(&local.today, local.minute) || self.covers(&local.yesterday, local.minute + DAY_MINUTES)
    }

    /// The next opening or closing after `at`; `None` without a change within [`LOOK_AHEAD_DAYS`].
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let is_open = self.is_open(at);
        let (end, horizon) = (at.plus(DAY * LOOK_AHEAD_DAYS), at.plus(DAY * (LOOK_AHEAD_DAYS + DAYS_AROUND)));
        // The state can change only at these instants: begins and ends of spans, and clock changes.
        let mut candidates: BTreeSet<Timestamp> = self.zone.clock_changes(at, horizon).collect();
        let mut date = self.zone.local(at).yesterday.date;
        for _ in 0..LOOK_AHEAD_DAYS + DAYS_AROUND {
            for minute in self.spans_of(&Day::new(date)).iter().flat_map(|span| [span.from_minute, span.until_minute]) {
                candidates.extend(self.zone.instants(date, minute).into_iter().filter(|instant| *instant > at));
            }
            date = date.tomorrow().ok()?;
            // Later days have no instant before their midnight minus one day, the maximum clock change.
            let complete_until = self.zone.instants(date, 0)[0].minus(DAY);
            while let Some(candidate) = candidates.first().copied().filter(|candidate| *candidate < complete_until) {
                if self.is_open(candidate) != is_open {
                    return (candidate <= end).then_some(candidate);
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

    /// Whether a span that begins on this day contains the minute. Does not allocate, because searches call it per shop.
    fn covers(&self, day: &Day, minute: u16) -> bool {
        let holds = |spans: &[Span]| spans.iter().any(|span| span.contains(minute));
        if let Some(spans) = self.special_of(day.date) {
            return holds(spans);
        }
        let matching = self.rules.iter().filter(|rule| rule.matches(day, &self.holidays));
        matching.fold(false, |is_open, rule| match rule.effect {
            Effect::Replace => holds(&rule.spans),
            Effect::Add => is_open || holds(&rule.spans),
        })
    }

    fn spans_of(&self, day: &Day) -> Vec<Span> {
        match self.special_of(day.date) {
            Some(spans) => spans.to_vec(),
            None => combine(self.rules.iter().filter(|rule| rule.matches(day, &self.holidays))),
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

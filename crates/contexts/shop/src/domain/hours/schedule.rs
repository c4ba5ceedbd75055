//! Rules of opening, and what they say about an instant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use pulse_kernel::Timestamp;

use super::{Day, LocalTime, Zone};

/// How many rules a schedule may have.
pub const RULES_MAX: usize = 64;
/// How many days with hours of their own a schedule may have.
pub const SPECIAL_DAYS_MAX: usize = 400;
/// How many spans one day may have, and how many ranges of dates one rule.
pub const SPANS_MAX: usize = 16;
/// How many days [`Schedule::next_change`] looks ahead.
pub const LOOK_AHEAD_DAYS: u32 = 7;
/// A night may have begun the day before, and an instant is certain a day after the clocks could have changed it.
const DAYS_AROUND: u32 = 4;

const DAY_MINUTES: u16 = 24 * 60;
const WEEK: Weekdays = Weekdays::ALL;

/// A time of opening without a break: minutes since the midnight at which its day began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first minute, 0 to 1439.
    pub from_minute: u16,
    /// The minute at which it is closed again, after `from_minute`, at most 2880; from 1440 on it is the next day.
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
    /// None of them.
    pub const NONE: Self = Self(0);

    /// With this weekday too; Monday is 0, and what is beyond Sunday is passed over.
    #[must_use]
    pub const fn with(self, weekday: u8) -> Self {
        if weekday < 7 { Self(self.0 | 1 << weekday) } else { self }
    }

    /// Whether the weekday is among them; Monday is 0.
    #[must_use]
    pub const fn contains(self, weekday: u8) -> bool {
        weekday < 7 && self.0 & 1 << weekday != 0
    }
}

/// A day of every year; the day may be one that the month does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
}

impl MonthDay {
    pub(super) fn of(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }
}

/// Days of the calendar, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateRange {
    /// Every year; over the end of the year when the second comes before the first.
    Yearly(MonthDay, MonthDay),
    /// Once.
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

/// What a rule does on its days to what the rules before it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Its spans count instead.
    Replace,
    /// Its spans count too.
    Add,
}

/// On which days a shop is open when. A span belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// On these weekdays,
    pub weekdays: Weekdays,
    /// and on public holidays, whatever weekday they are,
    pub on_holidays: bool,
    /// as far as they are in one of these ranges; empty for the whole year.
    pub dates: Vec<DateRange>,
    /// Open then; empty for closed.
    pub spans: Vec<Span>,
    /// Against the rules before it.
    pub effect: Effect,
}

impl Rule {
    /// Replaces the hours of these weekdays.
    #[must_use]
    pub fn on(weekdays: Weekdays, spans: Vec<Span>) -> Self {
        Self { weekdays, on_holidays: false, dates: Vec::new(), spans, effect: Effect::Replace }
    }

    fn matches(&self, day: &Day, holidays: &[Date]) -> bool {
        let is_its_day =
            self.weekdays.contains(day.weekday) || (self.on_holidays && holidays.binary_search(&day.date).is_ok());
        is_its_day && (self.dates.is_empty() || self.dates.iter().any(|range| range.contains(day)))
    }

    /// The day, when the rule is about one day of one year and nothing else.
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

/// Why hours are not a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no rule.
    Empty,
    /// More than [`RULES_MAX`] rules, [`SPECIAL_DAYS_MAX`] special days, or [`SPANS_MAX`] spans or ranges.
    TooMany,
    /// A span that does not begin within its day, does not end after it began, or lasts past the next day.
    SpanInvalid,
    /// Two spans of one day overlap.
    SpansOverlap,
    /// There is no such weekday.
    WeekdayInvalid,
}

/// When a shop is open. Equal schedules can be shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    zone: Zone,
    rules: Vec<Rule>,
    /// Days with hours of their own, strongest of all; sorted by date.
    special: Vec<(Date, Vec<Span>)>,
    /// The days that rules about public holidays mean; sorted.
    holidays: Arc<[Date]>,
}

impl Schedule {
    /// From rules, the later one stronger.
    ///
    /// # Errors
    /// Every [`Refusal`] except [`Refusal::SpansOverlap`]: rules may say the same thing twice.
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
        // A stable sort of the reversed list: of two entries for one day the last that was given stays.
        special.sort_by_key(|(date, _)| *date);
        special.dedup_by_key(|(date, _)| *date);
        if rules.len() > RULES_MAX || special.len() > SPECIAL_DAYS_MAX {
            return Err(Refusal::TooMany);
        }
        Ok(Self { zone, rules, special, holidays: Arc::new([]) })
    }

    /// A plain week (Monday is 0), and days of the calendar that have hours of their own (none for closed).
    ///
    /// # Errors
    /// Every [`Refusal`] except [`Refusal::Empty`]: a week without hours is closed.
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
        // Days without a rule are closed anyway.
        rules.retain(|rule| !rule.spans.is_empty() || rule.weekdays == WEEK);
        rules.extend(special_rules(special)?);
        Self::new(zone, rules)
    }

    /// The same hours, with further days of the calendar that have hours of their own (none for closed).
    ///
    /// # Errors
    /// Those of [`Schedule::new`].
    pub fn with_special(&self, special: &[(Date, Vec<Span>)]) -> Result<Self, Refusal> {
        let known: Vec<Rule> = special_rules(&self.special)?;
        let rules = self.rules.iter().cloned().chain(known).chain(special_rules(special)?).collect();
        Ok(Self { holidays: Arc::clone(&self.holidays), ..Self::new(self.zone.clone(), rules)? })
    }

    /// With the days that rules about public holidays mean; without them such rules never apply.
    #[must_use]
    pub fn with_holidays(self, mut holidays: Vec<Date>) -> Self {
        holidays.sort_unstable();
        Self { holidays: holidays.into(), ..self }
    }

    /// Where its clock hangs.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The rules, without the special days.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The days with hours of their own, in order.
    #[must_use]
    pub fn special(&self) -> &[(Date, Vec<Span>)] {
        &self.special
    }

    /// The hours of an ordinary weekday (Monday is 0): seasons, holidays and special days left out.
    #[must_use]
    pub fn week_spans(&self, weekday: u8) -> Vec<Span> {
        let applies = |rule: &&Rule| rule.dates.is_empty() && rule.weekdays.contains(weekday);
        combine(self.rules.iter().filter(applies))
    }

    /// Whether it is open at an instant.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.is_open_at(&self.zone.local(at))
    }

    /// Whether it is open when the clock of its zone shows this.
    #[must_use]
    pub fn is_open_at(&self, local: &LocalTime) -> bool {
        self.covers(&local.today, local.minute) || self.covers(&local.yesterday, local.minute + DAY_MINUTES)
    }

    /// When it opens or closes next after `at`; `None` when it does not within [`LOOK_AHEAD_DAYS`].
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let is_open = self.is_open(at);
        let (end, horizon) = (at.plus(DAY * LOOK_AHEAD_DAYS), at.plus(DAY * (LOOK_AHEAD_DAYS + DAYS_AROUND)));
        // Between these instants nothing can change: spans begin and end there, or the clocks are changed.
        let mut candidates: BTreeSet<Timestamp> = self.zone.clock_changes(at, horizon).collect();
        let mut date = self.zone.local(at).yesterday.date;
        for _ in 0..LOOK_AHEAD_DAYS + DAYS_AROUND {
            for minute in self.spans_of(&Day::new(date)).iter().flat_map(|span| [span.from_minute, span.until_minute]) {
                candidates.extend(self.zone.instants(date, minute).into_iter().filter(|instant| *instant > at));
            }
            date = date.tomorrow().ok()?;
            // Nothing of the days to come is before their first midnight; no clock was ever changed by more than a day.
            let settled = self.zone.instants(date, 0)[0].minus(DAY);
            while let Some(candidate) = candidates.first().copied().filter(|candidate| *candidate < settled) {
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

    /// Whether a span that begins on this day holds the minute. No allocation: it is asked for every shop of a search.
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

/// A rule for each day of the calendar with hours of its own.
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

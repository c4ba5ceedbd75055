//! Parser and printer of the `opening_hours` syntax of OpenStreetMap, as far as rules can express it.
//!
//! <https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification>. A text with an unsupported part is rejected as a
//! whole, because a part of the hours would be wrong.

use std::fmt::Write;

use jiff::civil::Date;

use super::schedule::{DateRange, Effect, MonthDay, Rule, Schedule, Span, Weekdays};

const WEEKDAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MINUTES: u16 = 24 * 60;

/// The rules of a text; `None` when a part of it is not supported.
pub(super) fn parse(text: &str) -> Option<Vec<Rule>> {
    let mut reader = Reader { rest: text.trim() };
    let mut rules = Vec::new();
    let mut effect = Effect::Replace;
    while !reader.is_at_end() {
        rules.push(reader.rule(effect)?);
        effect = if reader.eats(";") {
            Effect::Replace
        } else if reader.eats(",") {
            Effect::Add
        } else {
            break;
        };
    }
    (reader.is_at_end() && !rules.is_empty()).then_some(rules)
}

/// Unread rest of a text. Each method skips leading blanks.
#[derive(Clone, Copy)]
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn is_at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Skips the text when it comes next, in any case. Returns whether it did.
    fn eats(&mut self, text: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.split_at_checked(text.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(text) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn eats_dash(&mut self) -> bool {
        self.eats("-") || self.eats("\u{2013}")
    }

    /// Reads with `read`; restores the position when it returns `None`.
    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = *self;
        let found = read(self);
        if found.is_none() {
            *self = before;
        }
        found
    }

    /// Reads `item, item, ...`. A comma without a following item is left for the next rule.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Vec<T> {
        let mut items = Vec::new();
        while let Some(item) =
            self.maybe(|reader| if items.is_empty() || reader.eats(",") { read(reader) } else { None })
        {
            items.push(item);
        }
        items
    }

    fn rule(&mut self, effect: Effect) -> Option<Rule> {
        if self.eats("24/7") {
            return Some(Rule { effect, ..Rule::on(Weekdays::ALL, vec![Span::DAY]) });
        }
        let dates = self.list(Self::date_range);
        if !dates.is_empty() {
            self.eats(":");
        }
        let days = self.list(Self::weekdays);
        if !days.is_empty() {
            self.eats(":");
        }
        let (weekdays, on_holidays) = if days.is_empty() {
            (Weekdays::ALL, false)
        } else {
            let weekdays = days.iter().flatten().fold(Weekdays::NONE, |days, day| days.with(*day));
            (weekdays, days.iter().any(Vec::is_empty))
        };
        let spans = self.list(Self::span);
        let is_off = self.eats("off") || self.eats("closed");
        let is_open = !is_off && self.eats("open");
        let spans = match (spans.is_empty(), is_off, is_open) {
            (false, false, _) => spans,
            (true, true, _) => Vec::new(),
            (true, false, true) => vec![Span::DAY],
            // "Fr 12:00-14:00 off" removes a span, which rules cannot express; days without times are incomplete.
            (false, true, _) | (true, false, false) => return None,
        };
        // A closed day replaces earlier hours, also after a comma.
        let effect = if spans.is_empty() { Effect::Replace } else { effect };
        Some(Rule { weekdays, on_holidays, dates, spans, effect })
    }

    /// Reads `Mo`, `Mo-Fr`, `Sa-Mo`; empty for `PH`.
    fn weekdays(&mut self) -> Option<Vec<u8>> {
        if self.eats("PH") {
            return Some(Vec::new());
        }
        let first = self.word(&WEEKDAYS)?;
        let Some(last) = self.maybe(|reader| if reader.eats_dash() { reader.word(&WEEKDAYS) } else { None }) else {
            return Some(vec![first]);
        };
        let count = if last >= first { last - first } else { last + 7 - first };
        Some((0..=count).map(|step| (first + step) % 7).collect())
    }

    /// Reads `Apr-Sep`, `Dec 24-26`, `Dec 24-Jan 02`, `2026 Dec 25`, `2026 Dec 24-2027 Jan 02`.
    fn date_range(&mut self) -> Option<DateRange> {
        let (year, month) = (self.maybe(Self::year), self.month()?);
        let first_day = self.maybe(Self::day_of_month);
        if !self.eats_dash() {
            return range((year, month, first_day), (year, month, first_day));
        }
        if let Some(last_day) = first_day.and_then(|_| self.maybe(Self::day_of_month)) {
            return range((year, month, first_day), (year, month, Some(last_day)));
        }
        let last_year = self.maybe(Self::year);
        let last_month = self.month()?;
        let last_day = self.maybe(Self::day_of_month);
        if first_day.is_some() != last_day.is_some() || (last_year.is_some() && year.is_none()) {
            return None;
        }
        range((year, month, first_day), (last_year.or(year), last_month, last_day))
    }

    fn year(&mut self) -> Option<i16> {
        i16::try_from(self.number(4, 4)?).ok().filter(|year| *year >= 1_900)
    }

    fn month(&mut self) -> Option<i8> {
        self.word(&MONTHS).and_then(|index| i8::try_from(index + 1).ok())
    }

    /// Reads one or two digits that are not an hour.
    fn day_of_month(&mut self) -> Option<i8> {
        let day = i8::try_from(self.number(1, 2)?).ok().filter(|day| (1..=31).contains(day))?;
        (!self.rest.starts_with(':')).then_some(day)
    }

    /// Reads `08:00-22:00`, `22:00-02:00`, `18:00-26:00`.
    fn span(&mut self) -> Option<Span> {
        let from_minute = self.time_of_day()?;
        if !self.eats_dash() {
            return None;
        }
        let until = self.time_of_day()?;
        // An open end ("22:00+") means that the closing time is unknown.
        if self.eats("+") || from_minute >= DAY_MINUTES {
            return None;
        }
        Some(Span { from_minute, until_minute: if until > from_minute { until } else { until + DAY_MINUTES } })
    }

    fn time_of_day(&mut self) -> Option<u16> {
        let hours = self.number(1, 2)?;
        let rest = self.rest.strip_prefix(':')?;
        self.rest = rest;
        let minutes = self.number(2, 2)?;
        (hours <= 48 && minutes < 60).then_some(hours * 60 + minutes).filter(|minute| *minute <= 2 * DAY_MINUTES)
    }

    /// Reads a run of digits of this length.
    fn number(&mut self, digits_min: usize, digits_max: usize) -> Option<u16> {
        let trimmed = self.rest.trim_start();
        let length = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = trimmed.split_at_checked(length)?;
        self.rest = rest;
        (digits_min..=digits_max).contains(&length).then(|| digits.parse().ok())?
    }

    /// Reads one of the words and returns its index.
    fn word(&mut self, words: &[&str]) -> Option<u8> {
        let index = words.iter().position(|word| self.eats(word))?;
        // "Monday" is not "Mo".
        let is_whole = !self.rest.starts_with(|next: char| next.is_alphabetic());
        if is_whole { u8::try_from(index).ok() } else { None }
    }
}

type CalendarDay = (Option<i16>, i8, Option<i8>);

/// The range between two dates; whole months without day numbers.
fn range(first: CalendarDay, last: CalendarDay) -> Option<DateRange> {
    match (first, last) {
        ((Some(year), month, day), (Some(last_year), last_month, last_day)) => {
            let first = Date::new(year, month, day.unwrap_or(1)).ok()?;
            let last_day = last_day.or_else(|| Some(Date::new(last_year, last_month, 1).ok()?.days_in_month()))?;
            let last = Date::new(last_year, last_month, last_day).ok()?;
            (first <= last).then_some(DateRange::Once(first, last))
        }
        ((_, month, day), (_, last_month, last_day)) => Some(DateRange::Yearly(
            MonthDay { month, day: day.unwrap_or(1) },
            MonthDay { month: last_month, day: last_day.unwrap_or(31) },
        )),
    }
}

/// The text of a schedule.
pub(super) fn print(schedule: &Schedule) -> String {
    let mut text = String::new();
    for rule in schedule.rules() {
        separate(&mut text, rule.effect);
        print_rule(&mut text, rule);
    }
    for (date, spans) in schedule.special() {
        separate(&mut text, Effect::Replace);
        text.push_str(&[date_of(*date), spans_of(spans)].join(" "));
    }
    text
}

fn separate(text: &mut String, effect: Effect) {
    if !text.is_empty() {
        text.push_str(if effect == Effect::Add { ", " } else { "; " });
    }
}

fn print_rule(text: &mut String, rule: &Rule) {
    let dates: Vec<String> = rule.dates.iter().map(dates_of).collect();
    let days = weekdays_of(rule.weekdays, rule.on_holidays);
    // "Every day" is omitted, except where the times would join the times of the rule before.
    let is_every_day = rule.weekdays == Weekdays::ALL && !rule.on_holidays && rule.effect == Effect::Replace;
    let days = if is_every_day { String::new() } else { days };
    let parts = [dates.join(","), days, spans_of(&rule.spans)];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    text.push_str(&parts.join(" "));
}

fn dates_of(range: &DateRange) -> String {
    let yearly = |day: MonthDay| format!("{} {:02}", month_name(day.month), day.day);
    let (first, last) = match *range {
        DateRange::Yearly(first, last) => (yearly(first), yearly(last)),
        DateRange::Once(first, last) => (date_of(first), date_of(last)),
    };
    if first == last { first } else { format!("{first}-{last}") }
}

fn date_of(date: Date) -> String {
    format!("{:04} {} {:02}", date.year(), month_name(date.month()), date.day())
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("Jan")
}

fn weekdays_of(weekdays: Weekdays, on_holidays: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    for (weekday, name) in (0_u8..).zip(WEEKDAYS.into_iter().map(Some).chain([None])) {
        match name {
            Some(name) if weekdays.contains(weekday) => run.push(name),
            _ => {
                match run.as_slice() {
                    [] => {}
                    [only] => parts.push((*only).to_owned()),
                    [first, .., last] => parts.push(format!("{first}-{last}")),
                }
                run.clear();
            }
        }
    }
    if on_holidays {
        parts.push("PH".to_owned());
    }
    parts.join(",")
}

#[expect(clippy::integer_division, reason = "whole hours of minutes")]
fn spans_of(spans: &[Span]) -> String {
    let mut text = String::new();
    for span in spans {
        if !text.is_empty() {
            text.push(',');
        }
        let (from, until) = (span.from_minute, span.until_minute);
        // An end on the next day is usually written as a time of that day, although 48:00 is allowed.
        let wraps = until > DAY_MINUTES && until - DAY_MINUTES <= from;
        let until = if wraps { until - DAY_MINUTES } else { until };
        // Writing to a string cannot fail.
        write!(text, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60).unwrap_or_default();
    }
    if text.is_empty() { "off".to_owned() } else { text }
}

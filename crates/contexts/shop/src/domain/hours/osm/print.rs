//! The text of a schedule, which parses to the same schedule.

use std::fmt::Write;

use jiff::civil::Date;

use super::reader::{MONTHS, WEEKDAYS};
use super::{DateRange, Effect, NthWeekday, Rule, Span, State, WeekRange, Weekdays};
use crate::domain::hours::schedule::{Edge, MonthDay, Schedule};

const DAY_MINUTES: u16 = 24 * 60;

/// The text of a schedule.
pub(in crate::domain::hours) fn print(schedule: &Schedule) -> String {
    let mut text = String::new();
    for rule in schedule.rules() {
        separate(&mut text, rule);
        print_rule(&mut text, rule);
    }
    for (date, spans) in schedule.special() {
        separate(&mut text, &Rule::on(Weekdays::ALL, Vec::new()));
        text.push_str(&[date_of(*date), spans_of(spans)].join(" "));
    }
    text
}

fn separate(text: &mut String, rule: &Rule) {
    if !text.is_empty() {
        // Closed times are added by their meaning, also after a semicolon.
        text.push_str(match rule.effect {
            Effect::Add if rule.state != State::Closed => ", ",
            Effect::Fallback => " || ",
            Effect::Add | Effect::Replace => "; ",
        });
    }
}

fn print_rule(text: &mut String, rule: &Rule) {
    let dates: Vec<String> = rule.dates.iter().map(dates_of).collect();
    let weeks: Vec<String> = rule.weeks.iter().map(weeks_of).collect();
    let weeks = if weeks.is_empty() { String::new() } else { ["week ", &weeks.join(",")].concat() };
    let days = weekdays_of(rule);
    // "Every day" is omitted, except where the times would join the times of the rule before.
    let is_plain = rule.weekdays == Weekdays::ALL && rule.nth.is_empty() && !rule.on_holidays;
    let days = if is_plain && rule.effect == Effect::Replace { String::new() } else { days };
    let state = match rule.state {
        State::Closed if rule.spans.is_empty() => "",
        State::Closed => "off",
        State::Unknown => "unknown",
        State::Open => "",
    };
    let parts = [dates.join(","), weeks, days, spans_of(&rule.spans), state.to_owned()];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    text.push_str(&parts.join(" "));
}

fn dates_of(range: &DateRange) -> String {
    let (first, last) = match *range {
        DateRange::Yearly(first, last) => (yearly(first), yearly(last)),
        DateRange::Once(first, last) => (date_of(first), date_of(last)),
        DateRange::Movable(first, last) => (edge_of(first), edge_of(last)),
    };
    if first == last { first } else { format!("{first}-{last}") }
}

fn yearly(day: MonthDay) -> String {
    format!("{} {:02}", month_name(day.month), day.day)
}

fn edge_of(edge: Edge) -> String {
    match edge {
        Edge::Yearly(day) => yearly(day),
        Edge::Easter(0) => "easter".to_owned(),
        Edge::Easter(days) => format!("easter {days:+} days"),
    }
}

fn weeks_of(weeks: &WeekRange) -> String {
    let WeekRange { first, last, step } = weeks;
    match step {
        1 if first == last => format!("{first:02}"),
        1 => format!("{first:02}-{last:02}"),
        step => format!("{first:02}-{last:02}/{step}"),
    }
}

fn date_of(date: Date) -> String {
    format!("{:04} {} {:02}", date.year(), month_name(date.month()), date.day())
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("Jan")
}

fn weekdays_of(rule: &Rule) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    for (weekday, name) in (0_u8..).zip(WEEKDAYS.into_iter().map(Some).chain([None])) {
        match name {
            Some(name) if rule.weekdays.contains(weekday) => run.push(name),
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
    let nth_of = |NthWeekday { weekday, nth }: &NthWeekday| {
        format!("{}[{nth}]", WEEKDAYS.get(usize::from(*weekday)).copied().unwrap_or("Mo"))
    };
    parts.extend(rule.nth.iter().map(nth_of));
    if rule.on_holidays {
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

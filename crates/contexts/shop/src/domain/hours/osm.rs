//! The `opening_hours` syntax of OpenStreetMap, as far as rules can express it.
//!
//! <https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification>. A part that cannot be read is reported with its
//! position. Its days are unknown, and so are all days that no other part names; the days of the other parts count.

mod print;
mod reader;

use super::schedule::{DateRange, Effect, NthWeekday, Rule, Span, State, WeekRange, Weekdays};
pub(super) use print::print;
use reader::{DaySelector, Modifier, Reader, Times};

/// Part of a text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Number of the first character that cannot be read, from 1.
    pub position: usize,
    /// The text from there to the end of its part.
    pub text: String,
}

/// Result of reading a text.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rules: Vec<Rule>,
    pub(super) mistakes: Vec<Mistake>,
}

/// The rules of a text, and the parts that cannot be read.
pub(super) fn parse(text: &str) -> Parsed {
    let mut reader = Reader::new(text);
    let mut parsed = Parsed::default();
    let mut effect = Effect::Replace;
    while !reader.is_at_end() {
        if let Some(next) = reader.separator() {
            effect = next;
            continue;
        }
        let mut part = Part::default();
        let is_whole = part.read(&mut reader) && reader.is_at_separator();
        parsed.mistakes.append(&mut part.mistakes);
        if is_whole {
            parsed.rules.extend(part.rules(effect));
        } else {
            parsed.mistakes.push(reader.skip_part());
            parsed.rules.extend(part.unknown_days());
        }
    }
    parsed
}

/// One part of a text: the days that it selects, its times, and their state.
#[derive(Debug, Default)]
struct Part {
    dates: Vec<DateRange>,
    weeks: Vec<WeekRange>,
    days: DaySelector,
    times: Times,
    modifier: Option<Modifier>,
    has_comment: bool,
    /// Whether the part says `24/7`.
    is_always: bool,
    mistakes: Vec<Mistake>,
}

impl Part {
    /// Reads a part; false when it is incomplete. What was read before stays.
    fn read(&mut self, reader: &mut Reader<'_>) -> bool {
        reader.label();
        if reader.eats("24/7") {
            self.is_always = true;
        } else {
            self.dates = reader.dates();
            self.weeks = reader.weeks();
            if !self.dates.is_empty() || !self.weeks.is_empty() {
                reader.eats(":");
            }
            self.days = reader.days(&mut self.mistakes);
            self.times = reader.times();
        }
        self.modifier = reader.modifier();
        self.has_comment = reader.comment();
        // Days without times are incomplete.
        self.is_always || !self.times.is_empty() || self.modifier.is_some() || self.has_comment
    }

    fn state(&self) -> State {
        match self.modifier {
            Some(Modifier::Open) => State::Open,
            Some(Modifier::Off) => State::Closed,
            Some(Modifier::Unknown) => State::Unknown,
            // "10:00-12:00 "by appointment"": only a person can tell.
            None if self.has_comment => State::Unknown,
            None => State::Open,
        }
    }

    fn rules(&self, effect: Effect) -> Vec<Rule> {
        if self.days.is_school_only() {
            return Vec::new();
        }
        let rule = |state, spans: Vec<Span>, effect| self.rule(state, spans, effect);
        let Times { open, guessed } = &self.times;
        match self.state() {
            // A closed day replaces earlier hours, also after a comma.
            State::Closed if self.times.is_empty() => vec![rule(State::Closed, Vec::new(), Effect::Replace)],
            state if self.times.is_empty() => vec![rule(state, vec![Span::DAY], effect)],
            // Closed times leave the other times of their days as they are.
            State::Closed => vec![rule(State::Closed, [open.as_slice(), guessed].concat(), Effect::Add)],
            State::Unknown => vec![rule(State::Unknown, [open.as_slice(), guessed].concat(), effect)],
            State::Open if open.is_empty() => vec![rule(State::Unknown, guessed.clone(), effect)],
            State::Open if guessed.is_empty() => vec![rule(State::Open, open.clone(), effect)],
            State::Open => {
                vec![rule(State::Open, open.clone(), effect), rule(State::Unknown, guessed.clone(), Effect::Fallback)]
            }
        }
    }

    /// The days of a part that cannot be read to its end, as unknown.
    fn unknown_days(&self) -> Option<Rule> {
        let is_named = !(self.dates.is_empty() && self.weeks.is_empty() && self.days.is_empty());
        let is_selected = is_named || self.is_always || !self.times.is_empty();
        let is_known = is_selected && !self.days.is_school_only();
        is_known.then(|| self.rule(State::Unknown, vec![Span::DAY], Effect::Replace))
    }

    fn rule(&self, state: State, spans: Vec<Span>, effect: Effect) -> Rule {
        let days = &self.days;
        let weekdays = if days.is_empty() { Weekdays::ALL } else { days.weekdays };
        Rule {
            weekdays,
            nth: days.nth.clone(),
            on_holidays: days.on_holidays,
            dates: self.dates.clone(),
            weeks: self.weeks.clone(),
            spans,
            state,
            effect,
        }
    }
}

//! Reads the words of the syntax, and remembers the position of the first one that it cannot read.

use jiff::civil::Date;

use super::{DateRange, Effect, Mistake, NthWeekday, Span, WeekRange, Weekdays};
use crate::domain::hours::schedule::{Edge, MonthDay, easter};

pub(super) const WEEKDAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MINUTES: u16 = 24 * 60;
/// Last year of a range without an end.
const YEAR_MAX: i16 = 9_999;

/// State that a part gives to its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modifier {
    Open,
    Off,
    Unknown,
}

/// The weekdays and holidays of a part.
#[derive(Debug, Default)]
pub(super) struct DaySelector {
    pub(super) weekdays: Weekdays,
    pub(super) nth: Vec<NthWeekday>,
    pub(super) on_holidays: bool,
    /// Whether school holidays are named, whose dates nobody knows.
    pub(super) on_school_holidays: bool,
}

impl DaySelector {
    fn has_known(&self) -> bool {
        self.weekdays != Weekdays::NONE || !self.nth.is_empty() || self.on_holidays
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_known() && !self.on_school_holidays
    }

    pub(super) fn is_school_only(&self) -> bool {
        !self.has_known() && self.on_school_holidays
    }
}

/// The times of a part.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) open: Vec<Span>,
    /// Times after an open end ("18:00+"), during which the shop may be open.
    pub(super) guessed: Vec<Span>,
}

impl Times {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.guessed.is_empty()
    }
}

/// Unread rest of a text. Each method skips leading blanks.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Skips the text when it comes next, in any case. Returns whether it did.
    pub(super) fn eats(&mut self, text: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.split_at_checked(text.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(text) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Skips the word when it comes next as a whole: "Monday" is not "Mo".
    fn eats_word(&mut self, word: &str) -> bool {
        let read = |reader: &mut Self| {
            (reader.eats(word) && !reader.rest.starts_with(|next: char| next.is_alphabetic())).then_some(())
        };
        self.maybe(read).is_some()
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

    /// Reads the separator of two parts, and returns the effect of the part after it.
    pub(super) fn separator(&mut self) -> Option<Effect> {
        [(";", Effect::Replace), ("||", Effect::Fallback), (",", Effect::Add)]
            .into_iter()
            .find_map(|(separator, effect)| self.eats(separator).then_some(effect))
    }

    pub(super) fn is_at_separator(&mut self) -> bool {
        let mut ahead = *self;
        self.is_at_end() || ahead.separator().is_some()
    }

    /// Skips the rest of a part that cannot be read. A comma does not end it, because the next words may belong to it.
    pub(super) fn skip_part(&mut self) -> Mistake {
        let rest = self.rest.trim_start();
        let mut is_quoted = false;
        let end = rest.char_indices().find_map(|(index, character)| {
            is_quoted ^= character == '"';
            let is_end = character == ';' || rest.get(index..).is_some_and(|rest| rest.starts_with("||"));
            (is_end && !is_quoted).then_some(index)
        });
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        let mistake = self.mistake(rest, part.trim_end());
        self.rest = after;
        mistake
    }

    fn mistake(&self, rest: &str, part: &str) -> Mistake {
        let before = self.text.get(..self.text.len() - rest.len()).unwrap_or_default();
        Mistake { position: before.chars().count() + 1, text: part.to_owned() }
    }

    /// Skips a label in front of a part: `"summer": Apr-Sep 10:00-18:00`.
    pub(super) fn label(&mut self) {
        let read = |reader: &mut Self| (reader.comment() && reader.eats(":")).then_some(());
        self.maybe(read);
    }

    /// Skips a comment in double quotes. Returns whether there was one.
    pub(super) fn comment(&mut self) -> bool {
        let rest = self.rest.trim_start().strip_prefix('"');
        match rest.and_then(|rest| rest.split_once('"')) {
            Some((_, after)) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    pub(super) fn modifier(&mut self) -> Option<Modifier> {
        [("off", Modifier::Off), ("closed", Modifier::Off), ("open", Modifier::Open), ("unknown", Modifier::Unknown)]
            .into_iter()
            .find_map(|(word, modifier)| self.eats_word(word).then_some(modifier))
    }

    /// Reads `Apr-Sep`, `Dec 24-26,31`, `2026 Dec 24-2027 Jan 02`, `2026-2028`, `easter -2 days-easter +1 day`.
    pub(super) fn dates(&mut self) -> Vec<DateRange> {
        let mut month = None;
        self.list(|reader| {
            let before = month;
            let also = |reader: &mut Self| before.and_then(|month| reader.also_day_of(month));
            reader.maybe(also).or_else(|| reader.date_range(&mut month))
        })
    }

    /// Reads the `31` of `Dec 24,31`.
    fn also_day_of(&mut self, (year, month): (Option<i16>, i8)) -> Option<DateRange> {
        let first = self.day_of_month()?;
        let read = |reader: &mut Self| if reader.eats_dash() { reader.day_of_month() } else { None };
        let last = self.maybe(read).unwrap_or(first);
        range((year, month, Some(first)), (year, month, Some(last)))
    }

    fn date_range(&mut self, month_read: &mut Option<(Option<i16>, i8)>) -> Option<DateRange> {
        *month_read = None;
        let year = self.maybe(Self::year);
        if let Some(first) = self.maybe(Self::easter_day) {
            return self.movable_range(year, first);
        }
        let Some(month) = self.maybe(Self::month) else { return self.years(year?) };
        let first_day = self.maybe(Self::day_of_month);
        *month_read = first_day.map(|_| (year, month));
        if !self.eats_dash() {
            return range((year, month, first_day), (year, month, first_day));
        }
        if let Some(last_day) = first_day.and_then(|_| self.maybe(Self::day_of_month)) {
            return range((year, month, first_day), (year, month, Some(last_day)));
        }
        if let Some(last) = self.maybe(Self::easter_day) {
            return movable(year, Edge::Yearly(MonthDay { month, day: first_day.unwrap_or(1) }), last);
        }
        let last_year = self.maybe(Self::year);
        let last_month = self.month()?;
        let last_day = self.maybe(Self::day_of_month);
        if first_day.is_some() != last_day.is_some() || (last_year.is_some() && year.is_none()) {
            return None;
        }
        range((year, month, first_day), (last_year.or(year), last_month, last_day))
    }

    /// Reads the rest of `2026`, `2026-2028`, `2026+`.
    fn years(&mut self, first: i16) -> Option<DateRange> {
        let until = |reader: &mut Self| if reader.eats_dash() { reader.year() } else { None };
        let last = if self.eats("+") { YEAR_MAX } else { self.maybe(until).unwrap_or(first) };
        let (first, last) = (Date::new(first, 1, 1).ok()?, Date::new(last, 12, 31).ok()?);
        (first <= last).then_some(DateRange::Once(first, last))
    }

    /// Reads `easter`, `easter -2 days`, `easter +1 day`.
    fn easter_day(&mut self) -> Option<Edge> {
        if !self.eats_word("easter") {
            return None;
        }
        let offset = |reader: &mut Self| {
            let sign = if reader.eats("+") {
                1
            } else if reader.eats_dash() {
                -1
            } else {
                return None;
            };
            let days = i16::try_from(reader.number(1, 3)?).ok()?;
            (reader.eats_word("days") || reader.eats_word("day")).then_some(sign * days)
        };
        let offset = self.maybe(offset).unwrap_or(0);
        (-200..=200).contains(&offset).then_some(Edge::Easter(offset))
    }

    fn movable_range(&mut self, year: Option<i16>, first: Edge) -> Option<DateRange> {
        if !self.eats_dash() {
            return movable(year, first, first);
        }
        if let Some(last) = self.maybe(Self::easter_day) {
            return movable(year, first, last);
        }
        let (month, day) = (self.month()?, self.day_of_month()?);
        movable(year, first, Edge::Yearly(MonthDay { month, day }))
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

    /// Reads `week 01-20/2,30`.
    pub(super) fn weeks(&mut self) -> Vec<WeekRange> {
        let read = |reader: &mut Self| {
            let weeks = if reader.eats_word("week") || reader.eats_word("weeks") {
                reader.list(Self::week_range)
            } else {
                Vec::new()
            };
            (!weeks.is_empty()).then_some(weeks)
        };
        self.maybe(read).unwrap_or_default()
    }

    fn week_range(&mut self) -> Option<WeekRange> {
        let week = |reader: &mut Self| {
            let week = i8::try_from(reader.number(1, 2)?).ok().filter(|week| (1..=53).contains(week))?;
            (!reader.rest.starts_with(':')).then_some(week)
        };
        let first = week(self)?;
        if !self.eats_dash() {
            return Some(WeekRange { first, last: first, step: 1 });
        }
        let last = week(self)?;
        let step = if self.eats("/") { i8::try_from(self.number(1, 2)?).ok().filter(|step| *step > 0)? } else { 1 };
        Some(WeekRange { first, last, step })
    }

    /// Reads `Mo-Fr,Su`, `Sa[1,3]`, `PH`, `SH`.
    pub(super) fn days(&mut self, mistakes: &mut Vec<Mistake>) -> DaySelector {
        let mut days = DaySelector::default();
        self.list(|reader| {
            let at = *reader;
            if reader.eats_word("PH") {
                days.on_holidays = true;
            } else if reader.eats_word("SH") {
                days.on_school_holidays = true;
                mistakes.push(at.mistake(at.rest.trim_start_matches([',', ' ']), "SH"));
            } else {
                let first = reader.word(&WEEKDAYS)?;
                let range = |reader: &mut Self| if reader.eats_dash() { reader.word(&WEEKDAYS) } else { None };
                match (reader.maybe(range), reader.maybe(Self::positions)) {
                    (None, Some(positions)) => {
                        days.nth.extend(positions.iter().map(|nth| NthWeekday { weekday: first, nth: *nth }));
                    }
                    (last, None) => days.weekdays = run(days.weekdays, first, last.unwrap_or(first)),
                    (Some(_), Some(_)) => return None,
                }
            }
            Some(())
        });
        if !days.is_empty() {
            self.eats(":");
        }
        days
    }

    /// Reads `[1,3]`, `[-1]`, `[2-4]`.
    fn positions(&mut self) -> Option<Vec<i8>> {
        if !self.eats("[") {
            return None;
        }
        let position = |reader: &mut Self| {
            let sign = if reader.eats("-") { -1 } else { 1 };
            i8::try_from(reader.number(1, 1)?).ok().filter(|nth| (1..=5).contains(nth)).map(|nth| sign * nth)
        };
        let ranges = self.list(|reader| {
            let first = position(reader)?;
            let last = if first > 0 && reader.eats_dash() { position(reader)? } else { first };
            (first <= last).then_some(first..=last)
        });
        (self.eats("]") && !ranges.is_empty()).then(|| ranges.into_iter().flatten().collect())
    }

    /// Reads `08:00-12:00,14:00-18:00+`.
    pub(super) fn times(&mut self) -> Times {
        let mut times = Times::default();
        for (open, guessed) in self.list(Self::span) {
            times.open.extend(open);
            times.guessed.extend(guessed);
        }
        times
    }

    /// Reads `08:00-22:00`, `22:00-02:00`, `18:00-26:00`, `18:00+`, `18:00-22:00+`.
    fn span(&mut self) -> Option<(Option<Span>, Option<Span>)> {
        let from_minute = self.time_of_day().filter(|minute| *minute < DAY_MINUTES)?;
        if self.eats("+") {
            return Some((None, Some(after_open_end(from_minute))));
        }
        if !self.eats_dash() {
            return None;
        }
        let until = self.time_of_day()?;
        let until_minute = if until > from_minute { until } else { until + DAY_MINUTES };
        // After midnight, the stated time is the best guess of the closing time.
        let guessed = (self.eats("+") && until_minute < DAY_MINUTES).then(|| after_open_end(until_minute));
        Some((Some(Span { from_minute, until_minute }), guessed))
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
        let index = words.iter().position(|word| self.eats_word(word))?;
        u8::try_from(index).ok()
    }
}

/// Time during which a shop with an open end may be open, as the reference implementation guesses it.
fn after_open_end(from_minute: u16) -> Span {
    let until_minute = match from_minute {
        ..1_020 => DAY_MINUTES,
        1_020..1_320 => from_minute + 10 * 60,
        1_320.. => from_minute + 8 * 60,
    };
    Span { from_minute, until_minute }
}

/// The weekdays with those from `first` to `last`, also across the end of the week.
fn run(weekdays: Weekdays, first: u8, last: u8) -> Weekdays {
    let count = if last >= first { last - first } else { last + 7 - first };
    (0..=count).fold(weekdays, |days, step| days.with((first + step) % 7))
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

/// The range between two days of which one depends on Easter.
fn movable(year: Option<i16>, first: Edge, last: Edge) -> Option<DateRange> {
    let Some(year) = year else { return Some(DateRange::Movable(first, last)) };
    easter(year)?;
    let (first, last) = (first.in_year(year)?, last.in_year(year)?);
    (first <= last).then_some(DateRange::Once(first, last))
}

//! Sections of the configuration. A context owns its own: a struct that reads itself and checks its ranges.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A section of the configuration.
pub trait Section {
    /// Finds every value that is out of its range, at once.
    fn check(&self, faults: &mut Faults);
}

/// The values of a configuration that are out of their range.
#[derive(Debug, Default)]
pub struct Faults {
    section: &'static str,
    found: Vec<String>,
}

impl Faults {
    /// Checks one section and keeps its faults; `name` is the name of the section in the file.
    pub fn section(&mut self, name: &'static str, section: &impl Section) {
        self.section = name;
        section.check(self);
    }

    /// Reports a fault of a key unless the rule holds. The rule completes the sentence "`order.draft_ttl` must be ...".
    pub fn require(&mut self, holds: bool, key: &str, rule: impl Display) {
        if !holds {
            self.found.push(format!("{}.{key} must be {rule}", self.section));
        }
    }

    /// Reports a fault unless `value` is within `range`.
    pub fn number<T: PartialOrd + Display>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        let rule = format_args!("between {} and {}, got {value}", range.start(), range.end()).to_string();
        self.require(range.contains(&value), key, rule);
    }

    /// Reports a fault unless `value` is within `range`.
    pub fn duration(&mut self, key: &str, value: Duration, range: RangeInclusive<Duration>) {
        let [from, to, got] = [*range.start(), *range.end(), value].map(humantime::format_duration);
        let rule = format!("between {from} and {to}, got {got}");
        self.require(range.contains(&value), key, rule);
    }

    /// Reports a fault unless `name` is an IANA time zone.
    pub fn time_zone(&mut self, key: &str, name: &str) {
        let rule = format!("an IANA time zone such as Asia/Shanghai, got {name:?}");
        self.require(jiff::tz::TimeZone::get(name).is_ok(), key, rule);
    }

    /// The faults; empty when everything is in range.
    #[must_use]
    pub fn found(self) -> Vec<String> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cart {
        ttl: Duration,
        lines_max: u32,
    }

    impl Section for Cart {
        fn check(&self, faults: &mut Faults) {
            faults.duration("ttl", self.ttl, Duration::from_secs(1)..=Duration::from_secs(60));
            faults.number("lines_max", self.lines_max, 1..=10);
            faults.require(self.lines_max.is_multiple_of(2), "lines_max", "even");
        }
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let mut faults = Faults::default();
        faults.section("cart", &Cart { ttl: Duration::ZERO, lines_max: 11 });
        faults.section("other", &Cart { ttl: Duration::from_secs(9), lines_max: 2 });
        assert_eq!(
            faults.found(),
            [
                "cart.ttl must be between 1s and 1m, got 0s",
                "cart.lines_max must be between 1 and 10, got 11",
                "cart.lines_max must be even",
            ]
        );
    }
}

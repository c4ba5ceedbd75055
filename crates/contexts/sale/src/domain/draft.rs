//! What is wrong with a sale before anybody sees it.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::stage::Window;

/// The longest sale.
pub const WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);

/// The parts of a sale that can contradict each other.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Names a product and a variant.
    pub has_variant: bool,
    /// Names the template of a voucher.
    pub has_template: bool,
    /// What a unit costs, in minor units.
    pub price_minor: i64,
    /// How many units there are.
    pub units: i64,
    /// How many one buyer may have.
    pub per_buyer_limit: i32,
    /// From when to when.
    pub window: Window,
    /// Whether it says how often one may ask.
    pub has_pace: bool,
    /// The window of that, in milliseconds.
    pub pace_window_ms: i32,
    /// Whether each of its questions has the choice that is said to be right.
    pub has_answers: bool,
}

impl Plan {
    /// Everything that is wrong at `now`: the field and why.
    #[must_use]
    pub fn flaws(&self, now: Timestamp) -> Vec<(&'static str, &'static str)> {
        let window = self.window;
        let checks = [
            (self.has_variant == self.has_template, "item", "name either a product and its variant or a template"),
            (self.price_minor < 0, "price", "nobody is paid for buying"),
            (window.ends_at <= window.starts_at, "ends_at", "it ends after it starts"),
            (window.ends_at <= now, "ends_at", "it is over already"),
            (window.ends_at > window.starts_at.plus(WINDOW_MAX), "ends_at", "a sale lasts at most 31 days"),
            (i64::from(self.per_buyer_limit) > self.units, "per_buyer_limit", "there are not so many units"),
            (self.has_pace && self.pace_window_ms == 0, "rate_limit.window_ms", "say in which window"),
            (!self.has_answers, "challenge.questions", "the right choice of each question is one of its choices"),
        ];
        checks.into_iter().filter(|(is_wrong, ..)| *is_wrong).map(|(_, field, why)| (field, why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn plan() -> Plan {
        Plan {
            has_variant: true,
            has_template: false,
            price_minor: 100,
            units: 10,
            per_buyer_limit: 1,
            window: Window { starts_at: NOW, ends_at: NOW.plus(Duration::from_secs(60)) },
            has_pace: false,
            pace_window_ms: 0,
            has_answers: true,
        }
    }

    #[test]
    fn says_everything_that_is_wrong() {
        assert_eq!(plan().flaws(NOW), []);
        let window = |from: u64, to: u64| Window {
            starts_at: NOW.plus(Duration::from_secs(from)),
            ends_at: NOW.plus(Duration::from_secs(to)),
        };
        let fields = |plan: Plan| plan.flaws(NOW).into_iter().map(|(field, _)| field).collect::<Vec<_>>();
        assert_eq!(fields(Plan { has_template: true, ..plan() }), ["item"]);
        assert_eq!(fields(Plan { has_variant: false, price_minor: -1, ..plan() }), ["item", "price"]);
        assert_eq!(fields(Plan { window: window(9, 9), ..plan() }), ["ends_at"]);
        assert_eq!(fields(Plan { window: window(0, 32 * 86_400), ..plan() }), ["ends_at"]);
        assert_eq!(plan().flaws(NOW.plus(Duration::from_secs(60))).len(), 1);
        assert_eq!(
            fields(Plan { per_buyer_limit: 11, has_pace: true, ..plan() }),
            ["per_buyer_limit", "rate_limit.window_ms"]
        );
    }
}

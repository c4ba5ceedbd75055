//! Validation of a draft: contradictions between the fields of a sale.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::sale_status::Window;

/// Maximum duration of a sale: 31 days.
pub const WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);

/// Fields of a draft that can contradict each other.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Whether the item has a product and a variant.
    pub has_variant: bool,
    /// Whether the item has the template of a voucher.
    pub has_template: bool,
    /// Price of one unit, in minor units of the currency.
    pub price_minor: i64,
    /// Number of units.
    pub units: i64,
    /// Maximum number of units per buyer.
    pub per_buyer_limit: i32,
    /// Start and end.
    pub window: Window,
    /// Whether the draft has a rate limit per account, device or network.
    pub has_rate_limit: bool,
    /// Window of the rate limit, in milliseconds.
    pub rate_limit_window_ms: i32,
    /// Whether the right choice of each question is one of its choices.
    pub has_answers: bool,
}

impl Plan {
    /// Returns all violations at `now`, as the field and the violated rule.
    #[must_use]
    pub fn flaws(&self, now: Timestamp) -> Vec<(&'static str, &'static str)> {
        let window = self.window;
        let checks = [
            (
                self.has_variant == self.has_template,
                "item",
                "either product_id and variant_id or template_id must be set, not both",
            ),
            (self.price_minor < 0, "price", "must not be negative"),
            (window.ends_at <= window.starts_at, "ends_at", "must be after starts_at"),
            (window.ends_at <= now, "ends_at", "must be in the future"),
            (window.ends_at > window.starts_at.plus(WINDOW_MAX), "ends_at", "must be at most 31 days after starts_at"),
            (i64::from(self.per_buyer_limit) > self.units, "per_buyer_limit", "must not exceed units"),
            (
                self.has_rate_limit && self.rate_limit_window_ms == 0,
                "rate_limit.window_ms",
                "is required with a rate limit",
            ),
            (!self.has_answers, "challenge.questions", "right_choice must be the index of one of the choices"),
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
            has_rate_limit: false,
            rate_limit_window_ms: 0,
            has_answers: true,
        }
    }

    #[test]
    fn all_violations_are_returned() {
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
            fields(Plan { per_buyer_limit: 11, has_rate_limit: true, ..plan() }),
            ["per_buyer_limit", "rate_limit.window_ms"]
        );
    }
}

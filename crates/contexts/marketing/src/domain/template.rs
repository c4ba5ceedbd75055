//! What a template says, whether it contradicts itself, and who may have a coupon of it when.

use pulse_kernel::id::ShopId;
use pulse_kernel::money::{Currency, Money};
use pulse_kernel::{Timestamp, define_id};

use super::category::Subtree;

define_id!(
    /// Identifies a coupon template.
    TemplateId, "tpl"
);

/// How much a percentage of everything is, in hundredths of a percent.
pub const BASIS_POINTS_MAX: i64 = 10_000;

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// An amount, in minor units.
    Amount {
        /// How much.
        minor: i64,
    },
    /// A part of what the lines cost.
    Percent {
        /// Which part, in hundredths of a percent.
        basis_points: i64,
        /// At most so much, in minor units; 0 for no cap.
        cap_minor: i64,
    },
}

/// How people come by a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Everybody may claim it.
    Claim,
    /// It is given.
    Grant,
    /// It is bought.
    Purchase,
}

/// Which lines of which shops a coupon is for. Each list restricts; an empty one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// These shops; with a shop's own template, that shop.
    pub shops: Vec<ShopId>,
    /// These categories and everything below them.
    pub categories: Vec<Subtree>,
    /// These variants.
    pub variants: Vec<i64>,
}

/// What a template says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What it takes off.
    pub worth: DiscountValue,
    /// In which currency; `None` when what it says is none.
    pub currency: Option<Currency>,
    /// The lines that it is for must sum to so much.
    pub threshold_minor: i64,
    /// What it is for.
    pub scope: Scope,
    /// It can be had from then.
    pub starts_at: Timestamp,
    /// It can be had until then.
    pub ends_at: Timestamp,
    /// It can be used for so many days; 0 for until `ends_at`.
    pub valid_days: u32,
    /// How many one customer may have.
    pub per_customer_limit: i64,
    /// Whether it goes together with others.
    pub is_stackable: bool,
    /// How people come by it.
    pub distribution: Distribution,
    /// What it costs.
    pub price: Option<Money>,
    /// Whether it is given out no more.
    pub is_closed: bool,
}

/// Why nobody, or this customer, gets a coupon, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not come by in this way.
    NotClaimable,
    /// Not yet.
    NotStarted,
    /// Not any more.
    Ended,
}

/// In which way somebody gets a coupon without paying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They take it.
    Claim,
    /// It is given to them: by people, or by a reward.
    Grant,
}

impl Template {
    /// Whether a coupon can be had in this way now. The instant `ends_at` is over.
    ///
    /// # Errors
    /// Every [`Refusal`].
    pub fn may_give(&self, way: Way, now: Timestamp) -> Result<(), Refusal> {
        let is_way = match (self.distribution, way) {
            // What everybody may take may be given as well.
            (Distribution::Claim, Way::Claim | Way::Grant) | (Distribution::Grant, Way::Grant) => true,
            (Distribution::Grant, Way::Claim) | (Distribution::Purchase, Way::Claim | Way::Grant) => false,
        };
        match () {
            () if !is_way => Err(Refusal::NotClaimable),
            () if self.is_closed || now >= self.ends_at => Err(Refusal::Ended),
            () if now < self.starts_at => Err(Refusal::NotStarted),
            () => Ok(()),
        }
    }

    /// Everything in which a new template contradicts itself: the field, and what is wrong with it.
    #[must_use]
    pub fn flaws(&self, now: Timestamp) -> Vec<(&'static str, &'static str)> {
        let (amount, percent) = match self.worth {
            DiscountValue::Amount { minor } => (minor < 1, false),
            DiscountValue::Percent { basis_points, .. } => (false, !(1..=BASIS_POINTS_MAX).contains(&basis_points)),
        };
        let is_sold = self.distribution == Distribution::Purchase;
        let has_price = self.price.is_some_and(|price| price.minor > 0 && Some(price.currency) == self.currency);
        let checks = [
            (amount, "amount_minor", "an amount off is at least 1"),
            (percent, "percent_basis_points", "a part is from 1 to 10000"),
            (self.currency.is_none(), "currency", "this is no currency"),
            (self.ends_at <= self.starts_at, "ends_at", "it ends before it starts"),
            (self.ends_at <= now, "ends_at", "it is over already"),
            (is_sold && !has_price, "price", "what is bought costs something, in its own currency"),
            (!is_sold && self.price.is_some(), "price", "only what is bought has a price"),
        ];
        checks.into_iter().filter(|(is_flawed, ..)| *is_flawed).map(|(_, field, why)| (field, why)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Ten yuan off whatever one buys, from 100 to 1 000 000.
    pub(crate) fn ten_off() -> Template {
        Template {
            worth: DiscountValue::Amount { minor: 1_000 },
            currency: Some(Currency::CNY),
            threshold_minor: 0,
            scope: Scope::default(),
            starts_at: at(100),
            ends_at: at(1_000_000),
            valid_days: 0,
            per_customer_limit: 1,
            is_stackable: false,
            distribution: Distribution::Claim,
            price: None,
            is_closed: false,
        }
    }

    /// PL-06: before the beginning and from the end on there is none.
    #[test]
    fn the_window_and_the_way_decide() {
        let claim = ten_off();
        let grant = Template { distribution: Distribution::Grant, ..ten_off() };
        let sale = Template { distribution: Distribution::Purchase, ..ten_off() };
        let closed = Template { is_closed: true, ..ten_off() };
        for (template, way, now, expected) in [
            (&claim, Way::Claim, 99, Err(Refusal::NotStarted)),
            (&claim, Way::Claim, 100, Ok(())),
            (&claim, Way::Claim, 999_999, Ok(())),
            (&claim, Way::Claim, 1_000_000, Err(Refusal::Ended)),
            (&claim, Way::Grant, 100, Ok(())),
            (&grant, Way::Grant, 100, Ok(())),
            (&grant, Way::Claim, 100, Err(Refusal::NotClaimable)),
            (&sale, Way::Claim, 100, Err(Refusal::NotClaimable)),
            (&sale, Way::Grant, 100, Err(Refusal::NotClaimable)),
            (&closed, Way::Claim, 100, Err(Refusal::Ended)),
            (&closed, Way::Claim, 99, Err(Refusal::Ended)),
        ] {
            assert_eq!(template.may_give(way, at(now)), expected, "{:?} {way:?} at {now}", template.distribution);
        }
    }

    #[test]
    fn every_contradiction_is_named_at_once() {
        let fields = |template: Template| template.flaws(at(500)).into_iter().map(|flaw| flaw.0).collect::<Vec<_>>();
        let none: [&str; 0] = [];
        assert_eq!(fields(ten_off()), none);
        let percent = |basis_points| DiscountValue::Percent { basis_points, cap_minor: 0 };
        assert_eq!(fields(Template { worth: percent(0), ..ten_off() }), ["percent_basis_points"]);
        assert_eq!(fields(Template { worth: percent(10_000), ..ten_off() }), none);
        let price = Some(Money::new(500, Currency::CNY));
        assert_eq!(fields(Template { price, ..ten_off() }), ["price"]);
        assert_eq!(fields(Template { price, distribution: Distribution::Purchase, ..ten_off() }), none);
        let price = Some(Money::new(500, Currency::EUR));
        assert_eq!(fields(Template { price, distribution: Distribution::Purchase, ..ten_off() }), ["price"]);
        let wrong = Template {
            worth: DiscountValue::Amount { minor: 0 },
            currency: None,
            ends_at: at(50),
            distribution: Distribution::Purchase,
            ..ten_off()
        };
        assert_eq!(fields(wrong), ["amount_minor", "currency", "ends_at", "ends_at", "price"]);
    }
}

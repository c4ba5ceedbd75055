//! Coupon templates: content, validation, and when coupons can be issued.

use pulse_kernel::id::ShopId;
use pulse_kernel::money::{Currency, Money};
use pulse_kernel::{Timestamp, define_id};

use super::category::Subtree;

define_id!(
    /// Identifies a coupon template.
    TemplateId, "tpl"
);

/// 100 percent, in hundredths of a percent.
pub const BASIS_POINTS_MAX: i64 = 10_000;

/// Value of a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// An amount, in minor units.
    Amount {
        /// Amount of the discount.
        minor: i64,
    },
    /// A percentage of the covered lines.
    Percent {
        /// Percentage, in hundredths of a percent.
        basis_points: i64,
        /// Maximum discount in minor units; 0 means no maximum.
        cap_minor: i64,
    },
}

/// How coupons of a template are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Customers claim them.
    Claim,
    /// Operators, shops or rewards grant them.
    Grant,
    /// Customers buy them.
    Purchase,
}

/// Lines and shops that a coupon applies to. An empty list means no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Shops; the own shop for a template of a shop.
    pub shops: Vec<ShopId>,
    /// Categories, including everything below them.
    pub categories: Vec<Subtree>,
    /// Variants.
    pub variants: Vec<i64>,
}

/// Content of a coupon template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Value of the discount.
    pub discount: DiscountValue,
    /// Currency; `None` for an unknown code.
    pub currency: Option<Currency>,
    /// Minimum subtotal of the covered lines, in minor units.
    pub threshold_minor: i64,
    /// Lines and shops that it applies to.
    pub scope: Scope,
    /// Time from which coupons are issued.
    pub starts_at: Timestamp,
    /// Time until which coupons are issued.
    pub ends_at: Timestamp,
    /// Validity of a coupon in days; 0 means until `ends_at`.
    pub valid_days: u32,
    /// Maximum number of coupons per customer.
    pub per_customer_limit: i64,
    /// Whether it can be combined with other coupons.
    pub is_stackable: bool,
    /// How coupons are distributed.
    pub distribution: Distribution,
    /// Price of a bought coupon.
    pub price: Option<Money>,
    /// Whether issuing has ended.
    pub is_closed: bool,
}

/// Reason why no coupon is issued, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The template is not distributed through this channel.
    NotClaimable,
    /// Issuing has not started.
    NotStarted,
    /// Issuing has ended.
    Ended,
}

/// Channel through which a free coupon is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueChannel {
    /// The customer claims it.
    Claim,
    /// An operator, a shop or a reward grants it.
    Grant,
}

impl Template {
    /// Checks whether a coupon can be issued through a channel now. The end `ends_at` is exclusive.
    ///
    /// # Errors
    /// All variants of [`Refusal`].
    pub fn check_issue(&self, channel: IssueChannel, now: Timestamp) -> Result<(), Refusal> {
        let is_channel = match (self.distribution, channel) {
            // Templates for claims can be granted, too.
            (Distribution::Claim, IssueChannel::Claim | IssueChannel::Grant)
            | (Distribution::Grant, IssueChannel::Grant) => true,
            (Distribution::Grant, IssueChannel::Claim)
            | (Distribution::Purchase, IssueChannel::Claim | IssueChannel::Grant) => false,
        };
        match () {
            () if !is_channel => Err(Refusal::NotClaimable),
            () if self.is_closed || now >= self.ends_at => Err(Refusal::Ended),
            () if now < self.starts_at => Err(Refusal::NotStarted),
            () => Ok(()),
        }
    }

    /// All violations of a new template: the field and the rule.
    #[must_use]
    pub fn violations(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let discount = match self.discount {
            DiscountValue::Amount { minor } => {
                (minor < 1).then(|| ("amount_minor", format!("must be at least 1, got {minor}")))
            }
            DiscountValue::Percent { basis_points, .. } => {
                (!(1..=BASIS_POINTS_MAX).contains(&basis_points)).then(|| {
                    let rule = format!("must be between 1 and {BASIS_POINTS_MAX}, got {basis_points}");
                    ("percent_basis_points", rule)
                })
            }
        };
        let is_sold = self.distribution == Distribution::Purchase;
        let has_price = self.price.is_some_and(|price| price.minor > 0 && Some(price.currency) == self.currency);
        let checks = [
            (self.currency.is_none(), "currency", "must be a known ISO 4217 code"),
            (self.ends_at <= self.starts_at, "ends_at", "must be after starts_at"),
            (self.ends_at <= now, "ends_at", "must be in the future"),
            (is_sold && !has_price, "price", "must be greater than 0 and in the currency of the coupon"),
            (!is_sold && self.price.is_some(), "price", "must be absent unless coupons are bought"),
        ];
        let broken = checks.into_iter().filter(|(is_broken, ..)| *is_broken);
        discount.into_iter().chain(broken.map(|(_, field, rule)| (field, rule.to_owned()))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Ten yuan off every purchase, from 100 to 1 000 000.
    pub(crate) fn ten_off() -> Template {
        Template {
            discount: DiscountValue::Amount { minor: 1_000 },
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

    /// PL-06: no coupon is issued before the start and from the end on.
    #[test]
    fn period_and_channel_decide() {
        let claim = ten_off();
        let grant = Template { distribution: Distribution::Grant, ..ten_off() };
        let sale = Template { distribution: Distribution::Purchase, ..ten_off() };
        let closed = Template { is_closed: true, ..ten_off() };
        for (template, channel, now, expected) in [
            (&claim, IssueChannel::Claim, 99, Err(Refusal::NotStarted)),
            (&claim, IssueChannel::Claim, 100, Ok(())),
            (&claim, IssueChannel::Claim, 999_999, Ok(())),
            (&claim, IssueChannel::Claim, 1_000_000, Err(Refusal::Ended)),
            (&claim, IssueChannel::Grant, 100, Ok(())),
            (&grant, IssueChannel::Grant, 100, Ok(())),
            (&grant, IssueChannel::Claim, 100, Err(Refusal::NotClaimable)),
            (&sale, IssueChannel::Claim, 100, Err(Refusal::NotClaimable)),
            (&sale, IssueChannel::Grant, 100, Err(Refusal::NotClaimable)),
            (&closed, IssueChannel::Claim, 100, Err(Refusal::Ended)),
            (&closed, IssueChannel::Claim, 99, Err(Refusal::Ended)),
        ] {
            assert_eq!(
                template.check_issue(channel, at(now)),
                expected,
                "{:?} {channel:?} at {now}",
                template.distribution
            );
        }
    }

    #[test]
    fn all_violations_are_returned() {
        let fields = |template: Template| {
            template.violations(at(500)).into_iter().map(|violation| violation.0).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(fields(ten_off()), none);
        let percent = |basis_points| DiscountValue::Percent { basis_points, cap_minor: 0 };
        assert_eq!(fields(Template { discount: percent(0), ..ten_off() }), ["percent_basis_points"]);
        assert_eq!(fields(Template { discount: percent(10_000), ..ten_off() }), none);
        let price = Some(Money::new(500, Currency::CNY));
        assert_eq!(fields(Template { price, ..ten_off() }), ["price"]);
        assert_eq!(fields(Template { price, distribution: Distribution::Purchase, ..ten_off() }), none);
        let price = Some(Money::new(500, Currency::EUR));
        assert_eq!(fields(Template { price, distribution: Distribution::Purchase, ..ten_off() }), ["price"]);
        let wrong = Template {
            discount: DiscountValue::Amount { minor: 0 },
            currency: None,
            ends_at: at(50),
            distribution: Distribution::Purchase,
            ..ten_off()
        };
        assert_eq!(fields(wrong), ["amount_minor", "currency", "ends_at", "ends_at", "price"]);
    }
}

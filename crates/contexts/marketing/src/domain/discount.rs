//! Discounts of several coupons together (ADR 0012).
//!
//! Amounts are applied first, then percentages of the rest; coupons of one kind are ordered by the number of covered lines,
//! then by ID. So the order of the request does not matter. A threshold compares the subtotal before discounts. A percentage
//! is rounded to the nearest minor unit, an exact half down. A discount never exceeds the rest of its lines, and a coupon
//! without a discount is not used.

use pulse_kernel::Timestamp;
use pulse_kernel::id::{CouponId, ShopId};
use pulse_kernel::money::Currency;

use super::coupon::State;
use super::prorate::prorate;
use super::template::{BASIS_POINTS_MAX, DiscountValue, Scope, Template};

/// Line of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the line.
    pub number: i32,
    /// ID of the variant.
    pub variant: i64,
    /// Category code of the product.
    pub category: i64,
    /// Subtotal in minor units, 0 or more.
    pub subtotal_minor: i64,
}

/// A purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Shop of the purchase.
    pub shop: ShopId,
    /// Currency of the purchase; `None` for an unknown code.
    pub currency: Option<Currency>,
    /// Lines with unique numbers.
    pub lines: Vec<Line>,
    /// Time of the purchase.
    pub now: Timestamp,
}

/// Coupon that is requested for a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// ID of the coupon.
    pub coupon: CouponId,
    /// State of the coupon.
    pub state: State,
    /// Time at which the coupon expires.
    pub expires_at: Timestamp,
    /// Template of the coupon.
    pub template: Template,
}

/// Reason why a coupon has no discount, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ineligible {
    /// The coupon was used, or an order reserves it.
    Taken,
    /// The coupon has expired.
    Expired,
    /// The coupon does not apply to the shop, the lines or the currency.
    Scope,
    /// The subtotal of the covered lines is below the threshold.
    Threshold,
    /// The coupon cannot be combined with the others.
    NotStackable,
}

/// Discount of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Amount in minor units, at least 1.
    pub minor: i64,
    /// Share of each line by line number, without zero shares; the sum is `minor`.
    pub shares: Vec<(i32, i64)>,
}

/// Result of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// ID of the coupon.
    pub coupon: CouponId,
    /// The discount, or the reason why there is none.
    pub outcome: Result<Discount, Ineligible>,
}

/// Returns the discount of each coupon in the order of application; ineligible coupons are last.
#[must_use]
pub fn evaluate(purchase: &Purchase, candidates: &[Candidate]) -> Vec<Verdict> {
    let mut ordered: Vec<&Candidate> = candidates.iter().collect();
    ordered.sort_by_key(|candidate| rank(purchase, candidate));
    let (mut eligible, mut ineligible) = (Vec::new(), Vec::new());
    for candidate in ordered {
        match check(purchase, candidate) {
            Ok(()) => eligible.push(candidate),
            Err(why) => ineligible.push(Verdict { coupon: candidate.coupon, outcome: Err(why) }),
        }
    }
    let mut verdicts = Vec::with_capacity(candidates.len());
    let mut left: Vec<i64> = purchase.lines.iter().map(|line| line.subtotal_minor).collect();
    for (candidate, is_stacked) in stack(&eligible) {
        let discount = if is_stacked { apply(purchase, candidate, &mut left) } else { None };
        match discount {
            Some(discount) => verdicts.push(Verdict { coupon: candidate.coupon, outcome: Ok(discount) }),
            None => {
                let why =
                    if is_stacked && verdicts.is_empty() { Ineligible::Threshold } else { Ineligible::NotStackable };
                ineligible.push(Verdict { coupon: candidate.coupon, outcome: Err(why) });
            }
        }
    }
    verdicts.append(&mut ineligible);
    verdicts
}

/// Rank of a coupon in the order of application.
fn rank(purchase: &Purchase, candidate: &Candidate) -> (u8, usize, CouponId) {
    let kind = match candidate.template.discount {
        DiscountValue::Amount { .. } => 0,
        DiscountValue::Percent { .. } => 1,
    };
    let line_count = purchase.lines.iter().filter(|line| candidate.template.scope.covers(line)).count();
    (kind, line_count, candidate.coupon)
}

/// Marks the coupons that are combined: all stackable ones; without a stackable coupon, the first one.
fn stack<'a>(eligible: &[&'a Candidate]) -> Vec<(&'a Candidate, bool)> {
    let is_any_stackable = eligible.iter().any(|candidate| candidate.template.is_stackable);
    let is_stacked = |index: usize, candidate: &Candidate| match is_any_stackable {
        true => candidate.template.is_stackable,
        false => index == 0,
    };
    eligible.iter().enumerate().map(|(index, candidate)| (*candidate, is_stacked(index, candidate))).collect()
}

/// Checks whether the coupon alone is eligible.
fn check(purchase: &Purchase, candidate: &Candidate) -> Result<(), Ineligible> {
    let template = &candidate.template;
    if candidate.state != State::Active {
        return Err(Ineligible::Taken);
    }
    if purchase.now >= candidate.expires_at {
        return Err(Ineligible::Expired);
    }
    let covered: Vec<&Line> = purchase.lines.iter().filter(|line| template.scope.covers(line)).collect();
    let is_here = template.scope.shops.is_empty() || template.scope.shops.contains(&purchase.shop);
    if !is_here || covered.is_empty() || template.currency.is_none() || template.currency != purchase.currency {
        return Err(Ineligible::Scope);
    }
    let subtotal: i128 = covered.iter().map(|line| i128::from(line.subtotal_minor)).sum();
    if subtotal < i128::from(template.threshold_minor) {
        return Err(Ineligible::Threshold);
    }
    Ok(())
}

/// Subtracts the discount from the rest of the lines; `None` when the discount is 0.
fn apply(purchase: &Purchase, candidate: &Candidate, left: &mut [i64]) -> Option<Discount> {
    let scope = &candidate.template.scope;
    let weights: Vec<i64> =
        purchase.lines.iter().zip(left.iter()).map(|(line, cost)| if scope.covers(line) { *cost } else { 0 }).collect();
    let base = weights.iter().fold(0_i64, |sum, weight| sum.saturating_add(*weight));
    let minor = amount_off(candidate.template.discount, base);
    if minor < 1 {
        return None;
    }
    let parts = prorate(minor, &weights);
    for (cost, part) in left.iter_mut().zip(&parts) {
        *cost -= *part;
        assert!(*cost >= 0, "a discount exceeds its line");
    }
    let shares = purchase.lines.iter().zip(parts).filter(|(_, part)| *part > 0);
    Some(Discount { minor, shares: shares.map(|(line, part)| (line.number, part)).collect() })
}

/// The discount of a base of 0 or more, at most the base.
fn amount_off(discount: DiscountValue, base: i64) -> i64 {
    match discount {
        DiscountValue::Amount { minor } => minor.clamp(0, base),
        DiscountValue::Percent { basis_points, cap_minor } => {
            let whole = i128::from(BASIS_POINTS_MAX);
            // One less than half of the divisor is added, so that an exact half is rounded down.
            let exact =
                i128::from(base) * i128::from(basis_points.clamp(0, BASIS_POINTS_MAX)) + whole.div_euclid(2) - 1;
            let rounded = i64::try_from(exact.div_euclid(whole)).unwrap_or(base).clamp(0, base);
            if cap_minor > 0 { rounded.min(cap_minor) } else { rounded }
        }
    }
}

impl Scope {
    /// Whether the coupon applies to the line, in any shop.
    #[must_use]
    pub fn covers(&self, line: &Line) -> bool {
        let is_category =
            self.categories.is_empty() || self.categories.iter().any(|category| category.contains(line.category));
        is_category && (self.variants.is_empty() || self.variants.contains(&line.variant))
    }
}

#[cfg(test)]
#[path = "discount_tests.rs"]
mod tests;

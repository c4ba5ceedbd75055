//! What coupons are worth together (ADR 0012).
//!
//! Amounts come off first, then percentages of what is left; among equals the coupon for fewer lines comes first, then
//! the older one. So the order in which coupons are named does not matter. A threshold counts what the lines cost before
//! any discount. A percentage is rounded to the nearest minor unit, an exact half down. No coupon takes off more than
//! its lines still cost, and one for which nothing is left is not used up.

use pulse_kernel::Timestamp;
use pulse_kernel::id::{CouponId, ShopId};
use pulse_kernel::money::Currency;

use super::coupon::State;
use super::spread::spread;
use super::template::{BASIS_POINTS_MAX, DiscountValue, Scope, Template};

/// A line of what is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub number: i32,
    /// Which variant.
    pub variant: i64,
    /// The category of its product.
    pub category: i64,
    /// What it costs.
    pub subtotal_minor: i64,
}

/// What is bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Where.
    pub shop: ShopId,
    /// In which currency.
    pub currency: Option<Currency>,
    /// What; numbers differ, subtotals are not negative.
    pub lines: Vec<Line>,
    /// When.
    pub now: Timestamp,
}

/// A coupon that somebody wants to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub coupon: CouponId,
    /// In which state.
    pub state: State,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// What it says.
    pub template: Template,
}

/// Why a coupon is worth nothing, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ineligible {
    /// It was used, or an order holds it.
    Taken,
    /// Its time is over.
    Expired,
    /// It is for something else.
    Scope,
    /// The lines that it is for do not cost enough.
    Threshold,
    /// It does not go together with the others.
    NotStackable,
}

/// What a coupon takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// How much, at least 1.
    pub minor: i64,
    /// By line number, those with a share; they sum to `minor`.
    pub shares: Vec<(i32, i64)>,
}

/// What became of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which one.
    pub coupon: CouponId,
    /// What it takes off, or why nothing.
    pub outcome: Result<Discount, Ineligible>,
}

/// Says what each coupon takes off, in the order in which they apply; those that cannot be used come last.
#[must_use]
pub fn evaluate(purchase: &Purchase, candidates: &[Candidate]) -> Vec<Verdict> {
    let mut ordered: Vec<&Candidate> = candidates.iter().collect();
    ordered.sort_by_key(|candidate| place(purchase, candidate));
    let (mut usable, mut refused) = (Vec::new(), Vec::new());
    for candidate in ordered {
        match check(purchase, candidate) {
            Ok(()) => usable.push(candidate),
            Err(why) => refused.push(Verdict { coupon: candidate.coupon, outcome: Err(why) }),
        }
    }
    let mut verdicts = Vec::with_capacity(candidates.len());
    let mut left: Vec<i64> = purchase.lines.iter().map(|line| line.subtotal_minor).collect();
    for (candidate, goes_along) in stack(&usable) {
        let discount = if goes_along { take_off(purchase, candidate, &mut left) } else { None };
        match discount {
            Some(discount) => verdicts.push(Verdict { coupon: candidate.coupon, outcome: Ok(discount) }),
            None => {
                let why =
                    if goes_along && verdicts.is_empty() { Ineligible::Threshold } else { Ineligible::NotStackable };
                refused.push(Verdict { coupon: candidate.coupon, outcome: Err(why) });
            }
        }
    }
    verdicts.append(&mut refused);
    verdicts
}

/// Where a coupon stands in the order of application.
fn place(purchase: &Purchase, candidate: &Candidate) -> (u8, usize, CouponId) {
    let kind = match candidate.template.worth {
        DiscountValue::Amount { .. } => 0,
        DiscountValue::Percent { .. } => 1,
    };
    let line_count = purchase.lines.iter().filter(|line| candidate.template.scope.covers(line)).count();
    (kind, line_count, candidate.coupon)
}

/// Which of the usable coupons go along: all that can be stacked; when none can, the first alone.
fn stack<'a>(usable: &[&'a Candidate]) -> Vec<(&'a Candidate, bool)> {
    let is_any_stackable = usable.iter().any(|candidate| candidate.template.is_stackable);
    let along = |index: usize, candidate: &Candidate| match is_any_stackable {
        true => candidate.template.is_stackable,
        false => index == 0,
    };
    usable.iter().enumerate().map(|(index, candidate)| (*candidate, along(index, candidate))).collect()
}

/// Whether the coupon could be used if it were the only one.
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

/// Takes the coupon's worth off what the lines still cost; `None` when that is nothing.
fn take_off(purchase: &Purchase, candidate: &Candidate, left: &mut [i64]) -> Option<Discount> {
    let scope = &candidate.template.scope;
    let weights: Vec<i64> =
        purchase.lines.iter().zip(left.iter()).map(|(line, cost)| if scope.covers(line) { *cost } else { 0 }).collect();
    let base = weights.iter().fold(0_i64, |sum, weight| sum.saturating_add(*weight));
    let minor = worth(candidate.template.worth, base);
    if minor < 1 {
        return None;
    }
    let parts = spread(minor, &weights);
    for (cost, part) in left.iter_mut().zip(&parts) {
        *cost -= *part;
        assert!(*cost >= 0, "a line would cost less than nothing");
    }
    let shares = purchase.lines.iter().zip(parts).filter(|(_, part)| *part > 0);
    Some(Discount { minor, shares: shares.map(|(line, part)| (line.number, part)).collect() })
}

/// What comes off a base that is not negative; never more than the base.
fn worth(worth: DiscountValue, base: i64) -> i64 {
    match worth {
        DiscountValue::Amount { minor } => minor.clamp(0, base),
        DiscountValue::Percent { basis_points, cap_minor } => {
            let whole = i128::from(BASIS_POINTS_MAX);
            // Adding one less than half of the divisor lets an exact half fall down.
            let exact =
                i128::from(base) * i128::from(basis_points.clamp(0, BASIS_POINTS_MAX)) + whole.div_euclid(2) - 1;
            let rounded = i64::try_from(exact.div_euclid(whole)).unwrap_or(base).clamp(0, base);
            if cap_minor > 0 { rounded.min(cap_minor) } else { rounded }
        }
    }
}

impl Scope {
    /// Whether the line is one that the coupon is for, wherever it is bought.
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

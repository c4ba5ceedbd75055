//! Loads coupons and evaluates their discounts for a purchase.

use std::collections::BTreeSet;

use pulse_contract::errors as common;
use pulse_contract::marketing::v1::{CouponDiscount, CouponDiscounts, DiscountLine, LineDiscount, errors};
use pulse_kernel::id::{AccountId, CouponId, ShopId};
use pulse_kernel::money::Currency;
use pulse_kernel::{Error, Locale, Timestamp};

use super::{App, reasons, view};
use crate::domain::discount::{self, Candidate, Line, Purchase, Verdict};
use crate::store::coupons::{self, CouponRow};
use crate::store::templates::{self, TemplateRow};

/// Maximum number of coupons of an order.
const COUPONS_MAX: usize = 10;
/// Maximum number of lines of an order.
const LINES_MAX: usize = 100;
/// Maximum subtotal of a line in minor units, so that sums do not overflow.
const SUBTOTAL_MINOR_MAX: i64 = 1_000_000_000_000;

/// Coupons with their discounts.
pub(super) struct Evaluation {
    /// Coupons of the account, ordered by ID.
    pub(super) rows: Vec<CouponRow>,
    templates: Vec<TemplateRow>,
    verdicts: Vec<Verdict>,
    /// Requested coupons that the account does not have.
    unknown: Vec<CouponId>,
}

/// The purchase as a value of the domain.
///
/// # Errors
/// `VALIDATION_FAILED` for duplicate line numbers, too many lines, or a subtotal out of range.
pub(super) fn purchase(
    shop_id: i64,
    currency: &str,
    lines: &[DiscountLine],
    now: Timestamp,
) -> Result<Purchase, Error> {
    if lines.len() > LINES_MAX {
        let detail = format!("lines must have at most {LINES_MAX} items, got {}", lines.len());
        return Err(common::VALIDATION_FAILED.error(detail));
    }
    let mut numbers = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        if !numbers.insert(line.line_number) {
            let detail = format!("lines[{index}].line_number must be unique, got {} twice", line.line_number);
            return Err(common::VALIDATION_FAILED.error(detail));
        }
        let subtotal = line.subtotal_minor;
        if !(0..=SUBTOTAL_MINOR_MAX).contains(&subtotal) {
            let rule = format!("must be between 0 and {SUBTOTAL_MINOR_MAX}, got {subtotal}");
            return Err(common::VALIDATION_FAILED.error(format!("lines[{index}].subtotal_minor {rule}")));
        }
    }
    let line = |line: &DiscountLine| Line {
        number: line.line_number,
        variant: line.variant_id,
        category: line.category_code,
        subtotal_minor: line.subtotal_minor,
    };
    let lines = lines.iter().map(line).collect();
    Ok(Purchase { shop: ShopId::new(shop_id), currency: Currency::from_code(currency), lines, now })
}

/// The requested coupons without duplicates, ordered by ID.
///
/// # Errors
/// `VALIDATION_FAILED` for too many coupons.
pub(super) fn requested(coupon_ids: &[i64]) -> Result<Vec<CouponId>, Error> {
    let ids: BTreeSet<CouponId> = coupon_ids.iter().copied().map(CouponId::new).collect();
    if ids.len() > COUPONS_MAX {
        return Err(common::VALIDATION_FAILED
            .error(format!("coupon_ids must have at most {COUPONS_MAX} items, got {}", ids.len())));
    }
    Ok(ids.into_iter().collect())
}

/// Evaluates coupons of an account together.
pub(super) async fn evaluate(
    app: &App,
    account: AccountId,
    purchase: &Purchase,
    ids: &[CouponId],
) -> Result<Evaluation, Error> {
    let store = &app.deps.store;
    let mut rows = coupons::by_ids(store, ids).await?;
    rows.retain(|row| row.account == account);
    let templates = templates::by_ids(store, rows.iter().map(|row| row.template).collect()).await?;
    let candidates: Result<Vec<Candidate>, Error> = rows
        .iter()
        .map(|row| {
            let template = view::rules(view::template_of(&templates, row.template)?);
            Ok(Candidate { coupon: row.id, state: row.state, expires_at: row.expires_at, template })
        })
        .collect();
    let verdicts = discount::evaluate(purchase, &candidates?);
    let unknown = ids.iter().copied().filter(|id| !rows.iter().any(|row| row.id == *id)).collect();
    Ok(Evaluation { rows, templates, verdicts, unknown })
}

impl Evaluation {
    /// The message of the contract: eligible coupons in the order of application, then the others.
    pub(super) fn discounts(&self, locale: Locale) -> Result<CouponDiscounts, Error> {
        let mut discounts = Vec::with_capacity(self.verdicts.len() + self.unknown.len());
        for verdict in &self.verdicts {
            discounts.push(self.discount(verdict, locale)?);
        }
        discounts.extend(self.unknown.iter().map(|coupon| CouponDiscount {
            coupon_id: coupon.get(),
            code: errors::MARKETING_COUPON_NOT_FOUND.code.to_owned(),
            reason: reasons::unknown(locale),
            ..CouponDiscount::default()
        }));
        let discount_minor = discounts.iter().map(|discount| discount.discount_minor).sum();
        Ok(CouponDiscounts { discounts, discount_minor })
    }

    fn discount(&self, verdict: &Verdict, locale: Locale) -> Result<CouponDiscount, Error> {
        let row = self.rows.iter().find(|row| row.id == verdict.coupon);
        let row = row.ok_or_else(|| common::INTERNAL.error("a coupon of the result was not loaded"))?;
        let template = view::template_of(&self.templates, row.template)?;
        let rules = view::rules(template);
        let mut discount_of = CouponDiscount {
            coupon_id: verdict.coupon.get(),
            name: template.draft.name.clone(),
            ..CouponDiscount::default()
        };
        match &verdict.outcome {
            Ok(discount) => {
                discount_of.discount_minor = discount.minor;
                discount_of.reason = reasons::discount(&rules, locale);
                let share = |&(line_number, discount_minor)| LineDiscount { line_number, discount_minor };
                discount_of.lines = discount.shares.iter().map(share).collect();
            }
            Err(why) => {
                reasons::spec(*why).code.clone_into(&mut discount_of.code);
                discount_of.reason = reasons::refusal(*why, &rules, locale);
            }
        }
        Ok(discount_of)
    }

    /// The error that names all ineligible coupons; `None` when all are eligible.
    pub(super) fn refusal(&self, locale: Locale) -> Result<Option<Error>, Error> {
        let discounts = self.discounts(locale)?.discounts;
        let refused: Vec<CouponDiscount> = discounts.into_iter().filter(|discount| !discount.code.is_empty()).collect();
        let Some(first) = refused.first() else { return Ok(None) };
        let ineligible = self.verdicts.iter().find_map(|verdict| verdict.outcome.as_ref().err());
        let spec = ineligible.map_or(&errors::MARKETING_COUPON_NOT_FOUND, |why| reasons::spec(*why));
        let error = spec.error(first.reason.clone()).with("coupon_id", first.coupon_id);
        Ok(Some(error.with_violations(refused.into_iter().map(|discount| pulse_kernel::Violation {
            field: format!("coupons[{}]", discount.coupon_id).into(),
            code: discount.code.into(),
            message: discount.reason.into(),
        }))))
    }
}

//! Loads coupons, and says what they are worth together for what is bought.

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

/// How many coupons one order uses at most.
const COUPONS_MAX: usize = 10;
/// How many lines one order has at most.
const LINES_MAX: usize = 100;
/// What a line costs at most, so that sums stay far from their limits.
const SUBTOTAL_MINOR_MAX: i64 = 1_000_000_000_000;

/// Coupons that were looked at.
pub(super) struct Appraised {
    /// Those of the account, in the order of their ids.
    pub(super) rows: Vec<CouponRow>,
    templates: Vec<TemplateRow>,
    verdicts: Vec<Verdict>,
    /// Those that the account does not have.
    unknown: Vec<CouponId>,
}

/// What is bought, as the rules see it.
///
/// # Errors
/// `VALIDATION_FAILED` when lines share a number, or there are too many of them.
pub(super) fn purchase(
    shop_id: i64,
    currency: &str,
    lines: &[DiscountLine],
    now: Timestamp,
) -> Result<Purchase, Error> {
    let numbers: BTreeSet<i32> = lines.iter().map(|line| line.line_number).collect();
    if numbers.len() != lines.len() || lines.len() > LINES_MAX {
        return Err(common::VALIDATION_FAILED.error("lines have different numbers, and there are at most 100"));
    }
    if lines.iter().any(|line| !(0..=SUBTOTAL_MINOR_MAX).contains(&line.subtotal_minor)) {
        return Err(common::VALIDATION_FAILED.error("a line costs nothing less than nothing, and not too much"));
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

/// The coupons that somebody names, each once, in the order of their ids.
///
/// # Errors
/// `VALIDATION_FAILED` when there are too many.
pub(super) fn named(coupon_ids: &[i64]) -> Result<Vec<CouponId>, Error> {
    let ids: BTreeSet<CouponId> = coupon_ids.iter().copied().map(CouponId::new).collect();
    if ids.len() > COUPONS_MAX {
        return Err(common::VALIDATION_FAILED.error("an order uses at most 10 coupons"));
    }
    Ok(ids.into_iter().collect())
}

/// Says what the coupons of an account are worth together.
pub(super) async fn evaluate(
    app: &App,
    account: AccountId,
    purchase: &Purchase,
    ids: &[CouponId],
) -> Result<Appraised, Error> {
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
    Ok(Appraised { rows, templates, verdicts, unknown })
}

impl Appraised {
    /// What the wire sees of it: those that can be used in the order of application, then the others.
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
        let row = row.ok_or_else(|| common::INTERNAL.error("a verdict about no coupon"))?;
        let template = view::template_of(&self.templates, row.template)?;
        let rules = view::rules(template);
        let mut told = CouponDiscount {
            coupon_id: verdict.coupon.get(),
            name: template.draft.name.clone(),
            ..CouponDiscount::default()
        };
        match &verdict.outcome {
            Ok(discount) => {
                told.discount_minor = discount.minor;
                told.reason = reasons::worth(&rules, locale);
                let share = |&(line_number, discount_minor)| LineDiscount { line_number, discount_minor };
                told.lines = discount.shares.iter().map(share).collect();
            }
            Err(why) => {
                reasons::spec(*why).code.clone_into(&mut told.code);
                told.reason = reasons::refusal(*why, &rules, locale);
            }
        }
        Ok(told)
    }

    /// The refusal, when one of the coupons cannot be used; it names all of those.
    pub(super) fn refusal(&self, locale: Locale) -> Result<Option<Error>, Error> {
        let told = self.discounts(locale)?.discounts;
        let refused: Vec<CouponDiscount> = told.into_iter().filter(|discount| !discount.code.is_empty()).collect();
        let Some(first) = refused.first() else { return Ok(None) };
        let unusable = self.verdicts.iter().find_map(|verdict| verdict.outcome.as_ref().err());
        let spec = unusable.map_or(&errors::MARKETING_COUPON_NOT_FOUND, |why| reasons::spec(*why));
        let error = spec.error(first.reason.clone()).with("coupon_id", first.coupon_id);
        Ok(Some(error.with_violations(refused.into_iter().map(|discount| pulse_kernel::Violation {
            field: format!("coupons[{}]", discount.coupon_id).into(),
            code: discount.code.into(),
            message: discount.reason.into(),
        }))))
    }
}

//! Messages of the contract made from rows, and domain values made from messages.

use pulse_contract::marketing::v1 as wire;
use pulse_kernel::id::ShopId;
use pulse_kernel::money::{Currency, Money};
use pulse_kernel::{Error, Timestamp};

use crate::domain::category::Subtree;
use crate::domain::coupon::State;
use crate::domain::template::{DiscountValue, Distribution, Scope, Template, TemplateId};
use crate::store::coupons::CouponRow;
use crate::store::templates::TemplateRow;

/// The template as a value of the domain.
pub(super) fn rules(row: &TemplateRow) -> Template {
    let draft = &row.draft;
    let discount = match draft.discount() {
        wire::DiscountKind::Amount | wire::DiscountKind::Unspecified => {
            DiscountValue::Amount { minor: draft.amount_minor }
        }
        wire::DiscountKind::Percent => {
            DiscountValue::Percent { basis_points: draft.percent_basis_points.into(), cap_minor: draft.cap_minor }
        }
    };
    let distribution = match draft.distribution() {
        wire::Distribution::Unspecified | wire::Distribution::Claim => Distribution::Claim,
        wire::Distribution::Grant => Distribution::Grant,
        wire::Distribution::Purchase => Distribution::Purchase,
    };
    let price = draft.price.as_ref();
    let price = price.and_then(|price| Some(Money::new(price.minor, Currency::from_code(&price.currency)?)));
    Template {
        discount,
        currency: Currency::from_code(&draft.currency),
        threshold_minor: draft.threshold_minor,
        scope: scope(row),
        starts_at: instant(draft.starts_at),
        ends_at: instant(draft.ends_at),
        valid_days: u32::try_from(draft.valid_days).unwrap_or(0),
        per_customer_limit: draft.per_customer_limit.into(),
        is_stackable: draft.is_stackable,
        distribution,
        price,
        is_closed: row.is_closed,
    }
}

fn scope(row: &TemplateRow) -> Scope {
    let shops = if row.shop.get() == 0 {
        row.draft.shop_ids.iter().copied().map(ShopId::new).collect()
    } else {
        vec![row.shop]
    };
    Scope {
        shops,
        // Invalid codes are rejected when the template is created.
        categories: row.draft.category_codes.iter().filter_map(|code| Subtree::of(*code)).collect(),
        variants: row.draft.variant_ids.clone(),
    }
}

/// An instant of the contract; a missing one is the epoch.
pub(super) fn instant(at: Option<pulse_contract::Timestamp>) -> Timestamp {
    at.map_or(Timestamp::EPOCH, Into::into)
}

pub(super) fn template(row: TemplateRow) -> wire::CouponTemplate {
    wire::CouponTemplate {
        template_id: row.id.get(),
        shop_id: row.shop.get(),
        template: Some(row.draft),
        is_closed: row.is_closed,
        created_at: Some(row.created_at.into()),
        version: row.version,
    }
}

/// A coupon at an instant, which decides whether it has expired.
pub(super) fn coupon(row: &CouponRow, template: &TemplateRow, now: Timestamp) -> wire::Coupon {
    let state = match row.state {
        State::Active if now >= row.expires_at => wire::CouponState::Expired,
        State::Active => wire::CouponState::Active,
        State::Reserved => wire::CouponState::Reserved,
        State::Used => wire::CouponState::Used,
        State::Revoked => wire::CouponState::Revoked,
    };
    let shop = match scope(template).shops.as_slice() {
        [only] => only.get(),
        _ => 0,
    };
    wire::Coupon {
        coupon_id: row.id.get(),
        template_id: row.template.get(),
        account_id: row.account.get(),
        state: state.into(),
        shop_id: shop,
        template: Some(template.draft.clone()),
        obtained_at: Some(row.obtained_at.into()),
        expires_at: Some(row.expires_at.into()),
        order_id: row.order.get(),
        is_order_refunded: row.is_order_refunded,
        version: row.version,
    }
}

/// The template of a coupon. It exists, because templates are never deleted.
pub(super) fn template_of(templates: &[TemplateRow], id: TemplateId) -> Result<&TemplateRow, Error> {
    templates.iter().find(|template| template.id == id).ok_or_else(|| {
        pulse_contract::errors::INTERNAL.error(format!("template {} of a coupon does not exist", id.get()))
    })
}

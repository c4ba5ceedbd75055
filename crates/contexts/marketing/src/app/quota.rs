//! Quotas of templates: resources of the stock context with the ID of the template.
//!
//! A unit is reserved under the ID of the coupon before the coupon is created, and confirmed by the event of the new coupon.
//! After a crash in between the reservation expires.

use pulse_bus::Delivery;
use pulse_contract::errors as common;
use pulse_contract::marketing::v1::{CouponObtained, errors};
use pulse_contract::stock::v1::{
    ConfirmReservationRequest, DeductAt, LineStatus, PutResourceRequest, ReleaseReservationRequest, ReservationKey,
    ReservationLine, ReservationOwner, ReservationState, ReserveRequest, ResourceKind, ResourceRef, StockRules,
};
use pulse_kernel::id::CouponId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::domain::coupon::State;
use crate::domain::template::TemplateId;
use crate::store::coupons;
use crate::store::templates::TemplateRow;

/// Actor of calls to the stock context.
const ACTOR: &str = "marketing.quota";

/// Creates the quota of a new template.
pub(super) async fn create(app: &App, cx: &Cx, row: &TemplateRow) -> Result<(), Error> {
    let rules = StockRules { deduct_at: DeductAt::Order.into(), is_oversell_allowed: false, warning_line: 0 };
    let request = PutResourceRequest {
        shop_id: row.shop.get(),
        resource: Some(resource(row.id)),
        rules: Some(rules),
        on_hand: row.draft.quota,
    };
    app.deps.stock.put_resource(&cx.as_system(ACTOR), request).await?;
    Ok(())
}

/// Reserves a unit for a coupon.
///
/// # Errors
/// `MARKETING_QUOTA_EXHAUSTED`; those of the stock context when it does not answer.
pub(super) async fn reserve(app: &App, cx: &Cx, template: TemplateId, coupon: CouponId) -> Result<(), Error> {
    let request = ReserveRequest {
        key: Some(key(coupon)),
        lines: vec![line(template)],
        expires_at: Some(cx.now.plus(app.deps.config.quota_reservation_ttl).into()),
        is_payment: false,
    };
    let reservation = app.deps.stock.reserve(&cx.as_system(ACTOR), request).await?;
    if reservation.state() != ReservationState::Active {
        let refusal = errors::MARKETING_QUOTA_EXHAUSTED.error("the quota of the template is used up");
        return Err(refusal.with("template_id", template.get()));
    }
    if reservation.lines.iter().any(|line| line.status() == LineStatus::Untracked) {
        release(app, cx, coupon).await;
        return Err(common::INTERNAL.error(format!("template {} has no quota in the stock context", template.get())));
    }
    Ok(())
}

/// Releases the unit of a coupon that was not created. When that fails, the reservation expires.
pub(super) async fn release(app: &App, cx: &Cx, coupon: CouponId) {
    let request = ReleaseReservationRequest { key: Some(key(coupon)) };
    if let Err(error) = app.deps.stock.release_reservation(&cx.as_system(ACTOR), request).await {
        tracing::info!(
            error = error.report(),
            coupon = coupon.get(),
            "quota unit was not released; its reservation expires later"
        );
    }
}

/// Confirms the unit of a new coupon.
///
/// When the reservation has expired and the quota is used up, the coupon expires, because a quota is never exceeded. A coupon
/// that an order reserves or used stays.
pub(crate) async fn confirm_quota(app: &App, cx: &Cx, delivery: &Delivery, event: CouponObtained) -> Result<(), Error> {
    let store = &app.deps.store;
    let id = CouponId::new(event.coupon_id);
    let Some(row) = coupons::by_id(store, id).await?.filter(|row| row.source.origin.takes_quota()) else {
        return Ok(());
    };
    let request = ConfirmReservationRequest { key: Some(key(id)), lines: vec![line(row.template)] };
    let reservation = app.deps.stock.confirm_reservation(&cx.as_system(ACTOR), request).await?;
    if reservation.state() == ReservationState::Confirmed {
        return Ok(());
    }
    tracing::error!(
        coupon = id.get(),
        template = row.template.get(),
        "quota unit of a coupon expired before its confirmation and the quota is used up; coupon expires unless an order has it"
    );
    let commit = match row.state {
        // It expires at its issue time, which distinguishes it from coupons with a confirmed unit.
        State::Active | State::Revoked => coupons::expire(Commit::new(), &row, row.obtained_at),
        State::Reserved | State::Used => Commit::new(),
    };
    Ok(delivery.commit(store, cx, commit).await?)
}

fn key(coupon: CouponId) -> ReservationKey {
    ReservationKey { owner: ReservationOwner::Coupon.into(), id: coupon.get() }
}

fn line(template: TemplateId) -> ReservationLine {
    ReservationLine { resource: Some(resource(template)), quantity: 1 }
}

fn resource(template: TemplateId) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Coupon.into(), id: template.get() }
}

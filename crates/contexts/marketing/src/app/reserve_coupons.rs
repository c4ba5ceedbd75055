//! Reserves coupons for an order, all or none, in one commit.

use pulse_contract::errors as common;
use pulse_contract::marketing::v1::{CouponDiscounts, ReserveCouponsRequest, errors};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, StoreError, Timer};

use super::evaluate::{evaluate, purchase, requested};
use super::{App, view};
use crate::domain::coupon::State;
use crate::domain::discount::Purchase;
use crate::domain::reservation::{Reservation, ReservationState};
use crate::store::coupons;
use crate::store::reservations::{self, ReservationRow};

/// Timer that returns the coupons and slots of an order.
pub(crate) const RESERVATION_EXPIRED: &str = "marketing.reservation_expired";

/// Requested reservation.
struct Request {
    order: OrderId,
    account: AccountId,
    purchase: Purchase,
    coupons: Vec<CouponId>,
    expires_at: Timestamp,
}

pub(crate) async fn reserve_coupons(
    app: &App,
    cx: &Cx,
    request: ReserveCouponsRequest,
) -> Result<CouponDiscounts, Error> {
    let request = Request {
        order: OrderId::new(request.order_id),
        account: AccountId::new(request.account_id),
        purchase: purchase(request.shop_id, &request.currency, &request.lines, cx.now)?,
        coupons: requested(&request.coupon_ids)?,
        expires_at: view::instant(request.expires_at),
    };
    app.deps.store.attempt(cx, || reserve(app, cx, &request)).await
}

async fn reserve(app: &App, cx: &Cx, request: &Request) -> Result<CouponDiscounts, Error> {
    let store = &app.deps.store;
    if let Some(before) = reservations::by_order(store, request.order).await? {
        return reserved_before(before, request);
    }
    let evaluation = evaluate(app, request.account, &request.purchase, &request.coupons).await?;
    if evaluation.rows.iter().any(|row| row.order == request.order) {
        // A concurrent request of the same order: the retry finds its reservation.
        return Err(StoreError::Conflict.into());
    }
    if let Some(refusal) = evaluation.refusal(cx.locale)? {
        return Err(refusal);
    }
    let discounts = evaluation.discounts(cx.locale)?;
    let row = ReservationRow {
        order: request.order,
        reservation: Reservation {
            account: request.account,
            state: ReservationState::Reserved,
            coupons: request.coupons.clone(),
            order_version: 0,
        },
        expires_at: request.expires_at,
        vouchers: None,
        discounts: discounts.clone(),
        version: 0,
    };
    let commit = reservations::put(Commit::new(), &row);
    let commit = evaluation
        .rows
        .iter()
        .fold(commit, |commit, coupon| coupons::change(commit, coupon, State::Reserved, request.order))
        .timer(Timer {
            kind: RESERVATION_EXPIRED,
            key: request.order.get(),
            due_at: request.expires_at,
            payload: Default::default(),
        });
    store.commit(cx, commit.answer(cx, &discounts)).await?;
    Ok(discounts)
}

/// The answer for an order that has a reservation.
fn reserved_before(before: ReservationRow, request: &Request) -> Result<CouponDiscounts, Error> {
    if before.reservation.state == ReservationState::Returned {
        let refusal = errors::MARKETING_COUPON_TAKEN
            .error("the coupons of this order were returned; it cannot reserve coupons again");
        return Err(refusal.with("order_id", request.order.get()));
    }
    if before.reservation.account != request.account || before.reservation.coupons != request.coupons {
        return Err(other_coupons(request.order));
    }
    Ok(before.discounts)
}

pub(super) fn other_coupons(order: OrderId) -> Error {
    common::IDEMPOTENCY_KEY_REUSED.error("the order reserves other coupons").with("order_id", order.get())
}

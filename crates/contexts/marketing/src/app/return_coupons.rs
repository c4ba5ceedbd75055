//! Returns the coupons and voucher slots of an order.

use pulse_contract::marketing::v1::{CouponDiscounts, CouponReturned, ReturnCouponsRequest, ReturnCouponsResponse};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use super::reserve_coupons::RESERVATION_EXPIRED;
use crate::domain::coupon::{Origin, State};
use crate::domain::reservation::{Reservation, ReservationState, coupons_to_return};
use crate::store::coupons::{self, CouponRow};
use crate::store::purchase_slots;
use crate::store::reservations::{self, ReservationRow};

pub(crate) async fn return_coupons(
    app: &App,
    cx: &Cx,
    request: ReturnCouponsRequest,
) -> Result<ReturnCouponsResponse, Error> {
    let store = &app.deps.store;
    let order = OrderId::new(request.order_id);
    store
        .attempt(cx, || async {
            let reservation = reservations::by_order(store, order).await?;
            let (commit, returned) = plan_return(app, cx, order, reservation, 0).await?;
            let response = ReturnCouponsResponse { coupon_ids: returned.iter().map(|coupon| coupon.get()).collect() };
            store.commit(cx, commit.answer(cx, &response)).await?;
            Ok(response)
        })
        .await
}

/// Plans the return of the coupons of an order. Returns the writes and the coupons; the same coupons when they were returned
/// before.
///
/// An order without a reservation gets one in state `Returned`, so that it cannot reserve coupons later. `order_version` is
/// the version of the order in the event; 0 for a call or a timer.
pub(crate) async fn plan_return(
    app: &App,
    cx: &Cx,
    order: OrderId,
    reservation: Option<ReservationRow>,
    order_version: i64,
) -> Result<(Commit, Vec<CouponId>), Error> {
    let row = reservation.unwrap_or_else(|| empty(order, cx));
    let order_version = row.reservation.order_version.max(order_version);
    let coupon_ids = row.reservation.coupons.clone();
    let is_returned = row.version != 0 && row.reservation.state == ReservationState::Returned;
    if is_returned && order_version == row.reservation.order_version {
        return Ok((Commit::new(), coupon_ids));
    }
    let has_vouchers = row.vouchers.is_some();
    let reservation = Reservation { state: ReservationState::Returned, order_version, ..row.reservation.clone() };
    let commit = reservations::put(Commit::new(), &ReservationRow { reservation, ..row });
    if is_returned {
        return Ok((commit, coupon_ids));
    }
    let rows = coupons::by_ids(&app.deps.store, &coupon_ids).await?;
    let snapshots: Vec<_> = rows.iter().map(CouponRow::snapshot).collect();
    if coupons_to_return(order, &snapshots) != coupon_ids {
        // Reservation and coupons changed between the two reads.
        return Err(StoreError::Conflict.into());
    }
    let commit = commit.cancel_timer(RESERVATION_EXPIRED, order.get());
    let commit = if has_vouchers { commit.write(purchase_slots::release(order)) } else { commit };
    Ok((rows.iter().fold(commit, |commit, row| return_coupon(commit, row, order)), coupon_ids))
}

/// Reservation of an order that never reserved coupons.
fn empty(order: OrderId, cx: &Cx) -> ReservationRow {
    let (account, coupons) = (AccountId::new(0), Vec::new());
    ReservationRow {
        order,
        reservation: Reservation { account, state: ReservationState::Returned, coupons, order_version: 0 },
        expires_at: cx.now,
        vouchers: None,
        discounts: CouponDiscounts::default(),
        version: 0,
    }
}

fn return_coupon(commit: Commit, row: &CouponRow, order: OrderId) -> Commit {
    let event = CouponReturned { coupon_id: row.id.get(), account_id: row.account.get(), order_id: order.get() };
    coupons::change(commit, row, State::returned(row.is_order_refunded), OrderId::new(0)).event(row.id.get(), &event)
}

/// Adds the writes that expire the coupons that a cancelled order bought, because its payment is refunded.
pub(crate) async fn expire_bought(app: &App, cx: &Cx, order: OrderId, commit: Commit) -> Result<Commit, Error> {
    let mut bought = coupons::from(&app.deps.store, Origin::Purchase, order.get()).await?;
    bought.retain(|row| row.expires_at > cx.now);
    bought.sort_by_key(|row| row.id);
    Ok(bought.iter().fold(commit, |commit, row| coupons::expire(commit, row, cx.now)))
}

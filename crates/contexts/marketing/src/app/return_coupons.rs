//! Gives back what an order holds or has used up.

use pulse_contract::marketing::v1::{CouponDiscounts, CouponReturned, ReturnCouponsRequest, ReturnCouponsResponse};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use super::reserve_coupons::RESERVATION_EXPIRED;
use crate::domain::coupon::{Origin, State};
use crate::domain::reservation::{Reservation, ReservationState, given_back};
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
            let (commit, given) = plan_return(app, cx, order, reservation, 0).await?;
            let response = ReturnCouponsResponse { coupon_ids: given.iter().map(|coupon| coupon.get()).collect() };
            store.commit(cx, commit.answer(cx, &response)).await?;
            Ok(response)
        })
        .await
}

/// The writes that give back what an order has, and which coupons those are; the same ones when it was done before.
///
/// An order that never held anything is noted all the same, so that it cannot hold anything later. `order_version` is
/// what an event has told about the order; 0 when a call or a timer asks.
pub(crate) async fn plan_return(
    app: &App,
    cx: &Cx,
    order: OrderId,
    reservation: Option<ReservationRow>,
    order_version: i64,
) -> Result<(Commit, Vec<CouponId>), Error> {
    let row = reservation.unwrap_or_else(|| nothing(order, cx));
    let order_version = row.reservation.order_version.max(order_version);
    let given = row.reservation.coupons.clone();
    let is_over = row.version != 0 && row.reservation.state == ReservationState::Returned;
    if is_over && order_version == row.reservation.order_version {
        return Ok((Commit::new(), given));
    }
    let has_vouchers = row.vouchers.is_some();
    let returned = Reservation { state: ReservationState::Returned, order_version, ..row.reservation.clone() };
    let commit = reservations::put(Commit::new(), &ReservationRow { reservation: returned, ..row });
    if is_over {
        return Ok((commit, given));
    }
    let rows = coupons::by_ids(&app.deps.store, &given).await?;
    let standing: Vec<_> = rows.iter().map(CouponRow::standing).collect();
    let has = given_back(order, &standing);
    if has != given {
        // The hold and its coupons were read while somebody changed them.
        return Err(StoreError::Conflict.into());
    }
    let commit = commit.cancel_timer(RESERVATION_EXPIRED, order.get());
    let commit = if has_vouchers { commit.write(purchase_slots::give_back(order)) } else { commit };
    Ok((rows.iter().fold(commit, |commit, row| give_back(commit, row, order)), given))
}

/// The hold of an order that never held anything.
fn nothing(order: OrderId, cx: &Cx) -> ReservationRow {
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

fn give_back(commit: Commit, row: &CouponRow, order: OrderId) -> Commit {
    let event = CouponReturned { coupon_id: row.id.get(), account_id: row.account.get(), order_id: order.get() };
    coupons::change(commit, row, State::Active, OrderId::new(0)).event(row.id.get(), &event)
}

/// Adds the writes that end the coupons which were bought with an order that was cancelled: its money goes back.
pub(crate) async fn end_bought(app: &App, cx: &Cx, order: OrderId, commit: Commit) -> Result<Commit, Error> {
    let mut bought = coupons::from(&app.deps.store, Origin::Sale, order.get()).await?;
    bought.retain(|row| row.expires_at > cx.now);
    bought.sort_by_key(|row| row.id);
    Ok(bought.iter().fold(commit, |commit, row| coupons::end(commit, row, cx.now)))
}

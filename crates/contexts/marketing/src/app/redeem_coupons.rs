//! Uses up the coupons of an order that was paid.

use pulse_contract::marketing::v1::{CouponDiscounts, CouponRedeemed, RedeemCouponsRequest, RedeemCouponsResponse};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use super::evaluate::named;
use super::reserve_coupons::{RESERVATION_EXPIRED, other_coupons};
use crate::domain::coupon::State;
use crate::domain::reservation::{Redemption, Reservation, ReservationState, Undecided, redeem};
use crate::store::coupons::{self, CouponRow};
use crate::store::reservations::{self, ReservationRow};

pub(crate) async fn redeem_coupons(
    app: &App,
    cx: &Cx,
    request: RedeemCouponsRequest,
) -> Result<RedeemCouponsResponse, Error> {
    let store = &app.deps.store;
    let (order, asked) = (OrderId::new(request.order_id), named(&request.coupon_ids)?);
    store
        .attempt(cx, || async {
            let reservation = reservations::by_order(store, order).await?;
            let paid = Paid { order, coupons: &asked, order_version: 0 };
            let (commit, lost) = plan_redemption(app, cx, paid, reservation).await?;
            let response = RedeemCouponsResponse { lost_coupon_ids: lost.iter().map(|coupon| coupon.get()).collect() };
            store.commit(cx, commit.answer(cx, &response)).await?;
            Ok(response)
        })
        .await
}

/// An order that was paid, and what it used.
#[derive(Clone, Copy)]
pub(crate) struct Paid<'a> {
    pub(crate) order: OrderId,
    /// In the order of their ids.
    pub(crate) coupons: &'a [CouponId],
    /// What an event has told about the order; 0 when a call asks.
    pub(crate) order_version: i64,
}

/// The writes that use up what an order has, and the coupons that keep them from being any.
pub(crate) async fn plan_redemption(
    app: &App,
    cx: &Cx,
    Paid { order, coupons: asked, order_version }: Paid<'_>,
    reservation: Option<ReservationRow>,
) -> Result<(Commit, Vec<CouponId>), Error> {
    let rows = coupons::by_ids(&app.deps.store, asked).await?;
    let standing: Vec<_> = rows.iter().map(CouponRow::standing).collect();
    let decided = redeem(order, reservation.as_ref().map(|row| &row.reservation), asked, &standing);
    let redemption = decided.map_err(|undecided| match undecided {
        Undecided::OtherCoupons => other_coupons(order),
        Undecided::Changed => StoreError::Conflict.into(),
    })?;
    let newest = |row: &ReservationRow| row.reservation.order_version.max(order_version);
    match (redemption, reservation) {
        (Redemption::Lost(lost), _) => Ok((Commit::new(), lost)),
        (Redemption::Done, Some(row)) if newest(&row) > row.reservation.order_version => {
            let reservation = Reservation { order_version: newest(&row), ..row.reservation.clone() };
            Ok((reservations::put(Commit::new(), &ReservationRow { reservation, ..row }), Vec::new()))
        }
        (Redemption::Done, _) => Ok((Commit::new(), Vec::new())),
        (Redemption::Use, reservation) => {
            let holder = reservation.as_ref().map(|row| row.reservation.account).filter(|account| account.get() != 0);
            let account = holder.or_else(|| rows.first().map(|row| row.account)).unwrap_or(AccountId::new(0));
            let used = Reservation {
                account,
                state: ReservationState::Redeemed,
                coupons: asked.to_vec(),
                order_version: reservation.as_ref().map_or(order_version, newest),
            };
            let row = reservation.map_or_else(
                || ReservationRow {
                    order,
                    reservation: used.clone(),
                    expires_at: cx.now,
                    vouchers: None,
                    discounts: CouponDiscounts::default(),
                    version: 0,
                },
                |row| ReservationRow { reservation: used.clone(), ..row },
            );
            let commit = reservations::put(Commit::new(), &row).cancel_timer(RESERVATION_EXPIRED, order.get());
            Ok((rows.iter().fold(commit, |commit, row| use_up(commit, row, order)), Vec::new()))
        }
    }
}

fn use_up(commit: Commit, row: &CouponRow, order: OrderId) -> Commit {
    let event = CouponRedeemed {
        coupon_id: row.id.get(),
        template_id: row.template.get(),
        account_id: row.account.get(),
        order_id: order.get(),
    };
    coupons::change(commit, row, State::Used, order).event(row.id.get(), &event)
}

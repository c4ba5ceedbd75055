//! Redeems the coupons of a paid order.

use pulse_contract::marketing::v1::{CouponDiscounts, CouponRedeemed, RedeemCouponsRequest, RedeemCouponsResponse};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use super::evaluate::requested;
use super::reserve_coupons::{RESERVATION_EXPIRED, other_coupons};
use crate::domain::coupon::State;
use crate::domain::reservation::{Redemption, Reservation, ReservationState, Undecided, redeem};
use crate::metrics;
use crate::store::coupons::{self, CouponRow};
use crate::store::reservations::{self, ReservationRow};

pub(crate) async fn redeem_coupons(
    app: &App,
    cx: &Cx,
    request: RedeemCouponsRequest,
) -> Result<RedeemCouponsResponse, Error> {
    let store = &app.deps.store;
    let (order, coupon_ids) = (OrderId::new(request.order_id), requested(&request.coupon_ids)?);
    store
        .attempt(cx, || async {
            let reservation = reservations::by_order(store, order).await?;
            let paid = PaidOrder { order, coupons: &coupon_ids, order_version: 0 };
            let plan = plan_redemption(app, cx, paid, reservation).await?;
            let lost_coupon_ids = plan.lost.iter().map(|coupon| coupon.get()).collect();
            let response = RedeemCouponsResponse { lost_coupon_ids };
            store.commit(cx, plan.commit.answer(cx, &response)).await?;
            metrics::redeemed(plan.redeemed_count);
            Ok(response)
        })
        .await
}

/// A paid order and its coupons.
#[derive(Clone, Copy)]
pub(crate) struct PaidOrder<'a> {
    pub(crate) order: OrderId,
    /// Coupons of the order, ordered by ID.
    pub(crate) coupons: &'a [CouponId],
    /// Version of the order in the event; 0 for a call.
    pub(crate) order_version: i64,
}

/// Writes that redeem the coupons of an order.
#[derive(Default)]
pub(crate) struct RedemptionPlan {
    pub(crate) commit: Commit,
    /// Number of coupons that the commit redeems.
    pub(crate) redeemed_count: usize,
    /// Coupons that are not available to the order anymore; when there are any, none is redeemed.
    pub(crate) lost: Vec<CouponId>,
}

/// Plans the redemption of the coupons of a paid order.
pub(crate) async fn plan_redemption(
    app: &App,
    cx: &Cx,
    PaidOrder { order, coupons: requested, order_version }: PaidOrder<'_>,
    reservation: Option<ReservationRow>,
) -> Result<RedemptionPlan, Error> {
    let rows = coupons::by_ids(&app.deps.store, requested).await?;
    let snapshots: Vec<_> = rows.iter().map(CouponRow::snapshot).collect();
    let decided = redeem(order, reservation.as_ref().map(|row| &row.reservation), requested, &snapshots);
    let redemption = decided.map_err(|undecided| match undecided {
        Undecided::OtherCoupons => other_coupons(order),
        Undecided::Changed => StoreError::Conflict.into(),
    })?;
    let newest = |row: &ReservationRow| row.reservation.order_version.max(order_version);
    match (redemption, reservation) {
        (Redemption::Lost(lost), _) => Ok(RedemptionPlan { lost, ..RedemptionPlan::default() }),
        (Redemption::Done, Some(row)) if newest(&row) > row.reservation.order_version => {
            let reservation = Reservation { order_version: newest(&row), ..row.reservation.clone() };
            let commit = reservations::put(Commit::new(), &ReservationRow { reservation, ..row });
            Ok(RedemptionPlan { commit, ..RedemptionPlan::default() })
        }
        (Redemption::Done, _) => Ok(RedemptionPlan::default()),
        (Redemption::Use, reservation) => {
            let holder = reservation.as_ref().map(|row| row.reservation.account).filter(|account| account.get() != 0);
            let account = holder.or_else(|| rows.first().map(|row| row.account)).unwrap_or(AccountId::new(0));
            let used = Reservation {
                account,
                state: ReservationState::Redeemed,
                coupons: requested.to_vec(),
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
            let commit = rows.iter().fold(commit, |commit, row| redeem_coupon(commit, row, order));
            Ok(RedemptionPlan { commit, redeemed_count: rows.len(), lost: Vec::new() })
        }
    }
}

fn redeem_coupon(commit: Commit, row: &CouponRow, order: OrderId) -> Commit {
    let event = CouponRedeemed {
        coupon_id: row.id.get(),
        template_id: row.template.get(),
        account_id: row.account.get(),
        order_id: order.get(),
    };
    coupons::change(commit, row, State::Used, order).event(row.id.get(), &event)
}

//! Revokes unused coupons of a voucher order before its payment is refunded, so that they cannot be spent meanwhile.
//!
//! The revocation is a reservation: the published refund confirms it, and a timer ends it when no refund was published.

use pulse_contract::marketing::v1::{
    BoughtCouponCounts, CountBoughtCouponsRequest, RevokeBoughtCouponsRequest, RevokeBoughtCouponsResponse, errors,
};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer, StoreError, Timer};

use super::App;
use crate::domain::coupon::{Origin, State};
use crate::domain::revocation::{OrderCoupon, settle};
use crate::store::coupons::{self, CouponRow};
use crate::store::order_refunds::{self, OrderRefundRow};

/// Timer that ends the revocation for a refund that was not published.
pub(crate) const REVOCATION_EXPIRED: &str = "marketing.revocation_expired";

pub(crate) async fn revoke_bought_coupons(
    app: &App,
    cx: &Cx,
    request: RevokeBoughtCouponsRequest,
) -> Result<RevokeBoughtCouponsResponse, Error> {
    app.deps.store.attempt(cx, || revoke(app, cx, &request)).await
}

async fn revoke(
    app: &App,
    cx: &Cx,
    request: &RevokeBoughtCouponsRequest,
) -> Result<RevokeBoughtCouponsResponse, Error> {
    let (store, order) = (&app.deps.store, OrderId::new(request.order_id));
    let refund = order_refunds::of_order(store, order).await?;
    let bought = coupons::from(store, Origin::Purchase, order.get()).await?;
    if bought.len() < usize::try_from(request.bought_quantity).unwrap_or(0) {
        let detail = "the coupons of the order are issued shortly after its payment";
        return Err(errors::MARKETING_COUPONS_NOT_ISSUED.error(detail).with("order_id", order.get()));
    }
    let revocable = count(bought.iter().filter(|row| row.order_coupon().is_revocable()));
    let revoked = count(bought.iter().filter(|row| row.is_order_refunded));
    let wanted = match request.revoked_quantity {
        wanted if wanted <= revocable => wanted,
        _ if request.is_fewer_allowed => revocable,
        _ => 0,
    };
    let response = RevokeBoughtCouponsResponse { revoked_quantity: revoked.max(wanted), revocable_quantity: revocable };
    if wanted <= revoked {
        return Ok(response);
    }
    let pending = OrderRefundRow { pending_quantity: wanted.into(), ..refund };
    let due_at = cx.now.plus(app.deps.config.revocation_ttl);
    let commit = apply(order_refunds::put(Commit::new(), &pending), &bought, pending.quantity()).timer(Timer {
        kind: REVOCATION_EXPIRED,
        key: order.get(),
        due_at,
        payload: Default::default(),
    });
    store.commit(cx, commit.answer(cx, &response)).await?;
    Ok(response)
}

fn count<T>(items: impl Iterator<Item = T>) -> i32 {
    i32::try_from(items.count()).unwrap_or(i32::MAX)
}

/// Adds the writes after which `quantity` of the coupons are marked as refunded. Unused coupons are marked first.
pub(super) fn apply(commit: Commit, rows: &[CouponRow], quantity: i64) -> Commit {
    let states: Vec<OrderCoupon> = rows.iter().map(CouponRow::order_coupon).collect();
    let changes = settle(&states, usize::try_from(quantity).unwrap_or(0));
    changes.into_iter().filter_map(|(at, coupon)| Some((rows.get(at)?, coupon))).fold(commit, coupons::set_refunded)
}

/// Restores the coupons that were revoked for a refund that was not published in time.
pub(crate) async fn expire_revocation(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(REVOCATION_EXPIRED, store.clock().now());
    let order = OrderId::new(due.key);
    store
        .attempt(&cx, || async {
            let refund = order_refunds::of_order(store, order).await?;
            let commit = match refund.pending_quantity {
                0 => Commit::new(),
                _ => {
                    let bought = coupons::from(store, Origin::Purchase, order.get()).await?;
                    let ended = OrderRefundRow { pending_quantity: 0, ..refund };
                    apply(order_refunds::put(Commit::new(), &ended), &bought, ended.quantity())
                }
            };
            match store.commit(&cx, commit.fired(due)).await {
                // The refund was published meanwhile.
                Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
}

pub(crate) async fn count_bought_coupons(
    app: &App,
    _cx: &Cx,
    request: CountBoughtCouponsRequest,
) -> Result<BoughtCouponCounts, Error> {
    let bought = coupons::from(&app.deps.store, Origin::Purchase, request.order_id).await?;
    Ok(BoughtCouponCounts {
        bought_quantity: count(bought.iter()),
        refunded_quantity: count(bought.iter().filter(|row| row.is_order_refunded)),
        used_quantity: count(bought.iter().filter(|row| row.state == State::Used)),
    })
}

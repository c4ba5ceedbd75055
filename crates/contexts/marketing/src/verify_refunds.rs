//! Audit of the coupons of refunded orders.

use pulse_kernel::Error;
use pulse_kernel::id::OrderId;
use pulse_store::{Store, StoreError};
use pulse_work::{Audit, Pages, read_stable};

use crate::domain::coupon::{Origin, State};
use crate::domain::revocation::still_qualifies;
use crate::store::coupons::{self, CouponRow};
use crate::store::order_refunds::{self, OrderRefundRow};
use crate::store::rewards;
use crate::verify::PAGE;

/// The vouchers that refunds pay back are refunded, and so are the rewards for which the order no longer qualifies. None of
/// them is active.
pub(crate) const REFUNDS_END_COUPONS: &str = "marketing.refunds_end_coupons";

/// Checks the coupons of all orders with refunds.
pub(crate) async fn verify_refunds(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(OrderId::new(0));
    while let Some(rows) = pages.next(|after| order_refunds::page(store, after, PAGE), |row| row.order).await? {
        for row in rows {
            if fault(store, &row).await?.is_some() {
                let fault_of = |row: OrderRefundRow| async move { fault(store, &row).await };
                let again = read_stable(|| order_refunds::by_order(store, row.order), fault_of).await?;
                if let Some((_, Some(detail))) = again {
                    audit.found(REFUNDS_END_COUPONS, format!("order {}", row.order.get()), detail, false);
                }
            }
        }
    }
    audit.checked(REFUNDS_END_COUPONS, pages.row_count());
    Ok(())
}

/// The contradiction between the refunds of an order and its coupons.
async fn fault(store: &Store, refund: &OrderRefundRow) -> Result<Option<String>, StoreError> {
    let bought = coupons::from(store, Origin::Purchase, refund.order.get()).await?;
    let found = bought.iter().filter(|row| row.is_order_refunded).count();
    let expected = usize::try_from(refund.quantity()).unwrap_or(0).min(bought.len());
    if found != expected {
        return Ok(Some(format!("{found} of its vouchers are refunded instead of {expected}")));
    }
    let earned = coupons::from(store, Origin::PostOrderReward, refund.order.get()).await?;
    for row in &earned {
        let reward = rewards::by_id(store, row.source.part).await?;
        let threshold = reward.map_or(0, |reward| reward.draft.threshold_minor);
        if row.is_order_refunded == still_qualifies(threshold, refund.paid_minor, refund.refunded_minor) {
            let (coupon, refunded) = (row.id.get(), refund.refunded_minor);
            return Ok(Some(format!("the reward {coupon} does not fit to the refunds of {refunded} minor units")));
        }
    }
    let is_usable = |row: &&CouponRow| row.is_order_refunded && row.state == State::Active;
    let usable = bought.iter().chain(&earned).find(is_usable);
    Ok(usable.map(|row| format!("the refunded coupon {} is active", row.id.get())))
}

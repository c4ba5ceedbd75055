//! Audit of coupons against the quotas of their templates, which are resources of the stock context.

use futures::stream::{self, StreamExt};
use pulse_contract::stock::v1::{
    GetReservationRequest, ReservationKey, ReservationOwner, ReservationState, StockClient, errors,
};
use pulse_kernel::id::CouponId;
use pulse_kernel::{Cx, Error};
use pulse_store::Store;
use pulse_work::{Audit, Pages};

use crate::store::coupons::{self, CouponRow};
use crate::verify::PAGE;

/// A coupon that takes a unit of its template's quota has it, unless the coupon was expired when it was issued.
pub(crate) const COUPON_HAS_UNIT: &str = "marketing.coupon_has_unit";
/// Maximum number of concurrent requests for reservations.
const REQUESTS_MAX: usize = 16;

/// Checks that every coupon that takes a unit of a quota has it: confirmed, or reserved while its event is undelivered.
///
/// To be run when all events are delivered: a coupon whose event waits longer than its reservation is a finding, too.
///
/// # Errors
/// `STORE_UNAVAILABLE`; those of the stock context when it does not answer.
pub(crate) async fn verify_quotas(store: &Store, stock: &StockClient, audit: &mut Audit) -> Result<(), Error> {
    let cx = Cx::system("marketing.verify", store.clock().now());
    let mut pages = Pages::after(CouponId::new(0));
    while let Some(mut rows) = pages.next(|after| coupons::page(store, after, PAGE), |row| row.id).await? {
        rows.retain(|row| row.source.origin.takes_quota() && row.expires_at > row.obtained_at);
        audit.checked(COUPON_HAS_UNIT, rows.len());
        let mut requests = stream::iter(rows)
            .map(|row| {
                let cx = &cx;
                async move { (row.id, reservation(stock, cx, &row).await) }
            })
            .buffered(REQUESTS_MAX);
        while let Some((coupon, state)) = requests.next().await {
            let state = state?;
            if !matches!(state, Some(ReservationState::Confirmed | ReservationState::Active)) {
                let detail =
                    format!("its unit of the quota is {}", state.map_or("missing", |state| state.as_str_name()));
                audit.found(COUPON_HAS_UNIT, format!("coupon {}", coupon.get()), detail, false);
            }
        }
    }
    Ok(())
}

async fn reservation(stock: &StockClient, cx: &Cx, row: &CouponRow) -> Result<Option<ReservationState>, Error> {
    let key = ReservationKey { owner: ReservationOwner::Coupon.into(), id: row.id.get() };
    match stock.get_reservation(cx, GetReservationRequest { key: Some(key) }).await {
        Ok(reservation) => Ok(Some(reservation.state())),
        Err(error) if error.code() == errors::STOCK_RESERVATION_NOT_FOUND.code => Ok(None),
        Err(error) => Err(error),
    }
}

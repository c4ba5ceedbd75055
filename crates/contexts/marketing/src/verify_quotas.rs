//! Checks the coupons against the quotas that stock keeps: every coupon that takes a unit has one.

use futures::stream::{self, StreamExt};
use pulse_contract::stock::v1::{
    GetReservationRequest, ReservationKey, ReservationOwner, ReservationState, StockClient, errors,
};
use pulse_kernel::id::CouponId;
use pulse_kernel::{Cx, Error, Verified};
use pulse_store::Store;

use crate::store::coupons::{self, CouponRow};
use crate::verify::{PAGE, tell};

/// A coupon that was claimed, given or earned has a unit of its template's quota, or is over since it was made.
const COUPON_HAS_UNIT: &str = "marketing.coupon_has_unit";
/// How many reservations are asked for at once.
const ASKED_MAX: usize = 16;

/// Checks that every coupon which takes a unit of a quota has taken it: confirmed, or held while its event is under way.
///
/// Run it when every event is delivered; a coupon whose event waits for longer than its reservation is told, too.
///
/// # Errors
/// `STORE_UNAVAILABLE`; those of the stock context when it does not answer.
pub(crate) async fn verify_quotas(store: &Store, stock: &StockClient, verified: &mut Verified) -> Result<(), Error> {
    let cx = Cx::system("marketing.verify", store.clock().now());
    let (mut after, mut count) = (CouponId::new(0), 0);
    loop {
        let mut rows = coupons::page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        rows.retain(|row| row.source.origin.takes_quota() && row.expires_at > row.obtained_at);
        count += u64::try_from(rows.len()).unwrap_or(0);
        let mut asked = stream::iter(rows)
            .map(|row| {
                let cx = &cx;
                async move { (row.id, reservation(stock, cx, &row).await) }
            })
            .buffered(ASKED_MAX);
        while let Some((coupon, state)) = asked.next().await {
            let state = state?;
            if !matches!(state, Some(ReservationState::Confirmed | ReservationState::Active)) {
                let detail = format!("its unit is {}", state.map_or("unknown", |state| state.as_str_name()));
                tell(verified, COUPON_HAS_UNIT, format!("coupon {}", coupon.get()), detail, false);
            }
        }
    }
    verified.checked.push((COUPON_HAS_UNIT, count));
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

//! Reservations of coupons for orders: reserved, redeemed, returned.

use pulse_kernel::id::{AccountId, CouponId, OrderId};

use super::coupon::State;

/// State of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationState {
    /// The order is not paid.
    Reserved,
    /// The order was paid; its coupons are used.
    Redeemed,
    /// The coupons were returned; the order cannot reserve coupons again.
    Returned,
}

/// Reservation of coupons for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Account of the coupons; 0 when the order never reserved coupons.
    pub account: AccountId,
    /// State of the reservation.
    pub state: ReservationState,
    /// Coupons of the reservation, ordered by ID.
    pub coupons: Vec<CouponId>,
    /// Highest version of the order among the processed events.
    pub order_version: i64,
}

/// Current state of a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponSnapshot {
    /// ID of the coupon.
    pub coupon: CouponId,
    /// Account that owns the coupon.
    pub account: AccountId,
    /// State of the coupon.
    pub state: State,
    /// Order that reserves or used the coupon; 0 for none.
    pub order: OrderId,
}

/// Effect of a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// The coupons were redeemed before.
    Done,
    /// The order uses the coupons now.
    Use,
    /// These coupons are not available to the order anymore, so none is used.
    Lost(Vec<CouponId>),
}

/// Reason why a redemption cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// The order reserves or used other coupons than requested.
    OtherCoupons,
    /// Reservation and coupons changed between the two reads; read again.
    Changed,
}

/// Decides the redemption for a paid order. `requested` and the coupons of the reservation are ordered by ID.
///
/// # Errors
/// All variants of [`Undecided`].
pub fn redeem(
    order: OrderId,
    reservation: Option<&Reservation>,
    requested: &[CouponId],
    coupons: &[CouponSnapshot],
) -> Result<Redemption, Undecided> {
    let of = |id: CouponId| coupons.iter().find(|coupon| coupon.coupon == id);
    if let Some(reservation) = reservation.filter(|reservation| reservation.state != ReservationState::Returned) {
        if reservation.coupons != requested {
            return Err(Undecided::OtherCoupons);
        }
        if reservation.state == ReservationState::Redeemed {
            return Ok(Redemption::Done);
        }
        let is_reserved =
            |id: &CouponId| of(*id).is_some_and(|coupon| coupon.state == State::Reserved && coupon.order == order);
        return if requested.iter().all(is_reserved) { Ok(Redemption::Use) } else { Err(Undecided::Changed) };
    }
    if coupons.iter().any(|coupon| coupon.order == order) {
        return Err(Undecided::Changed);
    }
    // Without a reservation, active coupons are used again, also after their expiry, because the order was placed in time.
    let account = reservation.map(|reservation| reservation.account).filter(|account| account.get() != 0);
    let account = account.or_else(|| requested.first().and_then(|first| of(*first)).map(|coupon| coupon.account));
    let is_available =
        |id: &CouponId| of(*id).is_some_and(|coupon| coupon.state == State::Active && Some(coupon.account) == account);
    let lost: Vec<CouponId> = requested.iter().copied().filter(|id| !is_available(id)).collect();
    Ok(if lost.is_empty() { Redemption::Use } else { Redemption::Lost(lost) })
}

/// The coupons that the order reserves or used, to return them.
#[must_use]
pub fn coupons_to_return(order: OrderId, coupons: &[CouponSnapshot]) -> Vec<CouponId> {
    let belongs = |coupon: &&CouponSnapshot| match coupon.state {
        State::Reserved | State::Used => coupon.order == order,
        State::Active | State::Revoked => false,
    };
    coupons.iter().filter(belongs).map(|coupon| coupon.coupon).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderId = OrderId::new(9);
    const OTHER: OrderId = OrderId::new(8);
    const NONE: OrderId = OrderId::new(0);
    const CUSTOMER: AccountId = AccountId::new(5);

    fn ids(ids: &[i64]) -> Vec<CouponId> {
        ids.iter().copied().map(CouponId::new).collect()
    }

    fn reserve(state: ReservationState, coupons: &[i64]) -> Reservation {
        Reservation { account: CUSTOMER, state, coupons: ids(coupons), order_version: 0 }
    }

    fn is(coupon: i64, state: State, order: OrderId) -> CouponSnapshot {
        CouponSnapshot { coupon: CouponId::new(coupon), account: CUSTOMER, state, order }
    }

    #[test]
    fn a_redemption_uses_reserved_or_active_coupons() {
        use ReservationState::{Redeemed, Reserved, Returned};
        let (active, reserved) = (is(1, State::Active, NONE), is(1, State::Reserved, ORDER));
        let elsewhere = is(1, State::Reserved, OTHER);
        let foreign = CouponSnapshot { account: AccountId::new(6), ..active };
        for (reservation, coupons, expected) in [
            (Some(reserve(Reserved, &[1])), vec![reserved], Ok(Redemption::Use)),
            (Some(reserve(Reserved, &[1, 2])), vec![reserved], Err(Undecided::OtherCoupons)),
            (Some(reserve(Reserved, &[1])), vec![active], Err(Undecided::Changed)),
            (Some(reserve(Returned, &[1])), vec![reserved], Err(Undecided::Changed)),
            (None, vec![reserved], Err(Undecided::Changed)),
            (Some(reserve(Redeemed, &[1])), vec![is(1, State::Used, ORDER)], Ok(Redemption::Done)),
            (Some(reserve(Redeemed, &[2])), vec![active], Err(Undecided::OtherCoupons)),
            (Some(reserve(Returned, &[1])), vec![active], Ok(Redemption::Use)),
            (Some(reserve(Returned, &[1])), vec![elsewhere], Ok(Redemption::Lost(ids(&[1])))),
            (Some(reserve(Returned, &[1])), vec![is(1, State::Used, OTHER)], Ok(Redemption::Lost(ids(&[1])))),
            (Some(reserve(Returned, &[1])), vec![foreign], Ok(Redemption::Lost(ids(&[1])))),
            (None, vec![active], Ok(Redemption::Use)),
            (None, vec![elsewhere], Ok(Redemption::Lost(ids(&[1])))),
            (None, vec![], Ok(Redemption::Lost(ids(&[1])))),
        ] {
            assert_eq!(
                redeem(ORDER, reservation.as_ref(), &ids(&[1]), &coupons),
                expected,
                "{reservation:?} {coupons:?}"
            );
        }
        let two = [active, is(2, State::Used, OTHER)];
        assert_eq!(
            redeem(ORDER, None, &ids(&[1, 2]), &two),
            Ok(Redemption::Lost(ids(&[2]))),
            "only lost coupons are returned"
        );
        let of_two = [active, CouponSnapshot { coupon: CouponId::new(2), ..foreign }];
        assert_eq!(redeem(ORDER, None, &ids(&[1, 2]), &of_two), Ok(Redemption::Lost(ids(&[2]))), "of one customer");
    }

    #[test]
    fn an_order_returns_its_coupons() {
        let coupons = [
            is(1, State::Reserved, ORDER),
            is(2, State::Used, ORDER),
            is(3, State::Active, NONE),
            is(4, State::Reserved, OTHER),
            is(5, State::Used, OTHER),
        ];
        assert_eq!(coupons_to_return(ORDER, &coupons), ids(&[1, 2]));
    }
}

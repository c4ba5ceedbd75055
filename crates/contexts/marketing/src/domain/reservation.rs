//! What becomes of the coupons of an order: held, used up, given back.

use pulse_kernel::id::{AccountId, CouponId, OrderId};

use super::coupon::State;

/// In which state the hold of an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationState {
    /// The order is not paid yet.
    Reserved,
    /// The order was paid: its coupons are used up.
    Redeemed,
    /// Everything was given back; the order can hold nothing any more.
    Returned,
}

/// What an order holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Whose coupons; 0 when it never held any.
    pub account: AccountId,
    /// In which state.
    pub state: ReservationState,
    /// Which coupons.
    pub coupons: Vec<CouponId>,
    /// The highest version of the order that an event has told.
    pub order_version: i64,
}

/// A coupon as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub coupon: CouponId,
    /// Whose.
    pub account: AccountId,
    /// In which state.
    pub state: State,
    /// Who holds or used it; 0 for nobody.
    pub order: OrderId,
}

/// What redeeming means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// It was done before.
    Done,
    /// The coupons become used up by the order.
    Use,
    /// These are somebody else's by now, so none is used up.
    Lost(Vec<CouponId>),
}

/// Why it cannot be decided what redeeming means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// The order holds, or has used, other coupons than it is asked to use up.
    OtherCoupons,
    /// The hold and the coupons were read while somebody changed them: read again.
    Changed,
}

/// Decides what happens when an order is paid. `asked` and the coupons of the hold are in the order of their ids.
///
/// # Errors
/// Every [`Undecided`].
pub fn redeem(
    order: OrderId,
    reservation: Option<&Reservation>,
    asked: &[CouponId],
    standing: &[Standing],
) -> Result<Redemption, Undecided> {
    let of = |coupon: CouponId| standing.iter().find(|standing| standing.coupon == coupon);
    if let Some(reservation) = reservation.filter(|reservation| reservation.state != ReservationState::Returned) {
        if reservation.coupons != asked {
            return Err(Undecided::OtherCoupons);
        }
        if reservation.state == ReservationState::Redeemed {
            return Ok(Redemption::Done);
        }
        let is_held =
            |coupon: &CouponId| of(*coupon).is_some_and(|is| is.state == State::Reserved && is.order == order);
        return if asked.iter().all(is_held) { Ok(Redemption::Use) } else { Err(Undecided::Changed) };
    }
    if standing.iter().any(|is| is.order == order) {
        return Err(Undecided::Changed);
    }
    // Nothing is held any more: what nobody else has is taken again, even past its time, for the order was placed in time.
    let account = reservation.map(|reservation| reservation.account).filter(|account| account.get() != 0);
    let account = account.or_else(|| asked.first().and_then(|first| of(*first)).map(|standing| standing.account));
    let is_free =
        |coupon: &CouponId| of(*coupon).is_some_and(|is| is.state == State::Active && Some(is.account) == account);
    let lost: Vec<CouponId> = asked.iter().copied().filter(|coupon| !is_free(coupon)).collect();
    Ok(if lost.is_empty() { Redemption::Use } else { Redemption::Lost(lost) })
}

/// Those coupons that the order still has, and gives back.
#[must_use]
pub fn given_back(order: OrderId, standing: &[Standing]) -> Vec<CouponId> {
    let has = |is: &&Standing| match is.state {
        State::Reserved | State::Used => is.order == order,
        State::Active => false,
    };
    standing.iter().filter(has).map(|is| is.coupon).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderId = OrderId::new(9);
    const OTHER: OrderId = OrderId::new(8);
    const NOBODY: OrderId = OrderId::new(0);
    const CUSTOMER: AccountId = AccountId::new(5);

    fn ids(ids: &[i64]) -> Vec<CouponId> {
        ids.iter().copied().map(CouponId::new).collect()
    }

    fn reserve(state: ReservationState, coupons: &[i64]) -> Reservation {
        Reservation { account: CUSTOMER, state, coupons: ids(coupons), order_version: 0 }
    }

    fn is(coupon: i64, state: State, order: OrderId) -> Standing {
        Standing { coupon: CouponId::new(coupon), account: CUSTOMER, state, order }
    }

    #[test]
    fn redeeming_uses_what_is_held_or_free() {
        use ReservationState::{Held, Redeemed, Returned};
        let (active, held) = (is(1, State::Active, NOBODY), is(1, State::Reserved, ORDER));
        let elsewhere = is(1, State::Reserved, OTHER);
        let foreign = Standing { account: AccountId::new(6), ..active };
        for (reservation, standing, expected) in [
            (Some(reserve(Held, &[1])), vec![held], Ok(Redemption::Use)),
            (Some(reserve(Held, &[1, 2])), vec![held], Err(Undecided::OtherCoupons)),
            (Some(reserve(Held, &[1])), vec![active], Err(Undecided::Changed)),
            (Some(reserve(Returned, &[1])), vec![held], Err(Undecided::Changed)),
            (None, vec![held], Err(Undecided::Changed)),
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
                redeem(ORDER, reservation.as_ref(), &ids(&[1]), &standing),
                expected,
                "{reservation:?} {standing:?}"
            );
        }
        let two = [active, is(2, State::Used, OTHER)];
        assert_eq!(
            redeem(ORDER, None, &ids(&[1, 2]), &two),
            Ok(Redemption::Lost(ids(&[2]))),
            "only what is lost is told"
        );
        let of_two = [active, Standing { coupon: CouponId::new(2), ..foreign }];
        assert_eq!(redeem(ORDER, None, &ids(&[1, 2]), &of_two), Ok(Redemption::Lost(ids(&[2]))), "of one customer");
    }

    #[test]
    fn an_order_gives_back_what_it_has() {
        let standing = [
            is(1, State::Reserved, ORDER),
            is(2, State::Used, ORDER),
            is(3, State::Active, NOBODY),
            is(4, State::Reserved, OTHER),
            is(5, State::Used, OTHER),
        ];
        assert_eq!(given_back(ORDER, &standing), ids(&[1, 2]));
    }
}

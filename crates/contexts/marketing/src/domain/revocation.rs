//! Revocation of the coupons of a refunded order.

use super::coupon::State;

/// A coupon that an order bought or earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCoupon {
    /// State of the coupon.
    pub state: State,
    /// Whether its payment was refunded.
    pub is_order_refunded: bool,
}

impl OrderCoupon {
    /// The coupon after the refund of its payment: an active coupon is revoked, a reserved or used one is only marked.
    #[must_use]
    pub const fn refunded(self) -> Self {
        let state = match self.state {
            State::Active | State::Revoked => State::Revoked,
            State::Reserved => State::Reserved,
            State::Used => State::Used,
        };
        Self { state, is_order_refunded: true }
    }

    /// The coupon after its refund failed.
    #[must_use]
    pub const fn restored(self) -> Self {
        let state = match self.state {
            State::Active | State::Revoked => State::Active,
            State::Reserved => State::Reserved,
            State::Used => State::Used,
        };
        Self { state, is_order_refunded: false }
    }

    /// Whether a refund can revoke the coupon, or has revoked it.
    #[must_use]
    pub const fn is_revocable(self) -> bool {
        self.is_order_refunded || matches!(self.state, State::Active)
    }

    /// Rank in which refunds take coupons: unused ones first.
    const fn rank(self) -> u8 {
        match self.state {
            State::Active | State::Revoked => 0,
            State::Reserved => 1,
            State::Used => 2,
        }
    }
}

/// Changes that make `quantity` of the coupons refunded: the position of each changed coupon, and the coupon afterwards.
///
/// Unused coupons are refunded first, and restored last.
#[must_use]
pub fn settle(coupons: &[OrderCoupon], quantity: usize) -> Vec<(usize, OrderCoupon)> {
    let refunded_count = coupons.iter().filter(|coupon| coupon.is_order_refunded).count();
    let is_refund = refunded_count < quantity;
    let mut changeable: Vec<(usize, OrderCoupon)> =
        coupons.iter().copied().enumerate().filter(|(_, coupon)| coupon.is_order_refunded != is_refund).collect();
    changeable.sort_by_key(|(_, coupon)| if is_refund { coupon.rank() } else { u8::MAX - coupon.rank() });
    let changes = changeable.into_iter().take(refunded_count.abs_diff(quantity));
    changes.map(|(at, coupon)| (at, if is_refund { coupon.refunded() } else { coupon.restored() })).collect()
}

/// Whether an order still qualifies for a reward after refunds. `threshold_minor` is 0 for every order that is not refunded
/// in full.
#[must_use]
pub const fn still_qualifies(threshold_minor: i64, paid_minor: i64, refunded_minor: i64) -> bool {
    let left = paid_minor - refunded_minor;
    refunded_minor == 0 || (left > 0 && left >= threshold_minor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACTIVE: OrderCoupon = OrderCoupon { state: State::Active, is_order_refunded: false };
    const RESERVED: OrderCoupon = OrderCoupon { state: State::Reserved, is_order_refunded: false };
    const USED: OrderCoupon = OrderCoupon { state: State::Used, is_order_refunded: false };

    #[test]
    fn unused_coupons_are_revoked_first_and_restored_last() {
        let bought = [USED, ACTIVE, RESERVED];
        assert_eq!(settle(&bought, 1), [(1, ACTIVE.refunded())]);
        assert_eq!(settle(&bought, 2), [(1, ACTIVE.refunded()), (2, RESERVED.refunded())]);
        assert_eq!(settle(&bought, 9).len(), 3);
        let refunded = bought.map(OrderCoupon::refunded);
        assert_eq!(refunded.map(|coupon| coupon.state), [State::Used, State::Revoked, State::Reserved]);
        assert_eq!(settle(&refunded, 1), [(0, USED), (2, RESERVED)]);
        assert_eq!(settle(&refunded, 0).len(), 3);
        assert_eq!(settle(&refunded, 3), []);
    }

    #[test]
    fn a_reward_ends_with_a_full_refund_or_below_its_threshold() {
        for (threshold, paid, refunded, expected) in [
            (0, 100, 0, true),
            (0, 100, 99, true),
            (0, 100, 100, false),
            (50, 100, 50, true),
            (50, 100, 51, false),
            (50, 100, 100, false),
            (0, 0, 0, true),
        ] {
            assert_eq!(still_qualifies(threshold, paid, refunded), expected, "{threshold} {paid} {refunded}");
        }
    }

    proptest! {
        /// The number of refunded coupons is the requested one, and a repeated settlement changes nothing.
        #[test]
        fn the_quantity_is_reached(states in prop::collection::vec((0..3_usize, any::<bool>()), 0..12), quantity in 0..14_usize) {
            let of = |(kind, is_refunded): (usize, bool)| {
                let coupon = [ACTIVE, RESERVED, USED][kind];
                if is_refunded { coupon.refunded() } else { coupon }
            };
            let mut coupons: Vec<OrderCoupon> = states.into_iter().map(of).collect();
            for (at, coupon) in settle(&coupons, quantity) {
                coupons[at] = coupon;
            }
            let count = coupons.iter().filter(|coupon| coupon.is_order_refunded).count();
            prop_assert_eq!(count, quantity.min(coupons.len()));
            prop_assert!(settle(&coupons, quantity).is_empty());
            prop_assert!(coupons.iter().all(|coupon| !coupon.is_order_refunded || coupon.state != State::Active));
        }
    }
}

//! Coupons: state, origin, validity, and slots in the limit per customer.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::template::Template;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Minimum validity of a bought coupon, so that a payment shortly before the end of the template has a value.
pub const BOUGHT_VALID_MIN: Duration = DAY;

/// Stored state of a coupon. Expiry is not stored; it follows from the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The coupon can be used.
    Active,
    /// An unpaid order reserves the coupon.
    Reserved,
    /// A paid order used the coupon.
    Used,
    /// The order that bought or earned the coupon was refunded before the coupon was used.
    Revoked,
}

impl State {
    /// The state after the order that reserved or used the coupon has returned it.
    #[must_use]
    pub const fn returned(is_order_refunded: bool) -> Self {
        if is_order_refunded { Self::Revoked } else { Self::Active }
    }
}

/// Origin of a coupon. The same origin issues a coupon once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The customer claimed the coupon.
    Claim,
    /// An operator or a shop granted the coupon.
    Grant,
    /// The customer bought the coupon with an order.
    Purchase,
    /// A reward after a completed order.
    PostOrderReward,
}

impl Origin {
    /// Whether the coupon reserves a unit of the quota under its own ID. The order of a bought coupon has reserved the unit.
    #[must_use]
    pub const fn takes_quota(self) -> bool {
        match self {
            Self::Claim | Self::Grant | Self::PostOrderReward => true,
            Self::Purchase => false,
        }
    }
}

/// The expiry of a coupon that is issued `now`.
#[must_use]
pub fn expires_at(template: &Template, origin: Origin, now: Timestamp) -> Timestamp {
    let regular = match template.valid_days {
        0 => template.ends_at,
        days => now.plus(DAY.saturating_mul(days)),
    };
    match origin {
        Origin::Purchase => regular.max(now.plus(BOUGHT_VALID_MIN)),
        Origin::Claim | Origin::Grant | Origin::PostOrderReward => regular,
    }
}

/// A free slot of a customer with `limit` slots; `None` when all are taken. `offset` selects one of the free slots, so that
/// concurrent claims of one customer rarely conflict.
#[must_use]
pub fn free_slot(limit: i64, taken: &[i64], offset: i64) -> Option<i64> {
    let free: Vec<i64> = (1..=limit).filter(|slot| !taken.contains(slot)).collect();
    let index = usize::try_from(offset).unwrap_or(0).checked_rem(free.len())?;
    free.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::ten_off;
    use super::*;

    #[test]
    fn a_coupon_ends_with_its_template_or_after_its_days() {
        let at = Timestamp::from_millis;
        let template = Template { ends_at: at(1_000), ..ten_off() };
        let day = 86_400_000;
        for (valid_days, origin, now, expected) in [
            (0, Origin::Claim, 900, 1_000),
            (0, Origin::Purchase, 900, 900 + day),
            (2, Origin::Grant, 900, 900 + 2 * day),
            (2, Origin::Purchase, 900, 900 + 2 * day),
        ] {
            let template = Template { valid_days, ..template.clone() };
            assert_eq!(expires_at(&template, origin, at(now)), at(expected), "{valid_days} {origin:?}");
        }
    }

    #[test]
    fn a_free_slot_is_selected_by_the_offset() {
        assert_eq!(free_slot(3, &[], 0), Some(1));
        assert_eq!(free_slot(3, &[], 5), Some(3));
        assert_eq!(free_slot(3, &[1, 3], 7), Some(2));
        assert_eq!(free_slot(3, &[1, 2, 3], 7), None);
        assert_eq!(free_slot(1, &[99], 7), Some(1), "a slot above the limit does not count");
    }
}

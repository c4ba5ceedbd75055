//! Refunds of voucher orders: each voucher is worth its share of the payment.

/// Value of `quantity` of the vouchers of an order in minor units: their share of the payment, rounded down. All vouchers
/// together are worth the whole payment. `bought` is greater than 0.
#[must_use]
pub fn value_minor(paid_minor: i64, bought: i64, quantity: i64) -> i64 {
    let value = i128::from(paid_minor) * i128::from(quantity.min(bought));
    let value = value.div_euclid(bought.max(1).into());
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Smallest number of vouchers whose value covers refunds of `refunded_minor` in total.
#[must_use]
pub fn quantity_for(paid_minor: i64, bought: i64, refunded_minor: i64) -> i64 {
    if refunded_minor <= 0 || paid_minor <= 0 {
        return 0;
    }
    // The share is rounded down, so the covering number is the quotient rounded up.
    let (paid, wanted) = (i128::from(paid_minor), i128::from(refunded_minor) * i128::from(bought));
    i64::try_from((wanted + paid - 1).div_euclid(paid)).unwrap_or(i64::MAX).min(bought)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_voucher_is_worth_its_share() {
        for (paid, bought, quantity, expected) in
            [(100, 3, 0, 0), (100, 3, 1, 33), (100, 3, 2, 66), (100, 3, 3, 100), (100, 3, 9, 100), (2, 5, 2, 0)]
        {
            assert_eq!(value_minor(paid, bought, quantity), expected, "{quantity} of {bought} for {paid}");
        }
        for (paid, bought, refunded, expected) in
            [(100, 3, 0, 0), (100, 3, 1, 1), (100, 3, 33, 1), (100, 3, 34, 2), (100, 3, 100, 3), (0, 3, 0, 0)]
        {
            assert_eq!(quantity_for(paid, bought, refunded), expected, "{refunded} of {paid} for {bought}");
        }
    }

    proptest! {
        /// The number covers the refunds, and one voucher less does not.
        #[test]
        fn the_number_is_the_smallest_that_covers(paid in 1..1_000_000_000_000_i64, bought in 1..2_000_i64, part in 0..=1_000_i64) {
            let refunded = i64::try_from((i128::from(paid) * i128::from(part)).div_euclid(1_000)).unwrap();
            let quantity = quantity_for(paid, bought, refunded);
            prop_assert!(value_minor(paid, bought, quantity) >= refunded);
            prop_assert!(quantity == 0 || value_minor(paid, bought, quantity - 1) < refunded);
        }
    }
}

//! Prorates an amount over weights by the method of the largest remainder, so that the parts sum to it exactly.

/// The parts of `amount`, in the order of `weights`, each at most its weight. Units that rounding leaves go to the largest
/// remainders, and among equal remainders to the first.
///
/// # Panics
/// When `amount` is not between 0 and the sum of the weights, or a weight is negative.
#[must_use]
pub fn prorate(amount: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().copied().map(i128::from).sum();
    assert!(weights.iter().all(|weight| *weight >= 0), "a weight is negative");
    assert!((0..=total).contains(&i128::from(amount)), "{amount} is not between 0 and {total}");
    if amount == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &i64| i128::from(amount) * i128::from(*weight);
    let mut parts: Vec<i64> =
        weights.iter().map(|weight| i64::try_from(exact(weight).div_euclid(total)).unwrap_or(*weight)).collect();
    let mut left = amount - parts.iter().sum::<i64>();
    let mut largest: Vec<usize> = (0..weights.len()).collect();
    // A stable sort: equal remainders keep their order.
    largest.sort_by_key(|index| std::cmp::Reverse(weights.get(*index).map(|weight| exact(weight).rem_euclid(total))));
    for index in largest {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
            left -= 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_units_go_to_the_largest_remainders() {
        for (amount, weights, parts) in [
            (0, &[5, 5][..], &[0, 0][..]),
            (10, &[1, 1, 100], &[0, 0, 10]),
            (100, &[100, 100, 100], &[34, 33, 33]),
            (2, &[1, 1, 1], &[1, 1, 0]),
            (3, &[1, 1, 1], &[1, 1, 1]),
            (7, &[0, 10, 0], &[0, 7, 0]),
            (0, &[], &[]),
        ] {
            assert_eq!(prorate(amount, weights), parts, "{amount} over {weights:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_sum_exactly_and_none_is_more_than_its_weight(
            weights in prop::collection::vec(0_i64..=1_000_000_000_000, 1..100),
            share in 0_u32..=1_000,
        ) {
            let total: i64 = weights.iter().sum();
            let amount = i64::try_from((i128::from(total) * i128::from(share)).div_euclid(1_000)).unwrap();
            let parts = prorate(amount, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| (0..=*weight).contains(part)));
        }
    }
}

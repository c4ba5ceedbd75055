//! Weighted random choice, reproducible by seed.

/// Weighted choices; the weights may have any sum.
pub(super) type Mix<T> = &'static [(u32, T)];

/// Pseudo-random number of a seed and a visit (the finalizer of SplitMix64).
pub(super) fn draw(seed: u64, visit: u64) -> u64 {
    let mut bits = seed.wrapping_add(visit.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Choice for a pseudo-random number; `None` of an empty table.
pub(super) fn pick<T: Copy>(mix: Mix<T>, drawn: u64) -> Option<T> {
    let total: u64 = mix.iter().map(|(weight, _)| u64::from(*weight)).sum();
    let mut left = drawn.checked_rem(total)?;
    for (weight, choice) in mix {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return Some(*choice),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_as_frequent_as_their_weights() {
        let mix: Mix<char> = &[(7, 'a'), (2, 'b'), (0, 'c'), (1, 'd')];
        assert_eq!([0, 6, 7, 8, 9, 10].map(|drawn| pick(mix, drawn).unwrap()), ['a', 'a', 'b', 'b', 'd', 'a']);
        assert_eq!(pick::<char>(&[], 1), None);
        let picked: Vec<char> = (0..10_000).map(|visit| pick(mix, draw(3, visit)).unwrap()).collect();
        let count = |choice| picked.iter().filter(|picked| **picked == choice).count();
        assert!((6_800..7_200).contains(&count('a')) && (900..1_100).contains(&count('d')) && count('c') == 0);
        assert_ne!(draw(1, 0), draw(2, 0));
    }
}

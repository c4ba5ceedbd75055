//! What somebody does of several things: drawn from a table of weights, the same for the same seed.

/// Things with weights; the weights need not sum to anything.
pub(super) type Mix<T> = &'static [(u32, T)];

/// A number that looks random, the same for the same seed and visitor (the finalizer of SplitMix64).
pub(super) fn draw(seed: u64, visitor: u64) -> u64 {
    let mut bits = seed.wrapping_add(visitor.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What the table gives for a drawn number.
pub(super) fn pick<T: Copy>(mix: Mix<T>, drawn: u64) -> Option<T> {
    let total: u64 = mix.iter().map(|(weight, _)| u64::from(*weight)).sum();
    let mut left = drawn.checked_rem(total)?;
    for (weight, thing) in mix {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return Some(*thing),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_as_often_as_they_weigh() {
        let mix: Mix<char> = &[(7, 'a'), (2, 'b'), (0, 'c'), (1, 'd')];
        assert_eq!([0, 6, 7, 8, 9, 10].map(|drawn| pick(mix, drawn).unwrap()), ['a', 'a', 'b', 'b', 'd', 'a']);
        assert_eq!(pick::<char>(&[], 1), None);
        let picked: Vec<char> = (0..10_000).map(|visitor| pick(mix, draw(3, visitor)).unwrap()).collect();
        let count = |thing| picked.iter().filter(|picked| **picked == thing).count();
        assert!((6_800..7_200).contains(&count('a')) && (900..1_100).contains(&count('d')) && count('c') == 0);
        assert_ne!(draw(1, 0), draw(2, 0));
    }
}

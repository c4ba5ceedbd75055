//! Numbers that look random and never change.
//!
//! The generator is SplitMix64, ten lines of our own: a library may change its streams with a new version, and
//! then the same seed would give another city, with other ids in every bookmark, screenshot and benchmark.
//! Everything that is drawn is drawn as an integer, so no processor rounds differently either.

/// What the numbers are for. Each thing has a stream of its own, so a new question to one thing leaves all others
/// as they were.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Merchant,
    Shop,
    Menu,
    Person,
    Follows,
    SignIns,
    Courier,
}

impl Stream {
    const fn tag(self) -> u64 {
        match self {
            Self::Merchant => 1,
            Self::Shop => 2,
            Self::Menu => 3,
            Self::Person => 4,
            Self::Follows => 5,
            Self::SignIns => 6,
            Self::Courier => 7,
        }
    }
}

/// A stream of numbers for one thing of the city.
pub(crate) struct Random(u64);

impl Random {
    /// The stream for the thing with this number.
    pub(crate) fn new(seed: u64, stream: Stream, number: u32) -> Self {
        Self(mix(seed ^ mix((stream.tag() << 32) | u64::from(number))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, all equally likely; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A small number below `bound`.
    pub(crate) fn below_small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low).map_or(0, |width| width + 1);
        low + i64::try_from(self.below(width)).unwrap_or(0)
    }

    /// A number from `-reach` to `reach`, near 0 more often than far from it.
    pub(crate) fn around_zero(&mut self, reach: i64) -> i64 {
        self.between(-reach, 0) + self.between(0, reach)
    }

    /// A number from 1 to below `1 << doublings` with the same chance for each doubling: few large, many small.
    pub(crate) fn skewed(&mut self, doublings: u32) -> u32 {
        let base = 1_u32 << self.below_small(doublings);
        base + self.below_small(base)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the entries of a table, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        let index = self.below(u64::try_from(table.len()).unwrap_or(0));
        usize::try_from(index).ok().and_then(|index| table.get(index)).copied().expect("the table is not empty")
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_splitmix64() {
        // The first numbers of the reference implementation for the seed 1234567.
        let mut random = Random(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut random = Random::new(1, Stream::Shop, 0);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((-5..=7).contains(&random.between(-5, 7)));
            assert!(random.around_zero(9).abs() <= 9);
            assert!((1..64).contains(&random.skewed(6)));
        }
        assert_eq!(random.below(0), 0);
    }
}

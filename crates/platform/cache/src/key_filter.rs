//! A Bloom filter of existing keys: rejects reads of invented keys before they reach the cache or the store (DL-16, HM-55).

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// With 10 bits and 7 probes per key, about 1 of 120 absent keys passes.
const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// A Bloom filter of the keys that exist (DL-16, HM-55). It never rejects a key that was inserted.
///
/// Fill it before its first use, and insert every new key before its commit. Where other nodes create keys, the filter has
/// to learn them, by their events, before readers of this node ask for them; otherwise do not use it. Deleted keys stay in
/// the filter; build a new one from time to time where that matters. A filter with more keys than its capacity lets more
/// absent keys pass and stays correct.
pub struct KeyFilter {
    words: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl KeyFilter {
    /// An empty filter for about `keys` keys, at 10 bits each.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        let words = keys.saturating_mul(BITS_PER_KEY).div_ceil(64).max(1);
        Self { words: std::iter::repeat_with(AtomicU64::default).take(words).collect(), hasher: RandomState::new() }
    }

    /// Adds a key that exists.
    pub fn insert<Q: Hash + ?Sized>(&self, key: &Q) {
        for (word, bit) in self.probes(key) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether `key` may exist. `false` is certain.
    #[must_use]
    pub fn may_contain<Q: Hash + ?Sized>(&self, key: &Q) -> bool {
        self.probes(key).all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    fn probes<Q: Hash + ?Sized>(&self, key: &Q) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let hash = self.hasher.hash_one(key);
        // A second hash from the first one. It is odd, so that the probes differ.
        let step = hash.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..PROBES).filter_map(move |probe| {
            let position = hash.wrapping_add(step.wrapping_mul(probe));
            // The high bits select the word, by multiplication, the low bits the bit in it.
            let scaled = (u128::from(position) * u128::try_from(self.words.len()).ok()?) >> 64;
            let word = self.words.get(usize::try_from(scaled).ok()?)?;
            Some((word, 1 << (position & 63)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DL-16: of 100,000 absent keys less than 2 % pass, and no existing key is rejected.
    #[test]
    fn absent_keys_are_rejected() {
        let filter = KeyFilter::with_capacity(50_000);
        for key in 0..50_000_u64 {
            filter.insert(&key);
        }
        assert!((0..50_000_u64).all(|key| filter.may_contain(&key)));
        let passed = (1_000_000..1_100_000_u64).filter(|key| filter.may_contain(key)).count();
        assert!(passed < 2_000, "{passed} of 100 000");
        assert!(!KeyFilter::with_capacity(0).may_contain("anything"));
    }
}

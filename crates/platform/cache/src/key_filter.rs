//! Which keys may exist: stops questions for invented keys before they reach the cache or the store.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Ten bits and seven probes per key let one of about 120 invented keys through.
const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// A Bloom filter of the keys that exist. It never says no for a key that was inserted.
///
/// Fill it before it is asked, and insert every new key before its commit; where other nodes make keys too, it
/// must hear of them (by their events) before their readers ask here, or it must not be used. Deleted keys stay
/// in; make a new filter from time to time where that matters. A filter that holds more keys than it was made
/// for lets more invented keys through and stays correct.
pub struct KeyFilter {
    words: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl KeyFilter {
    /// A filter without keys, for about `keys` of them; takes ten bits each.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        let words = keys.saturating_mul(BITS_PER_KEY).div_ceil(64).max(1);
        Self { words: std::iter::repeat_with(AtomicU64::default).take(words).collect(), hasher: RandomState::new() }
    }

    /// Remembers that `key` exists.
    pub fn insert<Q: Hash + ?Sized>(&self, key: &Q) {
        for (word, bit) in self.places(key) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether `key` may exist; a no is certain.
    #[must_use]
    pub fn may_contain<Q: Hash + ?Sized>(&self, key: &Q) -> bool {
        self.places(key).all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    fn places<Q: Hash + ?Sized>(&self, key: &Q) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let hash = self.hasher.hash_one(key);
        // A second hash from the first one; odd, so that the probes never fall together.
        let step = hash.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..PROBES).filter_map(move |probe| {
            let place = hash.wrapping_add(step.wrapping_mul(probe));
            // The high bits choose the word by multiplication, the low ones the bit within it.
            let scaled = (u128::from(place) * u128::try_from(self.words.len()).ok()?) >> 64;
            let word = self.words.get(usize::try_from(scaled).ok()?)?;
            Some((word, 1 << (place & 63)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DL-16: of 100,000 questions for invented keys hardly one in a hundred passes, and no real key is refused.
    #[test]
    fn invented_keys_are_stopped() {
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

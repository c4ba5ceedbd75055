//! What is ordered so often that its orders had better go together.
//!
//! In each window of a second the most frequent items are counted in bounded memory, as J. Misra and D. Gries do in
//! "Finding repeated elements" (Science of Computer Programming 2, 1982): whoever is new and finds no counter free takes one
//! from all. With k counters and n observations a count is never more than the truth, and less by n / (k + 1) at most. The
//! rate of now is this window and what is left of the one before, as if that had been even.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use pulse_kernel::Timestamp;

/// How long a window is: short enough to notice a rush while it begins.
pub const WINDOW: Duration = Duration::from_secs(1);
/// [`WINDOW`] in milliseconds.
const WINDOW_MS: u64 = 1_000;

/// From where on something is hot, and from where on it is no longer: two numbers, so that a rate between them changes
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// So many a second make an item hot.
    pub enter: u32,
    /// Fewer than so many a second make it cool again; less than `enter`, and not 0.
    pub leave: u32,
}

/// The most frequent items of one window.
#[derive(Clone, Debug)]
pub struct Frequent<K> {
    capacity: usize,
    counts: HashMap<K, u32>,
    observed: u64,
}

impl<K: Copy + Eq + Hash> Frequent<K> {
    /// With so many counters.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: HashMap::new(), observed: 0 }
    }

    /// Counts one. What all counters lose at once was counted one by one before, so that this costs the same in the long run
    /// whatever comes.
    pub fn observe(&mut self, item: K) {
        self.observed += 1;
        if let Some(count) = self.counts.get_mut(&item) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < self.capacity {
            self.counts.insert(item, 1);
        } else {
            self.counts.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// How often the item was observed: never more than it was.
    #[must_use]
    pub fn count(&self, item: &K) -> u32 {
        self.counts.get(item).copied().unwrap_or(0)
    }

    /// By how much a count may be less than the truth.
    #[must_use]
    pub fn error_max(&self) -> u64 {
        let counters = u64::try_from(self.capacity).unwrap_or(u64::MAX).saturating_add(1);
        self.observed.div_euclid(counters)
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.observed = 0;
    }
}

/// The items that are hot now.
#[derive(Clone, Debug)]
pub struct HotItems<K> {
    rules: Rules,
    /// When the window has begun.
    began: Timestamp,
    current: Frequent<K>,
    previous: Frequent<K>,
    hot: BTreeSet<K>,
}

impl<K: Copy + Eq + Hash + Ord> HotItems<K> {
    /// Nothing is hot yet. Two windows of `capacity` counters each are kept.
    #[must_use]
    pub fn new(rules: Rules, capacity: usize) -> Self {
        let (current, previous) = (Frequent::new(capacity), Frequent::new(capacity));
        Self { rules, began: Timestamp::EPOCH, current, previous, hot: BTreeSet::new() }
    }

    /// Takes note that the item is ordered; says whether it is hot.
    pub fn observe(&mut self, item: K, now: Timestamp) -> bool {
        self.turn(now);
        self.current.observe(item);
        let load = self.load(&item, now);
        if load >= load_of(self.rules.enter) {
            self.hot.insert(item);
        } else if load < load_of(self.rules.leave) {
            self.hot.remove(&item);
        }
        self.hot.contains(&item)
    }

    /// Lets go of what has cooled down.
    pub fn cool(&mut self, now: Timestamp) {
        self.turn(now);
        if !self.hot.is_empty() {
            let mut hot = std::mem::take(&mut self.hot);
            hot.retain(|item| self.load(item, now) >= load_of(self.rules.leave));
            self.hot = hot;
        }
    }

    /// Whether the item is hot, as of the last look.
    #[must_use]
    pub fn is_hot(&self, item: &K) -> bool {
        self.hot.contains(item)
    }

    /// How many are hot, as of the last look.
    #[must_use]
    pub fn hot_count(&self) -> usize {
        self.hot.len()
    }

    /// How many a second there are of the item.
    #[must_use]
    pub fn rate(&self, item: &K, now: Timestamp) -> u64 {
        self.load(item, now).div_euclid(WINDOW_MS)
    }

    /// How many items are remembered at all; twice the counters and what is hot, at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.counts.len() + self.previous.counts.len() + self.hot.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are in a window that ends now, times its milliseconds.
    fn load(&self, item: &K, now: Timestamp) -> u64 {
        let elapsed = u64::try_from(now.since(self.began).as_millis()).unwrap_or(u64::MAX);
        let rest = WINDOW_MS.saturating_sub(elapsed);
        u64::from(self.current.count(item)) * WINDOW_MS + u64::from(self.previous.count(item)) * rest
    }

    /// Begins a new window when it is time.
    fn turn(&mut self, now: Timestamp) {
        let elapsed = now.since(self.began);
        let was_set_back = self.began > now.plus(WINDOW);
        if elapsed < WINDOW && !was_set_back {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.clear();
        self.began = self.began.plus(WINDOW);
        if elapsed >= WINDOW * 2 || was_set_back {
            self.previous.clear();
            self.began = now;
        }
        self.cool(now);
    }
}

fn load_of(per_second: u32) -> u64 {
    u64::from(per_second) * WINDOW_MS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { enter: 10, leave: 4 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// So many observations of the item, evenly spread over a second from `from`; what was said last.
    fn second(items: &mut HotItems<u64>, item: u64, count: i64, from: i64) -> bool {
        (0..count).map(|n| items.observe(item, at(from + (n * 1_000).div_euclid(count)))).last().unwrap()
    }

    /// TR-30: hot from `enter` on, cool below `leave`, as it was in between.
    #[test]
    fn between_the_two_rates_nothing_changes() {
        let mut items = HotItems::new(Rules { enter: 100, leave: 40 }, 8);
        assert!(!second(&mut items, 1, 90, 0), "it is not hot below enter");
        assert!(!second(&mut items, 1, 70, 1_000));
        assert!(second(&mut items, 1, 120, 2_000), "it is hot from enter on");
        for n in 3..20 {
            let said: Vec<bool> = (0..60).map(|k| items.observe(1, at(n * 1_000 + k * 16))).collect();
            assert_eq!(said, [true; 60], "between the two it stays what it is");
        }
        second(&mut items, 1, 30, 20_000);
        assert!(!second(&mut items, 1, 30, 21_000), "it is cool below leave");
        for n in 22..40 {
            assert!(!second(&mut items, 1, 80, n * 1_000), "and stays so up to enter");
        }
    }

    /// A rush is noticed with the order that makes it one, and is over when nobody orders any more.
    #[test]
    fn a_rush_is_noticed_at_once_and_ends_by_itself() {
        let mut items = HotItems::new(RULES, 8);
        let said: Vec<bool> = (0..12).map(|_| items.observe(7, at(0))).collect();
        assert_eq!(said.iter().filter(|hot| **hot).count(), 3);
        assert!(!items.observe(8, at(0)), "others are not in it");
        let mut hot_at = |ms| {
            items.cool(at(ms));
            items.hot_count()
        };
        assert_eq!((hot_at(900), hot_at(1_500), hot_at(1_700)), (1, 1, 0));
        assert!(!items.observe(7, at(1_700)));
    }

    /// A clock that is set back, or far forward, begins anew instead of counting for ever.
    #[test]
    fn a_clock_that_jumps_begins_anew() {
        let mut items = HotItems::new(RULES, 8);
        for second in (0..100).rev() {
            assert!(!items.observe(1, at(second * 5_000)));
        }
        assert!(!items.observe(1, at(1_000_000_000)));
        assert_eq!(items.rate(&1, at(1_000_000_000)), 1);
    }

    proptest! {
        /// TR-29: whatever comes, a rate is never more than the truth and less by no more than the guarantee, what is above
        /// it is hot, and memory has its bound.
        #[test]
        fn no_heavy_hitter_is_missed(
            capacity in 1_usize..12,
            steps in proptest::collection::vec((0_u64..24, 0_u64..5, 0_i64..40), 1..1_500),
        ) {
            let mut items = HotItems::new(RULES, capacity);
            let mut seen: Vec<(u64, i64)> = Vec::new();
            let mut now = 0;
            for (any, often, step) in steps {
                now += step;
                // A few items come often.
                let item = if often > 0 { any % 3 } else { any };
                let is_hot = items.observe(item, at(now));
                seen.push((item, now));
                let exact = exact_rate(&items, &seen, item, now);
                let slack = items.current.error_max() + items.previous.error_max() + 1;
                let rate = items.rate(&item, at(now));
                prop_assert!(rate <= exact, "{rate} of {exact}");
                prop_assert!(rate + slack >= exact, "{rate} of {exact}, {slack} may be missing");
                prop_assert!(is_hot || exact < u64::from(RULES.enter) + slack);
                prop_assert!(!is_hot || exact >= u64::from(RULES.leave));
                prop_assert!(items.current.counts.len() <= capacity && items.previous.counts.len() <= capacity);
                prop_assert!(items.len() <= capacity * 4);
            }
        }
    }

    /// The same rate from all that was ever observed.
    fn exact_rate(items: &HotItems<u64>, seen: &[(u64, i64)], item: u64, now: i64) -> u64 {
        let began = items.began.as_millis() - 1_000_000;
        let mut windows: BTreeMap<i64, u64> = BTreeMap::new();
        for (_, when) in seen.iter().filter(|(other, _)| *other == item) {
            *windows.entry((when - began).div_euclid(1_000)).or_default() += 1;
        }
        let count = |window| windows.get(&window).copied().unwrap_or(0);
        let rest = u64::try_from(1_000 - (now - began)).unwrap_or(0);
        count(0) + (count(-1) * rest).div_euclid(1_000)
    }
}

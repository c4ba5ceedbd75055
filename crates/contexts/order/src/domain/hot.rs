//! Detection of hot items: items with more orders per second than a threshold.
//!
//! Each window of one second counts the most frequent items in bounded memory, with the algorithm of J. Misra and D. Gries
//! ("Finding repeated elements", Science of Computer Programming 2, 1982): a new item without a free counter decrements all
//! counters. With k counters and n observations, a count never exceeds the exact count, and is at most n / (k + 1) below
//! it. The current rate is the count of this window plus the remaining share of the previous one.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use pulse_kernel::Timestamp;

/// Length of a window: short enough to detect a burst while it begins.
pub const WINDOW: Duration = Duration::from_secs(1);
/// [`WINDOW`] in milliseconds.
const WINDOW_MS: u64 = 1_000;

/// Thresholds of hot items. A rate between them changes nothing, so an item does not switch back and forth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Orders per second from which on an item is hot.
    pub enter: u32,
    /// Orders per second below which a hot item is no longer hot; greater than 0 and less than `enter`.
    pub leave: u32,
}

/// Counters of the most frequent items of one window.
#[derive(Clone, Debug)]
pub struct Frequent<K> {
    capacity: usize,
    counts: HashMap<K, u32>,
    observed: u64,
}

impl<K: Copy + Eq + Hash> Frequent<K> {
    /// Empty counters for at most `capacity` items.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: HashMap::new(), observed: 0 }
    }

    /// Counts an observation, in amortized constant time: a decrement of all counters is paid by the increments before.
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

    /// Lower bound of the number of observations of an item.
    #[must_use]
    pub fn count(&self, item: &K) -> u32 {
        self.counts.get(item).copied().unwrap_or(0)
    }

    /// Maximum difference between a count and the exact number of observations.
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

/// The hot items and the counters behind them.
#[derive(Clone, Debug)]
pub struct HotItems<K> {
    rules: Rules,
    /// Start of the current window.
    started_at: Timestamp,
    current: Frequent<K>,
    previous: Frequent<K>,
    hot: BTreeSet<K>,
}

impl<K: Copy + Eq + Hash + Ord> HotItems<K> {
    /// No item is hot at first. Two windows with `capacity` counters each are kept.
    #[must_use]
    pub fn new(rules: Rules, capacity: usize) -> Self {
        let (current, previous) = (Frequent::new(capacity), Frequent::new(capacity));
        Self { rules, started_at: Timestamp::EPOCH, current, previous, hot: BTreeSet::new() }
    }

    /// Counts an order of the item. Returns whether the item is hot.
    pub fn observe(&mut self, item: K, now: Timestamp) -> bool {
        self.advance(now);
        self.current.observe(item);
        let load = self.load(&item, now);
        if load >= load_of(self.rules.enter) {
            self.hot.insert(item);
        } else if load < load_of(self.rules.leave) {
            self.hot.remove(&item);
        }
        self.hot.contains(&item)
    }

    /// Removes items whose rate fell below `leave`.
    pub fn decay(&mut self, now: Timestamp) {
        self.advance(now);
        if !self.hot.is_empty() {
            let mut hot = std::mem::take(&mut self.hot);
            hot.retain(|item| self.load(item, now) >= load_of(self.rules.leave));
            self.hot = hot;
        }
    }

    /// Whether the item was hot at the last observation or decay.
    #[must_use]
    pub fn is_hot(&self, item: &K) -> bool {
        self.hot.contains(item)
    }

    /// Number of items that were hot at the last observation or decay.
    #[must_use]
    pub fn hot_count(&self) -> usize {
        self.hot.len()
    }

    /// Orders of the item per second.
    #[must_use]
    pub fn rate(&self, item: &K, now: Timestamp) -> u64 {
        self.load(item, now).div_euclid(WINDOW_MS)
    }

    /// Number of entries in memory: at most the counters of two windows and the hot items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.counts.len() + self.previous.counts.len() + self.hot.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Orders of the item in the second before `now`, times 1000.
    fn load(&self, item: &K, now: Timestamp) -> u64 {
        let elapsed = u64::try_from(now.since(self.started_at).as_millis()).unwrap_or(u64::MAX);
        let rest = WINDOW_MS.saturating_sub(elapsed);
        u64::from(self.current.count(item)) * WINDOW_MS + u64::from(self.previous.count(item)) * rest
    }

    /// Starts a new window if the current one is over.
    fn advance(&mut self, now: Timestamp) {
        let elapsed = now.since(self.started_at);
        let was_set_back = self.started_at > now.plus(WINDOW);
        if elapsed < WINDOW && !was_set_back {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.clear();
        self.started_at = self.started_at.plus(WINDOW);
        if elapsed >= WINDOW * 2 || was_set_back {
            self.previous.clear();
            self.started_at = now;
        }
        self.decay(now);
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

    /// Observes the item `count` times, evenly over the second from `from`. Returns the last result.
    fn second(items: &mut HotItems<u64>, item: u64, count: i64, from: i64) -> bool {
        (0..count).map(|n| items.observe(item, at(from + (n * 1_000).div_euclid(count)))).last().unwrap()
    }

    /// TR-30: an item is hot from `enter` on and not hot below `leave`; a rate in between changes nothing.
    #[test]
    fn between_the_two_rates_nothing_changes() {
        let mut items = HotItems::new(Rules { enter: 100, leave: 40 }, 8);
        assert!(!second(&mut items, 1, 90, 0), "it is not hot below enter");
        assert!(!second(&mut items, 1, 70, 1_000));
        assert!(second(&mut items, 1, 120, 2_000), "it is hot from enter on");
        for n in 3..20 {
            let said: Vec<bool> = (0..60).map(|k| items.observe(1, at(n * 1_000 + k * 16))).collect();
            assert_eq!(said, [true; 60], "a rate between the thresholds changes nothing");
        }
        second(&mut items, 1, 30, 20_000);
        assert!(!second(&mut items, 1, 30, 21_000), "it is not hot below leave");
        for n in 22..40 {
            assert!(!second(&mut items, 1, 80, n * 1_000), "and not up to enter");
        }
    }

    /// A burst is detected with the order that reaches the threshold, and ends without further orders.
    #[test]
    fn a_burst_is_detected_at_once_and_ends() {
        let mut items = HotItems::new(RULES, 8);
        let said: Vec<bool> = (0..12).map(|_| items.observe(7, at(0))).collect();
        assert_eq!(said.iter().filter(|hot| **hot).count(), 3);
        assert!(!items.observe(8, at(0)), "other items are not hot");
        let mut hot_at = |ms| {
            items.decay(at(ms));
            items.hot_count()
        };
        assert_eq!((hot_at(900), hot_at(1_500), hot_at(1_700)), (1, 1, 0));
        assert!(!items.observe(7, at(1_700)));
    }

    /// A clock that is set back or far forward restarts the counting.
    #[test]
    fn a_clock_that_jumps_restarts_the_counting() {
        let mut items = HotItems::new(RULES, 8);
        for second in (0..100).rev() {
            assert!(!items.observe(1, at(second * 5_000)));
        }
        assert!(!items.observe(1, at(1_000_000_000)));
        assert_eq!(items.rate(&1, at(1_000_000_000)), 1);
    }

    proptest! {
        /// TR-29: a rate never exceeds the exact rate and is below it by no more than the guarantee; items above it are hot;
        /// memory is bounded.
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

    /// The same rate, computed from all observations.
    fn exact_rate(items: &HotItems<u64>, seen: &[(u64, i64)], item: u64, now: i64) -> u64 {
        let began = items.started_at.as_millis() - 1_000_000;
        let mut windows: BTreeMap<i64, u64> = BTreeMap::new();
        for (_, when) in seen.iter().filter(|(other, _)| *other == item) {
            *windows.entry((when - began).div_euclid(1_000)).or_default() += 1;
        }
        let count = |window| windows.get(&window).copied().unwrap_or(0);
        let rest = u64::try_from(1_000 - (now - began)).unwrap_or(0);
        count(0) + (count(-1) * rest).div_euclid(1_000)
    }
}

//! Tracks which items are being ordered so often on this node that their orders are queued and placed in batches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::stock::v1::{ReservationLine, ResourceRef};
use pulse_kernel::Timestamp;

use crate::domain::hot::{HotItems, Rules};

/// Number of counters: an item with more than a thousandth of all orders is never missed.
const COUNTERS: usize = 1_024;
/// Time for which orders are placed synchronously after queued placement was degraded. Each queued order that arrives in
/// degraded mode extends it.
const SUSPENSION: Duration = Duration::from_secs(60);
/// Interval at which one order of a hot item is placed synchronously, so that this node learns whether the item is out
/// of stock; also the time for which a sold-out item is ordered synchronously, so that every order is refused at once.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Kind and ID of a stock resource.
type Item = (i32, i64);

/// The hot items of this node. It works in memory, so it never delays or fails an order (TR-29).
#[derive(Debug)]
pub(crate) struct HotItemTracker {
    /// `None` if orders are never queued.
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    items: HotItems<Item>,
    /// Probes of the hot items.
    probes: BTreeMap<Item, Probe>,
    suspended_until: Timestamp,
    /// Value of the gauge.
    reported_count: usize,
}

/// Schedule of the synchronous orders of one hot item.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// Time from which on the next order is placed synchronously.
    next_at: Timestamp,
    /// Time until which all orders are placed synchronously, because the item is out of stock.
    out_of_stock_until: Timestamp,
}

impl State {
    /// Whether an order of a hot item is placed synchronously.
    fn is_probe(&mut self, item: Item, now: Timestamp) -> bool {
        let first = Probe { next_at: now.plus(PROBE_EVERY), out_of_stock_until: Timestamp::EPOCH };
        let probe = self.probes.entry(item).or_insert(first);
        let is_due = now >= probe.next_at;
        if is_due {
            probe.next_at = now.plus(PROBE_EVERY);
        }
        is_due || now < probe.out_of_stock_until
    }

    fn report_count(&mut self) {
        let count = self.items.hot_count();
        if count != self.reported_count {
            self.reported_count = count;
            metrics::gauge!("pulse_order_hot_items").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
    }
}

impl HotItemTracker {
    /// A tracker with these thresholds; without them, no item is ever hot.
    pub(crate) fn new(rules: Option<Rules>) -> Self {
        let state = |rules| State {
            items: HotItems::new(rules, COUNTERS),
            probes: BTreeMap::new(),
            suspended_until: Timestamp::EPOCH,
            reported_count: 0,
        };
        Self { state: rules.map(state).map(Mutex::new) }
    }

    /// Counts an order of these lines. Returns whether the order is queued: one of its items is hot, none of them is out
    /// of stock, and the order is no probe.
    pub(crate) fn record_and_check(&self, lines: &[ReservationLine], now: Timestamp) -> bool {
        let Some(state) = &self.state else { return false };
        let items: BTreeSet<Item> = lines.iter().filter_map(|line| line.resource.as_ref()).map(item).collect();
        let mut state = state.lock();
        // Every item is counted, also those after the first hot one.
        let (hot, cool): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| state.items.observe(*item, now));
        state.report_count();
        for item in &cool {
            state.probes.remove(item);
        }
        let probe_count = hot.iter().filter(|item| state.is_probe(**item, now)).count();
        !hot.is_empty() && probe_count == 0 && now >= state.suspended_until
    }

    /// Records that the stock of these lines did not suffice. For a short time, further orders of these items are placed
    /// synchronously, so that they are refused at once.
    pub(crate) fn mark_out_of_stock(&self, lines: &[ReservationLine], now: Timestamp) {
        let Some(state) = &self.state else { return };
        let mut state = state.lock();
        for item in lines.iter().filter_map(|line| line.resource.as_ref()).map(item) {
            if let Some(probe) = state.probes.get_mut(&item) {
                probe.out_of_stock_until = now.plus(PROBE_EVERY);
                probe.next_at = probe.out_of_stock_until;
            }
        }
    }

    /// Removes items that are no longer hot, also while no orders arrive.
    pub(crate) fn decay(&self, now: Timestamp) {
        if let Some(state) = &self.state {
            let mut state = state.lock();
            let State { items, probes, .. } = &mut *state;
            items.decay(now);
            probes.retain(|item, _| items.is_hot(item));
            state.report_count();
        }
    }

    /// Suspends queued placement for a while: all orders are placed synchronously (TR-38).
    pub(crate) fn suspend(&self, now: Timestamp) {
        if let Some(state) = &self.state {
            state.lock().suspended_until = now.plus(SUSPENSION);
        }
    }
}

fn item(resource: &ResourceRef) -> Item {
    (resource.kind, resource.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: i64) -> Vec<ReservationLine> {
        vec![ReservationLine { resource: Some(ResourceRef { kind: 1, id }), quantity: 1 }]
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// Whether each of five orders at this moment is queued.
    fn five(tracker: &HotItemTracker, ms: i64) -> Vec<bool> {
        (0..5).map(|_| tracker.record_and_check(&line(7), at(ms))).collect()
    }

    #[test]
    fn a_sold_out_item_is_ordered_synchronously_until_it_is_available() {
        let tracker = HotItemTracker::new(Some(Rules { enter: 3, leave: 2 }));
        assert_eq!(five(&tracker, 0), [false, false, true, true, true]);
        tracker.mark_out_of_stock(&line(7), at(500));
        tracker.mark_out_of_stock(&line(8), at(500));
        assert_eq!(five(&tracker, 600), [false; 5], "each synchronously");
        assert_eq!(five(&tracker, 1_499), [false; 5]);
        assert_eq!(five(&tracker, 1_500), [false, true, true, true, true], "one probe");
        tracker.mark_out_of_stock(&line(7), at(1_500));
        assert_eq!(five(&tracker, 1_600), [false; 5], "still out of stock");
        assert_eq!(five(&tracker, 2_500), [false, true, true, true, true]);
    }

    /// A node that places no batches learns once per second whether the item is out of stock.
    #[test]
    fn one_order_per_second_is_a_probe() {
        let tracker = HotItemTracker::new(Some(Rules { enter: 3, leave: 2 }));
        assert_eq!(five(&tracker, 0), [false, false, true, true, true]);
        assert_eq!(five(&tracker, 999), [true; 5]);
        assert_eq!(five(&tracker, 1_000), [false, true, true, true, true]);
        assert_eq!(five(&tracker, 1_900), [true; 5]);
        assert_eq!(five(&tracker, 2_100), [false, true, true, true, true]);
        tracker.decay(at(60_000));
        assert_eq!(five(&tracker, 60_000), [false, false, true, true, true], "probes end with the burst");
    }
}

//! Which resources so many order just now that their orders go together, on this node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::stock::v1::{ReservationLine, ResourceRef};
use pulse_kernel::Timestamp;

use crate::domain::hot::{HotItems, Rules};

/// How many resources are counted: one that has more than a thousandth of all orders is not missed.
const COUNTERS: usize = 1_024;
/// How long orders are placed one by one after the lane was degraded; each order that it takes meanwhile prolongs it.
const REST: Duration = Duration::from_secs(60);

/// How long orders of something hot that has run out are placed by themselves, each told at once that there is none; and
/// how often one of something hot is, so that a node that places for no other hears that it has run out.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// A resource, as it can be sorted.
type Unit = (i32, i64);

/// What is hot.
#[derive(Debug)]
pub(crate) struct Heat {
    /// `None` when every order is placed by itself.
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    items: HotItems<Unit>,
    /// When an order of something hot is placed by itself next, at once when that is past.
    probes: BTreeMap<Unit, Probe>,
    rests_until: Timestamp,
    /// How many are hot, as the gauge says.
    told: usize,
}

/// How one hot resource is looked at.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// When the next order of it is placed by itself.
    at: Timestamp,
    /// Until when all of them are: it has run out.
    is_short_until: Timestamp,
}

impl State {
    /// Whether an order of this, which is hot, is placed by itself all the same.
    fn is_probe(&mut self, unit: Unit, now: Timestamp) -> bool {
        let first = Probe { at: now.plus(PROBE_EVERY), is_short_until: Timestamp::EPOCH };
        let probe = self.probes.entry(unit).or_insert(first);
        let is_due = now >= probe.at;
        if is_due {
            probe.at = now.plus(PROBE_EVERY);
        }
        is_due || now < probe.is_short_until
    }

    fn tell(&mut self) {
        let count = self.items.hot_count();
        if count != self.told {
            self.told = count;
            metrics::gauge!("pulse_order_hot_skus").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
    }
}

impl Heat {
    /// With these rules; without any, nothing is ever hot.
    pub(crate) fn new(rules: Option<Rules>) -> Self {
        let state = |rules| State {
            items: HotItems::new(rules, COUNTERS),
            probes: BTreeMap::new(),
            rests_until: Timestamp::EPOCH,
            told: 0,
        };
        Self { state: rules.map(state).map(Mutex::new) }
    }

    /// Takes note of an order of these; says whether it goes with others, because one of them is hot and none of them has run
    /// out. It answers from memory, whatever happens (TR-29).
    pub(crate) fn is_hot(&self, lines: &[ReservationLine], now: Timestamp) -> bool {
        let Some(state) = &self.state else { return false };
        let units: BTreeSet<Unit> = lines.iter().filter_map(|line| line.resource.as_ref()).map(unit).collect();
        let mut state = state.lock();
        // Each is counted, also after the first that is hot.
        let (hot, cool): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(|unit| state.items.observe(*unit, now));
        state.tell();
        // What is known of a rush ends with it.
        for unit in &cool {
            state.probes.remove(unit);
        }
        let probe_count = hot.iter().filter(|unit| state.is_probe(**unit, now)).count();
        !hot.is_empty() && probe_count == 0 && now >= state.rests_until
    }

    /// An order did not get its units: who orders the same in the next moment had better hear so at once.
    pub(crate) fn found_short(&self, lines: &[ReservationLine], now: Timestamp) {
        let Some(state) = &self.state else { return };
        let mut state = state.lock();
        for unit in lines.iter().filter_map(|line| line.resource.as_ref()).map(unit) {
            if let Some(probe) = state.probes.get_mut(&unit) {
                // Then one is placed by itself again, and tells whether there are some.
                probe.is_short_until = now.plus(PROBE_EVERY);
                probe.at = probe.is_short_until;
            }
        }
    }

    /// Looks what has cooled down while nobody ordered.
    pub(crate) fn cool(&self, now: Timestamp) {
        if let Some(state) = &self.state {
            let mut state = state.lock();
            let State { items, probes, .. } = &mut *state;
            items.cool(now);
            probes.retain(|unit, _| items.is_hot(unit));
            state.tell();
        }
    }

    /// Has orders placed one by one for a while (TR-38).
    pub(crate) fn rest(&self, now: Timestamp) {
        if let Some(state) = &self.state {
            state.lock().rests_until = now.plus(REST);
        }
    }
}

fn unit(resource: &ResourceRef) -> Unit {
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

    /// Which of five orders at that moment go with others.
    fn five(heat: &Heat, ms: i64) -> Vec<bool> {
        (0..5).map(|_| heat.is_hot(&line(7), at(ms))).collect()
    }

    #[test]
    fn what_has_run_out_is_told_at_once_until_there_is_some_again() {
        let heat = Heat::new(Some(Rules { enter: 3, leave: 2 }));
        assert_eq!(five(&heat, 0), [false, false, true, true, true]);
        heat.found_short(&line(7), at(500));
        heat.found_short(&line(8), at(500));
        assert_eq!(five(&heat, 600), [false; 5], "each by itself");
        assert_eq!(five(&heat, 1_499), [false; 5]);
        assert_eq!(five(&heat, 1_500), [false, true, true, true, true], "one that finds out");
        heat.found_short(&line(7), at(1_500));
        assert_eq!(five(&heat, 1_600), [false; 5], "there was none");
        assert_eq!(five(&heat, 2_500), [false, true, true, true, true]);
    }

    /// A node that places for no other hears once a second whether there are any left.
    #[test]
    fn one_a_second_is_placed_by_itself() {
        let heat = Heat::new(Some(Rules { enter: 3, leave: 2 }));
        assert_eq!(five(&heat, 0), [false, false, true, true, true]);
        assert_eq!(five(&heat, 999), [true; 5]);
        assert_eq!(five(&heat, 1_000), [false, true, true, true, true]);
        assert_eq!(five(&heat, 1_900), [true; 5]);
        assert_eq!(five(&heat, 2_100), [false, true, true, true, true]);
        heat.cool(at(60_000));
        assert_eq!(five(&heat, 60_000), [false, false, true, true, true], "it is forgotten with the rush");
    }
}

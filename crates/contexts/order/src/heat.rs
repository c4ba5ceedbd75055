//! Which resources so many order just now that their orders go together, on this node.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::stock::v1::{ReservationLine, ResourceRef};
use pulse_kernel::Timestamp;

use crate::domain::hot::{HotItems, Rules};

/// How many resources are counted: one that has more than a thousandth of all orders is not missed.
const COUNTERS: usize = 1_024;
/// How long orders are placed one by one after the lane was degraded; each order that it takes meanwhile prolongs it.
const REST: Duration = Duration::from_secs(60);

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
    rests_until: Timestamp,
    /// How many are hot, as the gauge says.
    told: usize,
}

impl State {
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
        let state = |rules| State { items: HotItems::new(rules, COUNTERS), rests_until: Timestamp::EPOCH, told: 0 };
        Self { state: rules.map(state).map(Mutex::new) }
    }

    /// Takes note of an order of these; says whether one of them is hot. It answers from memory, whatever happens (TR-29).
    pub(crate) fn is_hot(&self, lines: &[ReservationLine], now: Timestamp) -> bool {
        let Some(state) = &self.state else { return false };
        let units: BTreeSet<Unit> = lines.iter().filter_map(|line| line.resource.as_ref()).map(unit).collect();
        let mut state = state.lock();
        // Each is counted, also after the first that is hot.
        let hot_count = units.into_iter().filter(|unit| state.items.observe(*unit, now)).count();
        let is_hot = hot_count > 0;
        state.tell();
        is_hot && now >= state.rests_until
    }

    /// Looks what has cooled down while nobody ordered.
    pub(crate) fn cool(&self, now: Timestamp) {
        if let Some(state) = &self.state {
            let mut state = state.lock();
            state.items.cool(now);
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

//! How much is under way, and whether there is room for one more. Beyond it, requests are turned away at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// A counted number of places.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    places: Arc<Places>,
}

#[derive(Debug)]
struct Places {
    taken: AtomicUsize,
    total: usize,
}

/// A place in a [`Room`]; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Places>);

impl Room {
    /// A room with `total` places.
    pub(crate) fn with_places(total: NonZeroUsize) -> Self {
        Self { places: Arc::new(Places { taken: AtomicUsize::new(0), total: total.get() }) }
    }

    /// A place, when there is one.
    pub(crate) fn enter(&self) -> Option<Slot> {
        if self.places.taken.fetch_add(1, Ordering::Relaxed) < self.places.total {
            return Some(Slot(Arc::clone(&self.places)));
        }
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.places.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Streams that belong to no rpc of the contract, such as gRPC health and reflection: nobody signs in for them, so
/// each address has few.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guests {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// How many streams the guests have together.
const GUESTS_MAX: usize = 1_024;
/// How many streams one address has.
const GUESTS_PER_ADDRESS_MAX: usize = 16;

/// The place of a guest; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct GuestSlot {
    guests: Guests,
    ip: IpAddr,
}

impl Guests {
    /// A place, when there is one.
    pub(crate) fn enter(&self, ip: IpAddr) -> Option<GuestSlot> {
        let mut taken = self.taken.lock();
        let total: usize = taken.values().sum();
        let own = taken.get(&ip).copied().unwrap_or(0);
        if total >= GUESTS_MAX || own >= GUESTS_PER_ADDRESS_MAX {
            return None;
        }
        taken.insert(ip, own + 1);
        Some(GuestSlot { guests: self.clone(), ip })
    }
}

impl Drop for GuestSlot {
    fn drop(&mut self) {
        if let Entry::Occupied(mut own) = self.guests.taken.lock().entry(self.ip) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// The place of a stream, until it ends.
#[derive(Debug)]
pub(crate) enum StreamPlace {
    Contract(#[expect(dead_code, reason = "held until it is dropped")] Slot),
    Guest(#[expect(dead_code, reason = "held until it is dropped")] GuestSlot),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_few_places_for_guests() {
        let guests = Guests::default();
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mut slots: Vec<GuestSlot> = (0..GUESTS_PER_ADDRESS_MAX).filter_map(|_| guests.enter(address(1))).collect();
        assert_eq!(slots.len(), GUESTS_PER_ADDRESS_MAX);
        assert!(guests.enter(address(1)).is_none());
        assert!(guests.enter(address(2)).is_some());
        slots.pop();
        assert!(guests.enter(address(1)).is_some());
        drop(slots);
        assert!(guests.taken.lock().is_empty());
        let crowd = (0..=u8::MAX).flat_map(|last| (0..8).map(move |_| address(last)));
        let crowd: Vec<GuestSlot> = crowd.filter_map(|ip| guests.enter(ip)).collect();
        assert_eq!(crowd.len(), GUESTS_MAX);
    }

    #[test]
    fn a_place_comes_back_when_it_is_dropped() {
        let room = Room::with_places(NonZeroUsize::MIN);
        let slot = room.enter();
        assert!(slot.is_some());
        assert!(room.enter().is_none());
        assert_eq!(room.taken(), 1);
        drop(slot);
        assert!(room.enter().is_some());
    }
}

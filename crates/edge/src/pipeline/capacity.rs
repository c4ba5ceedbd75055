//! How much is under way, and whether there is room for one more. Beyond it, requests are turned away at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

#[cfg(test)]
mod tests {
    use super::*;

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

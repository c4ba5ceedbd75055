//! Queue of visits that are due and for which no connection is free yet.

use std::collections::VecDeque;

/// A visit that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Number of the visit, from 0.
    pub(super) number: u64,
    /// Due time, in nanoseconds from the start of the run.
    pub(super) due: u64,
}

/// A bounded first-in, first-out queue. A visit that finds it full is dropped and counted.
#[derive(Debug)]
pub(super) struct ArrivalQueue {
    waiting: VecDeque<Arrival>,
    length_max: usize,
    arrived: u64,
    dropped: u64,
}

impl ArrivalQueue {
    pub(super) fn new(length_max: usize) -> Self {
        Self { waiting: VecDeque::new(), length_max, arrived: 0, dropped: 0 }
    }

    /// Adds the next visit. Returns whether the queue had room.
    pub(super) fn push(&mut self, due: u64) -> bool {
        let number = self.arrived;
        self.arrived += 1;
        let has_room = self.waiting.len() < self.length_max;
        if has_room {
            self.waiting.push_back(Arrival { number, due });
        } else {
            self.dropped += 1;
        }
        has_room
    }

    /// Removes the visit that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        self.waiting.pop_front()
    }

    /// The waiting visits.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = Arrival> {
        self.waiting.iter().copied()
    }

    /// Number of visits that were due so far, including dropped ones.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Number of visits that were dropped because the queue was full.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

//! Visitors who have come and for whom no connection is free yet: so many and not more.

use std::collections::VecDeque;

/// Somebody who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Which one, from 0.
    pub(super) number: u64,
    /// When, in nanoseconds from the start of the run.
    pub(super) due: u64,
}

/// First come, first served; whoever finds it full is counted and goes away.
#[derive(Debug)]
pub(super) struct Backlog {
    waiting: VecDeque<Arrival>,
    waiting_max: usize,
    arrived: u64,
    dropped: u64,
}

impl Backlog {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self { waiting: VecDeque::new(), waiting_max, arrived: 0, dropped: 0 }
    }

    /// The next visitor comes; says whether they stay.
    pub(super) fn offer(&mut self, due: u64) -> bool {
        let number = self.arrived;
        self.arrived += 1;
        let has_room = self.waiting.len() < self.waiting_max;
        if has_room {
            self.waiting.push_back(Arrival { number, due });
        } else {
            self.dropped += 1;
        }
        has_room
    }

    /// The one who has waited longest.
    pub(super) fn take(&mut self) -> Option<Arrival> {
        self.waiting.pop_front()
    }

    /// Who waits.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = Arrival> {
        self.waiting.iter().copied()
    }

    /// How many have come, those who went away included.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// How many went away because it was full.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

//! Progress of the tickets of an order, and the milestones that are published once.

use super::ticket::State;

/// Progress of an order, and its published milestones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of tickets.
    pub ticket_count: i64,
    /// Number of started tickets.
    pub started_count: i64,
    /// Number of ready tickets.
    pub ready_count: i64,
    /// Whether the start of the first ticket was published.
    pub is_started_published: bool,
    /// Whether the completion of the last ticket was published.
    pub is_ready_published: bool,
    /// Whether the order was cancelled.
    pub is_cancelled: bool,
}

/// Milestones to publish now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The first ticket was started.
    pub is_started: bool,
    /// The last ticket is ready.
    pub is_ready: bool,
}

impl Progress {
    /// The progress with tickets in these states, and the milestones to publish. A milestone is published once, also when a
    /// ticket is recalled; a cancelled order publishes none.
    #[must_use]
    pub fn with(self, states: impl IntoIterator<Item = State>) -> (Self, Milestones) {
        let (mut tickets, mut started, mut ready) = (0, 0, 0);
        for state in states {
            tickets += 1;
            started += i64::from(state.is_started());
            ready += i64::from(state.is_ready());
        }
        let milestones = Milestones {
            is_started: !self.is_cancelled && !self.is_started_published && started > 0,
            is_ready: !self.is_cancelled && !self.is_ready_published && tickets > 0 && ready == tickets,
        };
        let progress = Self {
            ticket_count: tickets,
            started_count: started,
            ready_count: ready,
            is_started_published: self.is_started_published || milestones.is_started,
            is_ready_published: self.is_ready_published || milestones.is_ready,
            is_cancelled: self.is_cancelled,
        };
        (progress, milestones)
    }

    /// The progress of a completed order with tickets in these states; it publishes no more milestones.
    #[must_use]
    pub fn completed(self, states: impl IntoIterator<Item = State>) -> Self {
        Self { is_started_published: true, is_ready_published: true, ..self }.with(states).0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ticket::MOVES;

    #[test]
    fn the_first_start_and_the_last_ready_are_published_once() {
        use State::{Accepted, Bumped, New, Ready, Started};
        let steps = [
            ([New, New], (false, false)),
            ([Accepted, New], (false, false)),
            ([Started, New], (true, false)),
            ([Started, Started], (false, false)),
            ([Ready, Started], (false, false)),
            ([Bumped, Started], (false, false)),
            ([Bumped, Ready], (false, true)),
            ([Bumped, Started], (false, false)),
            ([Bumped, Ready], (false, false)),
        ];
        let mut progress = Progress::default();
        for (states, expected) in steps {
            let (next, milestones) = progress.with(states);
            assert_eq!((milestones.is_started, milestones.is_ready), expected, "{states:?}");
            progress = next;
        }
    }

    #[test]
    fn a_cancelled_order_publishes_nothing() {
        let cancelled = Progress { is_cancelled: true, ..Progress::default() };
        assert_eq!(cancelled.with([State::Bumped]).1, Milestones::default());
        assert_eq!(Progress::default().with([]).1, Milestones::default(), "an order without tickets");
    }

    #[test]
    fn a_completed_order_publishes_nothing() {
        let done = Progress::default().completed([State::Bumped]);
        assert_eq!((done.ready_count, done.with([State::Ready]).1), (1, Milestones::default()));
    }

    proptest! {
        /// With any moves of up to four stations each milestone is published at most once, the start before the ready, when its
        /// condition becomes true for the first time.
        #[test]
        fn any_order_of_moves_publishes_each_milestone_once(count in 1..5_usize, moves in prop::collection::vec((0..4_usize, 0..8_usize), 0..80)) {
            let mut states = vec![State::New; count];
            let (mut progress, mut started, mut ready) = (Progress::default(), 0, 0);
            let (mut was_started, mut was_ready) = (false, false);
            for (station, index) in moves {
                let (from, _, to) = MOVES[index];
                let Some(state) = states.get_mut(station) else { continue };
                if *state != from {
                    continue;
                }
                *state = to;
                let (next, milestones) = progress.with(states.iter().copied());
                progress = next;
                started += i32::from(milestones.is_started);
                ready += i32::from(milestones.is_ready);
                was_started |= states.iter().any(|state| state.is_started());
                was_ready |= states.iter().all(|state| state.is_ready());
                prop_assert_eq!((started, ready), (i32::from(was_started), i32::from(was_ready)));
                prop_assert!(started >= ready);
            }
        }
    }
}

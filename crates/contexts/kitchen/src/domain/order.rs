//! How far the tickets of an order are, and what the world is told of it, once.

use super::ticket::State;

/// How far an order is, and what was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many tickets it has.
    pub ticket_count: i64,
    /// How many of them were begun.
    pub started_count: i64,
    /// How many of them are made.
    pub ready_count: i64,
    /// Whether it was told that the first one was begun.
    pub is_started_told: bool,
    /// Whether it was told that the last one is made.
    pub is_ready_told: bool,
    /// Whether the order was cancelled.
    pub is_cancelled: bool,
}

/// What is to be told now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The first ticket was begun.
    pub is_started: bool,
    /// The last ticket is made.
    pub is_ready: bool,
}

impl Progress {
    /// The progress when the tickets are in these states, and what is to be told because of it. What was told once is
    /// never told again, also when a ticket was taken back; of a cancelled order nothing is told.
    #[must_use]
    pub fn with(self, states: impl IntoIterator<Item = State>) -> (Self, News) {
        let (mut tickets, mut started, mut ready) = (0, 0, 0);
        for state in states {
            tickets += 1;
            started += i64::from(state.is_started());
            ready += i64::from(state.is_ready());
        }
        let news = News {
            is_started: !self.is_cancelled && !self.is_started_told && started > 0,
            is_ready: !self.is_cancelled && !self.is_ready_told && tickets > 0 && ready == tickets,
        };
        let progress = Self {
            ticket_count: tickets,
            started_count: started,
            ready_count: ready,
            is_started_told: self.is_started_told || news.is_started,
            is_ready_told: self.is_ready_told || news.is_ready,
            is_cancelled: self.is_cancelled,
        };
        (progress, news)
    }

    /// The progress of an order that its customer has, when the tickets are in these states: nothing is to be told of it
    /// any more.
    #[must_use]
    pub fn completed(self, states: impl IntoIterator<Item = State>) -> Self {
        Self { is_started_told: true, is_ready_told: true, ..self }.with(states).0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ticket::MOVES;

    #[test]
    fn the_first_start_and_the_last_ready_are_told_once() {
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
            let (next, news) = progress.with(states);
            assert_eq!((news.is_started, news.is_ready), expected, "{states:?}");
            progress = next;
        }
    }

    #[test]
    fn nothing_is_told_of_a_cancelled_order() {
        let cancelled = Progress { is_cancelled: true, ..Progress::default() };
        assert_eq!(cancelled.with([State::Bumped]).1, News::default());
        assert_eq!(Progress::default().with([]).1, News::default(), "nor of one without tickets");
    }

    #[test]
    fn nothing_is_told_of_a_completed_order() {
        let done = Progress::default().completed([State::Bumped]);
        assert_eq!((done.ready_count, done.with([State::Ready]).1), (1, News::default()));
    }

    proptest! {
        /// Whatever the moves of up to four stations are: each news at most once, the first before the second, and
        /// exactly when it became true for the first time.
        #[test]
        fn any_order_of_moves_tells_each_news_once(count in 1..5_usize, moves in prop::collection::vec((0..4_usize, 0..8_usize), 0..80)) {
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
                let (next, news) = progress.with(states.iter().copied());
                progress = next;
                started += i32::from(news.is_started);
                ready += i32::from(news.is_ready);
                was_started |= states.iter().any(|state| state.is_started());
                was_ready |= states.iter().all(|state| state.is_ready());
                prop_assert_eq!((started, ready), (i32::from(was_started), i32::from(was_ready)));
                prop_assert!(started >= ready);
            }
        }
    }
}

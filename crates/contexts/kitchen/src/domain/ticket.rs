//! What may be done with a ticket, as a table.

pulse_kernel::define_id!(
    /// Identifies a ticket.
    TicketId, "tkt"
);

/// In which state a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nobody has seen it yet.
    New,
    /// Seen.
    Accepted,
    /// In the making.
    Started,
    /// Made.
    Ready,
    /// Off the screen.
    Bumped,
    /// The order was cancelled before it left the screen.
    Cancelled,
}

/// What one does with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Takes note of it.
    Accept,
    /// Begins to make it.
    Start,
    /// Has made it.
    Ready,
    /// Takes it off the screen.
    Bump,
    /// Takes the last step back.
    Recall,
}

/// Every move that there is. A step takes a ticket one state on, and a recall takes exactly that step back, so no step is
/// left out: what is started was accepted.
pub const MOVES: [(State, Move, State); 8] = [
    (State::New, Move::Accept, State::Accepted),
    (State::Accepted, Move::Start, State::Started),
    (State::Accepted, Move::Recall, State::New),
    (State::Started, Move::Ready, State::Ready),
    (State::Started, Move::Recall, State::Accepted),
    (State::Ready, Move::Bump, State::Bumped),
    (State::Ready, Move::Recall, State::Started),
    (State::Bumped, Move::Recall, State::Ready),
];

/// The states in which a ticket is on the screen.
pub const OPEN: [State; 4] = [State::New, State::Accepted, State::Started, State::Ready];

/// The states in which a ticket is still to be made.
pub const WAITING: [State; 3] = [State::New, State::Accepted, State::Started];

impl State {
    /// The state after a move; `None` when it is not possible.
    #[must_use]
    pub fn after(self, wanted: Move) -> Option<Self> {
        MOVES.iter().find(|(from, by, _)| *from == self && *by == wanted).map(|(_, _, to)| *to)
    }

    /// The moves that are possible.
    pub fn moves(self) -> impl Iterator<Item = Move> {
        MOVES.iter().filter(move |(from, _, _)| *from == self).map(|(_, by, _)| *by)
    }

    /// The state after the order was cancelled: what has left the screen stays as it is.
    #[must_use]
    pub const fn after_cancel(self) -> Self {
        match self {
            Self::New | Self::Accepted | Self::Started | Self::Ready | Self::Cancelled => Self::Cancelled,
            Self::Bumped => Self::Bumped,
        }
    }

    /// The state after the customer has got the order: nothing is left to make, whether or not anybody said that it was
    /// made.
    #[must_use]
    pub const fn after_complete(self) -> Self {
        match self {
            Self::New | Self::Accepted | Self::Started | Self::Ready | Self::Bumped => Self::Bumped,
            Self::Cancelled => Self::Cancelled,
        }
    }

    /// Whether it is on the screen.
    #[must_use]
    pub fn is_open(self) -> bool {
        OPEN.contains(&self)
    }

    /// Whether it was begun.
    #[must_use]
    pub const fn is_started(self) -> bool {
        matches!(self, Self::Started | Self::Ready | Self::Bumped)
    }

    /// Whether it is made.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Bumped)
    }
}

impl Move {
    /// The word for people and machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Start => "start",
            Self::Ready => "ready",
            Self::Bump => "bump",
            Self::Recall => "recall",
        }
    }
}

/// A short number to call out: the last four digits of the order.
#[must_use]
pub fn call_number(order: i64) -> String {
    format!("{:04}", order.rem_euclid(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] =
        [State::New, State::Accepted, State::Started, State::Ready, State::Bumped, State::Cancelled];
    const ALL_MOVES: [Move; 5] = [Move::Accept, Move::Start, Move::Ready, Move::Bump, Move::Recall];

    /// R24: in which order a ticket may be moved, every state with every move.
    #[test]
    fn the_matrix_of_moves() {
        use State::{Accepted, Bumped, New, Ready, Started};
        let none = None;
        #[rustfmt::skip]
        let expected = [
            //          accept          start          ready        bump          recall
            /* new */   [Some(Accepted), none,          none,        none,         none],
            /* acc */   [none,           Some(Started), none,        none,         Some(New)],
            /* sta */   [none,           none,          Some(Ready), none,         Some(Accepted)],
            /* rea */   [none,           none,          none,        Some(Bumped), Some(Started)],
            /* bum */   [none,           none,          none,        none,         Some(Ready)],
            /* can */   [none,           none,          none,        none,         none],
        ];
        for (state, row) in STATES.into_iter().zip(expected) {
            assert_eq!(ALL_MOVES.map(|by| state.after(by)), row, "{state:?}");
            let allowed: Vec<Move> = ALL_MOVES.into_iter().filter(|by| state.after(*by).is_some()).collect();
            assert_eq!(state.moves().collect::<Vec<_>>(), allowed, "{state:?}");
        }
    }

    #[test]
    fn a_recall_takes_exactly_the_last_step_back() {
        for (from, by, to) in MOVES {
            match by {
                Move::Recall => assert!(to < from),
                Move::Accept | Move::Start | Move::Ready | Move::Bump => {
                    assert_eq!(to.after(Move::Recall), Some(from));
                }
            }
        }
    }

    #[test]
    fn what_has_left_the_screen_is_not_cancelled() {
        for state in STATES {
            let expected = if state == State::Bumped { State::Bumped } else { State::Cancelled };
            assert_eq!(state.after_cancel(), expected, "{state:?}");
        }
    }

    #[test]
    fn nothing_of_a_completed_order_is_on_the_screen() {
        for state in STATES {
            let expected = if state == State::Cancelled { State::Cancelled } else { State::Bumped };
            assert_eq!(state.after_complete(), expected, "{state:?}");
        }
    }

    #[test]
    fn numbers_to_call_out_have_four_digits() {
        for (order, expected) in [(1, "0001"), (10_000, "0000"), (987_654_321, "4321"), (i64::MAX, "5807")] {
            assert_eq!(call_number(order), expected);
        }
    }
}

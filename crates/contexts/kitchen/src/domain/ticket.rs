//! States and moves of a ticket, as a table.

pulse_kernel::define_id!(
    /// Identifies a ticket.
    TicketId, "tkt"
);

/// State of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The ticket is new.
    New,
    /// The station has accepted the ticket.
    Accepted,
    /// The station prepares the ticket.
    Started,
    /// All items are ready.
    Ready,
    /// The ticket left the screen.
    Bumped,
    /// The order was cancelled while the ticket was on the screen.
    Cancelled,
}

/// Move of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Accepts a new ticket.
    Accept,
    /// Starts an accepted ticket.
    Start,
    /// Marks a started ticket as ready.
    Ready,
    /// Removes a ready ticket from the screen.
    Bump,
    /// Undoes the last step.
    Recall,
}

/// All moves. A step leads to the next state and a recall undoes exactly one step, so no state is skipped.
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

/// States of tickets on the screen.
pub const OPEN: [State; 4] = [State::New, State::Accepted, State::Started, State::Ready];

/// States of tickets that are not ready.
pub const WAITING: [State; 3] = [State::New, State::Accepted, State::Started];

impl State {
    /// The state after a move; `None` when the move is not allowed.
    #[must_use]
    pub fn after(self, wanted: Move) -> Option<Self> {
        MOVES.iter().find(|(from, by, _)| *from == self && *by == wanted).map(|(_, _, to)| *to)
    }

    /// The allowed moves.
    pub fn moves(self) -> impl Iterator<Item = Move> {
        MOVES.iter().filter(move |(from, _, _)| *from == self).map(|(_, by, _)| *by)
    }

    /// The state after the cancellation of the order; a bumped ticket stays bumped.
    #[must_use]
    pub const fn after_cancel(self) -> Self {
        match self {
            Self::New | Self::Accepted | Self::Started | Self::Ready | Self::Cancelled => Self::Cancelled,
            Self::Bumped => Self::Bumped,
        }
    }

    /// The state after the completion of the order: all tickets leave the screen.
    #[must_use]
    pub const fn after_complete(self) -> Self {
        match self {
            Self::New | Self::Accepted | Self::Started | Self::Ready | Self::Bumped => Self::Bumped,
            Self::Cancelled => Self::Cancelled,
        }
    }

    /// Whether the ticket is on the screen.
    #[must_use]
    pub fn is_open(self) -> bool {
        OPEN.contains(&self)
    }

    /// Whether the ticket was started.
    #[must_use]
    pub const fn is_started(self) -> bool {
        matches!(self, Self::Started | Self::Ready | Self::Bumped)
    }

    /// Whether the ticket is ready.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Bumped)
    }
}

impl Move {
    /// Name of the move in messages and metadata.
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

/// Call number of an order: the last four digits of its ID.
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

    /// R24: every state with every move.
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
    fn a_recall_undoes_exactly_the_last_step() {
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
    fn a_bumped_ticket_is_not_cancelled() {
        for state in STATES {
            let expected = if state == State::Bumped { State::Bumped } else { State::Cancelled };
            assert_eq!(state.after_cancel(), expected, "{state:?}");
        }
    }

    #[test]
    fn a_completed_order_has_no_ticket_on_the_screen() {
        for state in STATES {
            let expected = if state == State::Cancelled { State::Cancelled } else { State::Bumped };
            assert_eq!(state.after_complete(), expected, "{state:?}");
        }
    }

    #[test]
    fn call_numbers_have_four_digits() {
        for (order, expected) in [(1, "0001"), (10_000, "0000"), (987_654_321, "4321"), (i64::MAX, "5807")] {
            assert_eq!(call_number(order), expected);
        }
    }
}

//! What a provider says is merged by what it means, not by when it arrives.
//!
//! Webhooks come late, twice and in any order. So each state has a strength, what was said can only make the state
//! stronger, and whatever the order, the strongest word stays: a merge is a maximum.

/// In which state an attempt to pay is, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptState {
    /// The provider was not asked yet, or its answer was not written down.
    Created,
    /// Waits for the customer.
    Open,
    /// The provider is at it; nothing follows from that (R10).
    Processing,
    /// Declined. The customer may try again with the same provider, so success is stronger.
    Failed,
    /// Given up or expired. A success that crossed it on the way is stronger: the money is there (R12, R13).
    Cancelled,
    /// The money is there. Nothing takes that back but a refund.
    Succeeded,
}

/// In which state a refund is, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundState {
    /// To be paid back.
    Pending,
    /// The provider has paid it back.
    Succeeded,
    /// It was not paid back, or came back: banks refuse refunds days after they were sent.
    Failed,
}

/// In which state a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntentState {
    /// Nothing was paid yet.
    Open,
    /// A provider is at it.
    Processing,
    /// It will not be paid any more.
    Cancelled,
    /// The money is there.
    Succeeded,
}

/// The state of an attempt after somebody said what it is.
#[must_use]
pub fn attempt(known: AttemptState, said: AttemptState) -> AttemptState {
    known.max(said)
}

/// The state of a refund after somebody said what it is.
#[must_use]
pub fn refund(known: RefundState, said: RefundState) -> RefundState {
    known.max(said)
}

/// The state of a payment from those of its attempts, and from whether its order was cancelled.
#[must_use]
pub fn intent(is_closed: bool, attempts: impl IntoIterator<Item = AttemptState>) -> IntentState {
    let strongest = attempts.into_iter().map(|state| match state {
        AttemptState::Succeeded => IntentState::Succeeded,
        AttemptState::Processing => IntentState::Processing,
        AttemptState::Created | AttemptState::Open | AttemptState::Failed | AttemptState::Cancelled => {
            IntentState::Open
        }
    });
    let closed = if is_closed { IntentState::Cancelled } else { IntentState::Open };
    strongest.fold(closed, IntentState::max)
}

#[cfg(test)]
mod tests {
    use super::AttemptState::{Cancelled, Created, Failed, Open, Processing, Succeeded};
    use super::*;

    /// R10, R12, R13: every state against everything that a provider may say.
    #[test]
    fn the_stronger_word_stays() {
        let said = [Open, Processing, Failed, Cancelled, Succeeded];
        for (known, after) in [
            (Created, [Open, Processing, Failed, Cancelled, Succeeded]),
            (Open, [Open, Processing, Failed, Cancelled, Succeeded]),
            (Processing, [Processing, Processing, Failed, Cancelled, Succeeded]),
            (Failed, [Failed, Failed, Failed, Cancelled, Succeeded]),
            (Cancelled, [Cancelled, Cancelled, Cancelled, Cancelled, Succeeded]),
            (Succeeded, [Succeeded; 5]),
        ] {
            for (said, after) in said.into_iter().zip(after) {
                assert_eq!(attempt(known, said), after, "{known:?} hears {said:?}");
            }
        }
    }

    #[test]
    fn a_refund_that_came_back_did_not_happen() {
        use RefundState::{Failed, Pending, Succeeded};
        for (known, said, after) in [
            (Pending, Pending, Pending),
            (Pending, Succeeded, Succeeded),
            (Pending, Failed, Failed),
            (Succeeded, Pending, Succeeded),
            (Succeeded, Failed, Failed),
            (Failed, Pending, Failed),
            (Failed, Succeeded, Failed),
        ] {
            assert_eq!(refund(known, said), after, "{known:?} hears {said:?}");
        }
    }

    #[test]
    fn a_payment_is_what_its_best_attempt_is() {
        for (is_closed, attempts, expected) in [
            (false, vec![], IntentState::Open),
            (false, vec![Failed, Open], IntentState::Open),
            (false, vec![Failed, Processing], IntentState::Processing),
            (false, vec![Cancelled, Succeeded, Open], IntentState::Succeeded),
            (true, vec![], IntentState::Cancelled),
            (true, vec![Open, Processing], IntentState::Cancelled),
            (true, vec![Succeeded], IntentState::Succeeded),
        ] {
            assert_eq!(intent(is_closed, attempts.clone()), expected, "{is_closed} {attempts:?}");
        }
    }
}

//! Reports of providers are merged by their meaning, not by their order.
//!
//! Webhooks arrive late, repeatedly and in any order. So states are ordered by strength, and a merge is a maximum: the
//! strongest reported state wins.

/// State of an attempt, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptState {
    /// The attempt is stored; the provider has not confirmed it.
    Created,
    /// The provider waits for the customer.
    Open,
    /// The provider processes the payment; this has no effect on the order (R10).
    Processing,
    /// The provider declined it. The customer may try again, so a success is stronger.
    Failed,
    /// Cancelled or expired. A success that was in flight is stronger, because the money was captured (R12, R13).
    Cancelled,
    /// The money was captured. Only a refund reverses that.
    Succeeded,
}

impl AttemptState {
    /// Name of the state in differences and in idempotency keys.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Open => "open",
            Self::Processing => "processing",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// State of a refund, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundState {
    /// The refund was requested.
    Pending,
    /// The provider paid the money back.
    Succeeded,
    /// The provider refused the refund, or the bank returned it days later.
    Failed,
}

/// State of a payment, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntentState {
    /// No attempt has succeeded.
    Open,
    /// A provider processes an attempt.
    Processing,
    /// The order was cancelled before a payment succeeded.
    Cancelled,
    /// An attempt succeeded.
    Succeeded,
}

/// State of an attempt after a report.
#[must_use]
pub fn attempt(known: AttemptState, reported: AttemptState) -> AttemptState {
    known.max(reported)
}

/// State of a refund after a report.
#[must_use]
pub fn refund(known: RefundState, reported: RefundState) -> RefundState {
    known.max(reported)
}

/// State of a payment, from the states of its attempts and whether its order was cancelled (`is_closed`).
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

    /// R10, R12, R13: every state with every report.
    #[test]
    fn the_stronger_state_wins() {
        let reports = [Open, Processing, Failed, Cancelled, Succeeded];
        for (known, after) in [
            (Created, [Open, Processing, Failed, Cancelled, Succeeded]),
            (Open, [Open, Processing, Failed, Cancelled, Succeeded]),
            (Processing, [Processing, Processing, Failed, Cancelled, Succeeded]),
            (Failed, [Failed, Failed, Failed, Cancelled, Succeeded]),
            (Cancelled, [Cancelled, Cancelled, Cancelled, Cancelled, Succeeded]),
            (Succeeded, [Succeeded; 5]),
        ] {
            for (reported, after) in reports.into_iter().zip(after) {
                assert_eq!(attempt(known, reported), after, "{known:?} and {reported:?}");
            }
        }
    }

    #[test]
    fn a_returned_refund_has_failed() {
        use RefundState::{Failed, Pending, Succeeded};
        for (known, reported, after) in [
            (Pending, Pending, Pending),
            (Pending, Succeeded, Succeeded),
            (Pending, Failed, Failed),
            (Succeeded, Pending, Succeeded),
            (Succeeded, Failed, Failed),
            (Failed, Pending, Failed),
            (Failed, Succeeded, Failed),
        ] {
            assert_eq!(refund(known, reported), after, "{known:?} and {reported:?}");
        }
    }

    #[test]
    fn a_payment_has_the_state_of_its_strongest_attempt() {
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

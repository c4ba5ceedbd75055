//! Refunds: their sum never exceeds the payment, and each one happens once.

/// State of a refund, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefundState {
    /// The refund was requested.
    Requested,
    /// The provider paid the money back.
    Done,
    /// The provider refused the refund, or the bank returned it days later.
    Failed,
}

/// Merges a reported state into the known one. The stronger state wins, so the order of the reports does not matter.
#[must_use]
pub fn merge(known: RefundState, reported: RefundState) -> RefundState {
    known.max(reported)
}

/// A refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Amount in minor units, greater than 0.
    pub amount_minor: i64,
    /// State of the refund.
    pub state: RefundState,
}

/// Payment state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// The order is not paid.
    Unpaid,
    /// The order is paid; no refund is done.
    Paid,
    /// A part of the payment was refunded.
    PartlyRefunded,
    /// The whole payment was refunded.
    Refunded,
}

/// Sum of the refunds that are requested or done, in minor units. Failed refunds do not count.
#[must_use]
pub fn refunded_minor(refunds: &[Refund]) -> i64 {
    sum(refunds, |state| state != RefundState::Failed)
}

/// Payment state of an order with a payment of `paid_minor` and these refunds.
#[must_use]
pub fn payment_state(paid_minor: i64, refunds: &[Refund]) -> PaymentState {
    match sum(refunds, |state| state == RefundState::Done) {
        0 => PaymentState::Paid,
        back if back < paid_minor => PaymentState::PartlyRefunded,
        _ => PaymentState::Refunded,
    }
}

/// Amount to refund for a request of `requested_minor`, where 0 means everything that is left.
///
/// # Errors
/// The amount that is left, if it is 0 or less than the request, or if the request is negative.
pub fn refundable(paid_minor: i64, refunds: &[Refund], requested_minor: i64) -> Result<i64, i64> {
    let left = (paid_minor - refunded_minor(refunds)).max(0);
    match requested_minor {
        _ if left == 0 => Err(0),
        0 => Ok(left),
        requested if (1..=left).contains(&requested) => Ok(requested),
        _ => Err(left),
    }
}

fn sum(refunds: &[Refund], counts: impl Fn(RefundState) -> bool) -> i64 {
    refunds.iter().filter(|refund| counts(refund.state)).map(|refund| refund.amount_minor).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `70` is requested, `70d` is done, `70f` has failed.
    fn refunds(text: &str) -> Vec<Refund> {
        let refund = |word: &str| {
            let (number, state) = match word.strip_suffix('d') {
                Some(number) => (number, RefundState::Done),
                None => match word.strip_suffix('f') {
                    Some(number) => (number, RefundState::Failed),
                    None => (word, RefundState::Requested),
                },
            };
            Refund { amount_minor: number.parse().unwrap(), state }
        };
        text.split_whitespace().map(refund).collect()
    }

    #[test]
    fn refunds_never_exceed_the_payment() {
        for (before, requested, expected) in [
            ("", 0, Ok(100)),
            ("", 100, Ok(100)),
            ("", 101, Err(100)),
            ("", -1, Err(100)),
            ("70", 0, Ok(30)),
            ("70", 31, Err(30)),
            ("70d 30", 0, Err(0)),
            ("70d 30f", 0, Ok(30)),
            ("70f 100", 1, Err(0)),
        ] {
            assert_eq!(refundable(100, &refunds(before), requested), expected, "{before:?} {requested}");
        }
    }

    #[test]
    fn the_stronger_state_wins() {
        use RefundState::{Done, Failed, Requested};
        for (known, reported, after) in [
            (Requested, Done, Done),
            (Requested, Failed, Failed),
            (Done, Requested, Done),
            (Done, Failed, Failed),
            (Failed, Done, Failed),
            (Failed, Requested, Failed),
        ] {
            assert_eq!(merge(known, reported), after, "{known:?} and {reported:?}");
        }
    }

    #[test]
    fn the_payment_state_follows_the_refunds() {
        for (refunds_text, expected, refunded) in [
            ("", PaymentState::Paid, 0),
            ("40", PaymentState::Paid, 40),
            ("40d", PaymentState::PartlyRefunded, 40),
            ("40d 60", PaymentState::PartlyRefunded, 100),
            ("40d 60d", PaymentState::Refunded, 100),
            ("40f", PaymentState::Paid, 0),
        ] {
            let refunds = refunds(refunds_text);
            assert_eq!((payment_state(100, &refunds), refunded_minor(&refunds)), (expected, refunded));
        }
    }
}

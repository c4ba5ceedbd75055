//! Money that goes back: never more than came, each refund once.

/// How far a refund has come, the weakest word first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefundState {
    /// Asked for.
    Requested,
    /// The money is back.
    Done,
    /// The provider refused it, or the money came back after it had gone: banks return refunds days later.
    Failed,
}

/// How far it has come after somebody said how far. The strongest word stays, in whatever order they are heard.
#[must_use]
pub fn merge(known: RefundState, said: RefundState) -> RefundState {
    known.max(said)
}

/// Money that goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// How much.
    pub amount_minor: i64,
    /// How far it has come.
    pub state: RefundState,
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Nothing was paid.
    Unpaid,
    /// Everything was paid.
    Paid,
    /// A part is back.
    PartlyRefunded,
    /// Everything is back.
    Refunded,
}

/// What is back or on the way back: what the provider refused is not.
#[must_use]
pub fn refunded_minor(refunds: &[Refund]) -> i64 {
    sum(refunds, |state| state != RefundState::Failed)
}

/// How far the payment of `paid_minor` has come, by what is back.
#[must_use]
pub fn payment_state(paid_minor: i64, refunds: &[Refund]) -> PaymentState {
    match sum(refunds, |state| state == RefundState::Done) {
        0 => PaymentState::Paid,
        back if back < paid_minor => PaymentState::PartlyRefunded,
        _ => PaymentState::Refunded,
    }
}

/// How much to pay back when so much is asked for, 0 meaning all that is left.
///
/// # Errors
/// What is left, when that is less than what is asked for, or nothing.
pub fn refundable(paid_minor: i64, refunds: &[Refund], asked_minor: i64) -> Result<i64, i64> {
    let left = (paid_minor - refunded_minor(refunds)).max(0);
    match asked_minor {
        _ if left == 0 => Err(0),
        0 => Ok(left),
        asked if (1..=left).contains(&asked) => Ok(asked),
        _ => Err(left),
    }
}

fn sum(refunds: &[Refund], counts: impl Fn(RefundState) -> bool) -> i64 {
    refunds.iter().filter(|refund| counts(refund.state)).map(|refund| refund.amount_minor).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `70` is asked for, `70d` is back, `70f` was refused.
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
    fn no_more_goes_back_than_came() {
        for (before, asked, expected) in [
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
            assert_eq!(refundable(100, &refunds(before), asked), expected, "{before:?} {asked}");
        }
    }

    #[test]
    fn the_stronger_word_stays() {
        use RefundState::{Done, Failed, Requested};
        for (known, said, after) in [
            (Requested, Done, Done),
            (Requested, Failed, Failed),
            (Done, Requested, Done),
            (Done, Failed, Failed),
            (Failed, Done, Failed),
            (Failed, Requested, Failed),
        ] {
            assert_eq!(merge(known, said), after, "{known:?} hears {said:?}");
        }
    }

    #[test]
    fn the_payment_follows_what_is_back() {
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

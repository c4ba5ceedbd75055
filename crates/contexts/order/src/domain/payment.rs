//! What becomes of money that comes for an order, by what the order is when it comes.

use super::machine::State;

/// What is done with money that comes after the time to pay was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatePayment {
    /// It goes back.
    #[default]
    Refund,
    /// When everything can still be had, the order is made after all; otherwise the money goes back.
    ReserveAgain,
}

/// What an order is when money comes for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// In which state.
    pub state: State,
    /// What it costs.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Whether it was paid before.
    pub is_paid: bool,
    /// Whether it is to be paid in cash.
    pub is_cash: bool,
    /// Whether it was cancelled because nobody paid, is for goods, and used no coupons: those may be another order's by now.
    pub can_revive: bool,
    /// The attempts whose money was taken in or sent back already.
    pub attempts: Vec<i64>,
}

/// Money that comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// The attempt that succeeded.
    pub attempt_id: i64,
    /// How much.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Whether the payment knows already that it is too much.
    pub is_surplus: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It was decided before.
    Ignore,
    /// The money goes back, and this is why.
    Return(Why),
    /// Everything that the order needs is taken for good; when that works, it is paid.
    Secure,
    /// Everything that the order needs is reserved once more; when that works, it is made after all.
    Revive,
    /// Cash has arrived; nothing else changes.
    Note,
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The order had been paid.
    Surplus,
    /// It is another amount than the order costs.
    Mismatch,
    /// The order is cancelled.
    Late,
    /// The order is not placed yet.
    Early,
}

impl Why {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Surplus => "the order had been paid before",
            Self::Mismatch => "the amount is not what the order costs",
            Self::Late => "the order was cancelled before",
            Self::Early => "the order was not placed yet",
        }
    }
}

/// Decides what becomes of the money.
#[must_use]
pub fn plan(owed: &Owed, money: &Money, late: LatePayment) -> Plan {
    if owed.attempts.contains(&money.attempt_id) {
        return Plan::Ignore;
    }
    if money.is_surplus || owed.is_paid {
        return Plan::Return(Why::Surplus);
    }
    if (money.amount_minor, money.currency.as_str()) != (owed.total_minor, owed.currency.as_str()) {
        return Plan::Return(Why::Mismatch);
    }
    match owed.state {
        State::Placing => Plan::Return(Why::Early),
        State::AwaitingPayment => Plan::Secure,
        State::Cancelled if late == LatePayment::ReserveAgain && owed.can_revive => Plan::Revive,
        State::Cancelled => Plan::Return(Why::Late),
        State::Confirmed | State::Preparing | State::Ready | State::Delivering | State::Completed if owed.is_cash => {
            Plan::Note
        }
        // Not paid, not cash, and yet on its way: only what costs nothing is, and that owes nothing.
        State::Confirmed | State::Preparing | State::Ready | State::Delivering | State::Completed => {
            Plan::Return(Why::Surplus)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(state: State) -> Owed {
        Owed {
            state,
            total_minor: 100,
            currency: "CNY".to_owned(),
            is_paid: false,
            is_cash: false,
            can_revive: true,
            attempts: vec![7],
        }
    }

    fn money() -> Money {
        Money { attempt_id: 8, amount_minor: 100, currency: "CNY".to_owned(), is_surplus: false }
    }

    /// R12: money is accepted once, for what it is for, and otherwise goes back.
    #[test]
    fn money_is_accepted_or_goes_back() {
        let (waiting, cancelled) = (owed(State::AwaitingPayment), owed(State::Cancelled));
        let cash = Owed { is_cash: true, ..owed(State::Ready) };
        let refund = LatePayment::Refund;
        for (owed, money, late, expected) in [
            (owed(State::Placing), money(), refund, Plan::Return(Why::Early)),
            (waiting.clone(), money(), refund, Plan::Secure),
            (waiting.clone(), Money { attempt_id: 7, ..money() }, refund, Plan::Ignore),
            (waiting.clone(), Money { is_surplus: true, ..money() }, refund, Plan::Return(Why::Surplus)),
            (waiting.clone(), Money { amount_minor: 99, ..money() }, refund, Plan::Return(Why::Mismatch)),
            (waiting, Money { currency: "USD".to_owned(), ..money() }, refund, Plan::Return(Why::Mismatch)),
            (cancelled.clone(), money(), refund, Plan::Return(Why::Late)),
            (cancelled.clone(), money(), LatePayment::ReserveAgain, Plan::Revive),
            (Owed { can_revive: false, ..cancelled }, money(), LatePayment::ReserveAgain, Plan::Return(Why::Late)),
            (Owed { is_paid: true, ..owed(State::Confirmed) }, money(), refund, Plan::Return(Why::Surplus)),
            (owed(State::Confirmed), money(), refund, Plan::Return(Why::Surplus)),
            (cash.clone(), money(), refund, Plan::Note),
            (Owed { is_paid: true, ..cash }, money(), refund, Plan::Return(Why::Surplus)),
        ] {
            assert_eq!(plan(&owed, &money, late), expected, "{owed:?} {money:?}");
        }
    }
}

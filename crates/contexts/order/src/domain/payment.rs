//! Decision about money that arrives for an order, by the state of the order at that time.

use super::ids::AttemptId;
use super::machine::State;

/// Treatment of money that arrives after the payment time of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatePayment {
    /// The money is refunded.
    #[default]
    Refund,
    /// The order is revived if everything is still available; otherwise the money is refunded.
    ReserveAgain,
}

/// An order for which money arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayableOrder {
    /// State of the order.
    pub state: State,
    /// Total price in minor units.
    pub total_minor: i64,
    /// ISO 4217 code of the currency.
    pub currency: String,
    /// Whether the order is already paid.
    pub is_paid: bool,
    /// Whether the customer pays in cash.
    pub is_cash: bool,
    /// Whether a late payment may revive the order: it was cancelled for lack of payment, contains goods and uses no
    /// coupons, which another order may have used since.
    pub can_revive: bool,
    /// Attempts whose money was accepted or rejected before.
    pub attempts: Vec<AttemptId>,
}

/// Money that arrives for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingPayment {
    /// Attempt that succeeded.
    pub attempt: AttemptId,
    /// Amount in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code of the currency.
    pub currency: String,
    /// Whether an earlier attempt of the same payment already succeeded.
    pub is_surplus: bool,
}

/// Treatment of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The attempt was handled before; nothing changes.
    Ignore,
    /// The money is refunded.
    Reject(RejectReason),
    /// The reservations are confirmed; if that succeeds, the order is paid, otherwise cancelled.
    Confirm,
    /// Everything is reserved once more; if that succeeds, the order is revived, otherwise the money is refunded.
    Revive,
    /// Cash was received; the payment is recorded.
    RecordCash,
}

/// Reason for which money is refunded instead of accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// The order is already paid.
    Surplus,
    /// Amount or currency differ from the total of the order.
    AmountMismatch,
    /// The order is cancelled.
    TooLate,
    /// The order is not placed yet.
    TooEarly,
}

impl RejectReason {
    /// Text for the customer and the shop.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Surplus => "the order was already paid",
            Self::AmountMismatch => "the amount differs from the total of the order",
            Self::TooLate => "the order was cancelled before the payment arrived",
            Self::TooEarly => "the order was not placed yet",
        }
    }
}

/// Decides about the money.
#[must_use]
pub fn decide(order: &PayableOrder, payment: &IncomingPayment, late: LatePayment) -> Decision {
    if order.attempts.contains(&payment.attempt) {
        return Decision::Ignore;
    }
    if payment.is_surplus || order.is_paid {
        return Decision::Reject(RejectReason::Surplus);
    }
    if (payment.amount_minor, payment.currency.as_str()) != (order.total_minor, order.currency.as_str()) {
        return Decision::Reject(RejectReason::AmountMismatch);
    }
    match order.state {
        State::Placing => Decision::Reject(RejectReason::TooEarly),
        State::AwaitingPayment => Decision::Confirm,
        State::Cancelled if late == LatePayment::ReserveAgain && order.can_revive => Decision::Revive,
        State::Cancelled => Decision::Reject(RejectReason::TooLate),
        State::Confirmed | State::Preparing | State::Ready | State::Delivering | State::Completed if order.is_cash => {
            Decision::RecordCash
        }
        // A confirmed order that is neither paid nor cash costs nothing.
        State::Confirmed | State::Preparing | State::Ready | State::Delivering | State::Completed => {
            Decision::Reject(RejectReason::Surplus)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(state: State) -> PayableOrder {
        PayableOrder {
            state,
            total_minor: 100,
            currency: "CNY".to_owned(),
            is_paid: false,
            is_cash: false,
            can_revive: true,
            attempts: vec![AttemptId::new(7)],
        }
    }

    fn payment() -> IncomingPayment {
        let attempt = AttemptId::new(8);
        IncomingPayment { attempt, amount_minor: 100, currency: "CNY".to_owned(), is_surplus: false }
    }

    /// R12: money is accepted once, for the exact total, and otherwise refunded.
    #[test]
    fn money_is_accepted_or_refunded() {
        let (waiting, cancelled) = (order(State::AwaitingPayment), order(State::Cancelled));
        let cash = PayableOrder { is_cash: true, ..order(State::Ready) };
        let refund = LatePayment::Refund;
        let reject = Decision::Reject;
        let handled = IncomingPayment { attempt: AttemptId::new(7), ..payment() };
        let dollars = IncomingPayment { currency: "USD".to_owned(), ..payment() };
        for (order, payment, late, expected) in [
            (order(State::Placing), payment(), refund, reject(RejectReason::TooEarly)),
            (waiting.clone(), payment(), refund, Decision::Confirm),
            (waiting.clone(), handled, refund, Decision::Ignore),
            (waiting.clone(), IncomingPayment { is_surplus: true, ..payment() }, refund, reject(RejectReason::Surplus)),
            (
                waiting.clone(),
                IncomingPayment { amount_minor: 99, ..payment() },
                refund,
                reject(RejectReason::AmountMismatch),
            ),
            (waiting, dollars, refund, reject(RejectReason::AmountMismatch)),
            (cancelled.clone(), payment(), refund, reject(RejectReason::TooLate)),
            (cancelled.clone(), payment(), LatePayment::ReserveAgain, Decision::Revive),
            (
                PayableOrder { can_revive: false, ..cancelled },
                payment(),
                LatePayment::ReserveAgain,
                reject(RejectReason::TooLate),
            ),
            (
                PayableOrder { is_paid: true, ..order(State::Confirmed) },
                payment(),
                refund,
                reject(RejectReason::Surplus),
            ),
            (order(State::Confirmed), payment(), refund, reject(RejectReason::Surplus)),
            (cash.clone(), payment(), refund, Decision::RecordCash),
            (PayableOrder { is_paid: true, ..cash }, payment(), refund, reject(RejectReason::Surplus)),
        ] {
            assert_eq!(decide(&order, &payment, late), expected, "{order:?} {payment:?}");
        }
    }
}

//! What the wire sees of a payment.

use pulse_contract::payment::v1 as wire;

use super::conclude::wire as money;
use crate::domain::merge::AttemptState;
use crate::domain::payment::{Attempt, Payment, Refund};
use crate::store::payments::{number_of_attempt, number_of_intent, number_of_refund};

/// A payment as its customer and operators see it; what client libraries need is not in it.
pub(super) fn payment(payment: &Payment) -> wire::Payment {
    wire::Payment {
        payment_id: payment.intent.id.get(),
        order_id: payment.intent.order.get(),
        state: number_of_intent(payment.intent.state),
        amount: Some(money(payment.intent.amount)),
        attempts: payment.attempts.iter().map(attempt).collect(),
        refunds: payment.refunds.iter().map(refund).collect(),
        version: payment.intent.version,
    }
}

fn attempt(attempt: &Attempt) -> wire::PaymentAttempt {
    let is_declined = attempt.state == AttemptState::Failed;
    wire::PaymentAttempt {
        attempt_id: attempt.id.get(),
        provider: attempt.provider.clone(),
        state: number_of_attempt(attempt.state),
        provider_reference: attempt.reference.clone().unwrap_or_default(),
        pay_url: attempt.pay_url.clone(),
        client_secret: String::new(),
        failure: if is_declined { attempt.failure_text().to_owned() } else { String::new() },
        started_at: Some(attempt.started_at.into()),
    }
}

fn refund(refund: &Refund) -> wire::Refund {
    wire::Refund {
        refund_id: refund.id.get(),
        amount: Some(money(refund.amount)),
        state: number_of_refund(refund.state),
        reason: refund.reason.clone(),
        provider_reference: refund.reference.clone().unwrap_or_default(),
    }
}

//! Conversions of payments into messages of the contract.

use pulse_contract::payment::v1 as wire;

use super::apply_provider_facts::wire as money;
use crate::domain::merge::AttemptState;
use crate::domain::payment::{Attempt, CANCEL_TRIES_MAX, Payment, Refund};
use crate::page_base::PageBase;

/// A payment for its customer and for operators, without secrets for client libraries.
pub(super) fn payment(payment: &Payment, page_base: &PageBase) -> wire::Payment {
    wire::Payment {
        payment_id: payment.intent.id.get(),
        order_id: payment.intent.order.get(),
        state: payment.intent.state.into(),
        amount: Some(money(payment.intent.amount)),
        attempts: payment.attempts.iter().map(|known| attempt(known, page_base)).collect(),
        refunds: payment.refunds.iter().map(refund).collect(),
        version: payment.intent.version,
    }
}

fn attempt(attempt: &Attempt, page_base: &PageBase) -> wire::PaymentAttempt {
    let is_declined = attempt.state == AttemptState::Failed;
    wire::PaymentAttempt {
        attempt_id: attempt.id.get(),
        provider: attempt.provider.clone(),
        state: attempt.state.into(),
        provider_reference: attempt.reference.clone().unwrap_or_default(),
        pay_url: page_base.absolute(&attempt.pay_url),
        client_secret: String::new(),
        failure: if is_declined { attempt.failure_text().to_owned() } else { String::new() },
        started_at: Some(attempt.started_at.into()),
        received: attempt.received.map(money),
        is_cancel_abandoned: attempt.cancel_tries >= CANCEL_TRIES_MAX,
    }
}

fn refund(refund: &Refund) -> wire::Refund {
    wire::Refund {
        refund_id: refund.id.get(),
        amount: Some(money(refund.amount)),
        state: refund.state.into(),
        reason: refund.reason.clone(),
        provider_reference: refund.reference.clone().unwrap_or_default(),
    }
}

//! Metrics of payments.

use metrics::{Counter, counter, describe_counter};

use crate::domain::payment::RefundCause;

/// Registers the HELP texts.
pub(crate) fn describe() {
    describe_counter!("pulse_payment_captured_total", "Captured payments, including cash and surplus payments.");
    describe_counter!("pulse_payment_refunds_succeeded_total", "Refunds that succeeded, by reason.");
    describe_counter!(
        "pulse_payment_refunds_failed_total",
        "Refunds that the provider refused or (returned) the bank returned after a success."
    );
    describe_counter!(
        "pulse_payment_refunds_delayed_total",
        "Refunds that the provider has not answered for an hour or longer, counted again every hour."
    );
    describe_counter!(
        "pulse_payment_amount_mismatches_total",
        "Captured payments of another amount than requested; they are refunded."
    );
    describe_counter!(
        "pulse_payment_cancels_abandoned_total",
        "Obsolete attempts that the provider did not cancel within the maximum number of requests."
    );
    describe_counter!("pulse_payment_disputes_changed_total", "Disputes that were opened or changed.");
    describe_counter!(
        "pulse_payment_reconciliations_failed_total",
        "Reconciliation steps that failed because the provider did not answer, by provider."
    );
    describe_counter!(
        "pulse_payment_attempts_compared_total",
        "Payment attempts that scheduled reconciliation compared with the provider, by provider."
    );
    describe_counter!(
        "pulse_payment_differences_repaired_total",
        "Differences that scheduled reconciliation found and repaired, by provider."
    );
    describe_counter!(
        "pulse_payment_differences_open_total",
        "Differences that scheduled reconciliation found and could not repair, by provider."
    );
}

/// A captured payment.
pub(crate) fn captured() -> Counter {
    counter!("pulse_payment_captured_total")
}

/// A refund that succeeded.
pub(crate) fn refund_succeeded(cause: RefundCause) -> Counter {
    counter!("pulse_payment_refunds_succeeded_total", "reason" => cause.word())
}

/// A refund that failed.
pub(crate) fn refund_failed(is_returned: bool) -> Counter {
    counter!("pulse_payment_refunds_failed_total", "returned" => if is_returned { "true" } else { "false" })
}

/// A refund that the provider has not answered for a long time.
pub(crate) fn refund_delayed() {
    counter!("pulse_payment_refunds_delayed_total").increment(1);
}

/// A captured payment of another amount than requested.
pub(crate) fn amount_mismatched() -> Counter {
    counter!("pulse_payment_amount_mismatches_total")
}

/// An obsolete attempt that could not be cancelled.
pub(crate) fn cancel_abandoned() -> Counter {
    counter!("pulse_payment_cancels_abandoned_total")
}

/// A dispute that was opened or changed.
pub(crate) fn dispute_changed() -> Counter {
    counter!("pulse_payment_disputes_changed_total")
}

/// Results of one step of scheduled reconciliation with a provider.
pub(crate) fn reconciled(provider: &'static str, compared: u64, repaired: u64, open: u64) {
    counter!("pulse_payment_attempts_compared_total", "provider" => provider).increment(compared);
    counter!("pulse_payment_differences_repaired_total", "provider" => provider).increment(repaired);
    counter!("pulse_payment_differences_open_total", "provider" => provider).increment(open);
}

/// A step of scheduled reconciliation that the provider did not answer.
pub(crate) fn reconciliation_failed(provider: &'static str) {
    counter!("pulse_payment_reconciliations_failed_total", "provider" => provider).increment(1);
}

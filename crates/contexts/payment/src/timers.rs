//! Kinds of the timers of payments.

use pulse_kernel::Error;
use pulse_store::StoreError;

/// Requests a refund at its provider. Key: refund ID.
pub(crate) const EXECUTE_REFUND: &str = "payment.execute_refund";
/// Cancels obsolete attempts at their providers. Key: payment ID.
pub(crate) const CANCEL_ATTEMPTS: &str = "payment.cancel_attempts";
/// Runs the next step of the reconciliation. There is one, with key 0.
pub(crate) const RECONCILE: &str = "payment.reconcile";
/// Delivers a webhook of the sandbox. Key: delivery ID.
pub(crate) const DELIVER_WEBHOOK: &str = "payment.sandbox_deliver";
/// Completes a delayed payment of the sandbox. Key: attempt ID.
pub(crate) const COMPLETE_PAYMENT: &str = "payment.sandbox_complete";

/// Result of the commit of a timer. A timer that another node has handled is done.
pub(crate) fn done_once(outcome: Result<(), StoreError>) -> Result<(), Error> {
    match outcome {
        Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

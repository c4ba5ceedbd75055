//! Facts: reports of providers about attempts and refunds.

use pulse_kernel::Money;

use super::dispute::DisputeFact;
use super::{AttemptId, Failure, RefundId};

/// Status of an attempt, as a provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptStatus {
    /// The provider waits for the customer.
    Waiting,
    /// The provider processes the payment.
    Processing,
    /// The provider captured this amount.
    Succeeded(Money),
    /// The provider declined the attempt.
    Declined(Failure),
    /// The attempt was cancelled or has expired.
    Cancelled,
}

/// Status of a refund, as a provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// The provider processes the refund.
    Pending,
    /// The provider paid the money back.
    Succeeded,
    /// The provider refused the refund or the bank returned it, for this reason.
    Failed(String),
}

/// A report of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// About an attempt.
    Attempt(AttemptFact),
    /// About a refund.
    Refund(RefundFact),
    /// About a dispute.
    Dispute(DisputeFact),
}

/// A report about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFact {
    /// ID of the attempt at the provider.
    pub reference: String,
    /// Our ID of the attempt, if the provider returns it.
    pub attempt: Option<AttemptId>,
    /// Reported status.
    pub status: AttemptStatus,
}

/// A report about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundFact {
    /// ID of the refund at the provider.
    pub reference: String,
    /// Our ID of the refund, if the provider returns it.
    pub refund: Option<RefundId>,
    /// ID of the attempt at the provider.
    pub attempt_reference: String,
    /// Refunded amount.
    pub amount: Money,
    /// Reported status.
    pub status: RefundStatus,
    /// ID for a refund that was made on the pages of the provider, if this fact is the first report of it.
    pub fresh_id: RefundId,
}

/// Contradiction between a fact and the payment. The payment is not changed; a person must check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The attempt does not belong to this payment.
    UnknownAttempt,
    /// The amount differs from the requested one.
    Amount {
        /// Amount that was requested.
        ours: Money,
        /// Amount that the provider reports.
        theirs: Money,
    },
    /// The payment has the maximum number of refunds.
    TooManyRefunds,
    /// The payment has the maximum number of disputes.
    TooManyDisputes,
}

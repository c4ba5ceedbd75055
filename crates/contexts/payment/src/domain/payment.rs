//! A payment with its attempts and refunds: merging reports of providers, and the effects that follow.
//!
//! First every fact is merged into the states ([`Payment::merge_fact`]), then everything that the states require and that
//! was not done before becomes an effect ([`Payment::take_effects`]). So the order and repetition of facts do not matter.

mod dispute;
mod facts;

use std::time::Duration;

use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Money, Timestamp};

use super::ledger::CASH;
use super::merge::{self, AttemptState, IntentState, RefundState};

pub use dispute::{Dispute, DisputeFact, DisputeId, DisputeMerge, DisputeStatus};
pub use facts::{AttemptFact, AttemptStatus, Fact, Mismatch, RefundFact, RefundStatus};

pulse_kernel::define_id!(
    /// Identifies the payment of one order.
    PaymentId, "pay"
);
pulse_kernel::define_id!(
    /// Identifies an attempt to pay.
    AttemptId, "att"
);
pulse_kernel::define_id!(
    /// Identifies a refund.
    RefundId, "ref"
);

/// Maximum number of attempts of a payment.
pub const ATTEMPTS_MAX: usize = 20;
/// Maximum number of refunds of a payment.
pub const REFUNDS_MAX: usize = 200;
/// Maximum number of disputes of a payment.
pub const DISPUTES_MAX: usize = 50;
/// Maximum number of requests to cancel an attempt in one state, within about a day. Then an operator must act.
pub const CANCEL_TRIES_MAX: u32 = 36;
/// Pause after the first request to cancel that did not end an attempt; it doubles with each further one.
const CANCEL_PAUSE: Duration = Duration::from_secs(1);
/// Maximum pause between two requests to cancel an attempt.
const CANCEL_PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Maximum length of the reason of a failure, in characters.
pub const FAILURE_CHARS_MAX: usize = 200;

/// The payment of an order, with its attempts and refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The amount to pay and its state.
    pub intent: Intent,
    /// Attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
}

/// The amount that an order requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// ID of the payment.
    pub id: PaymentId,
    /// Order to pay.
    pub order: OrderId,
    /// Shop of the order; 0 for the platform.
    pub shop: ShopId,
    /// Customer of the order.
    pub customer: AccountId,
    /// Amount to pay.
    pub amount: Money,
    /// State of the payment.
    pub state: IntentState,
    /// Whether the order was cancelled.
    pub is_closed: bool,
    /// Attempt that paid the order: the first one whose success was reported.
    pub paid_attempt: Option<AttemptId>,
    /// Time at which the payment was created.
    pub created_at: Timestamp,
    /// Version of the payment; increases by 1 with each change.
    pub version: i64,
}

/// An attempt to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// ID of the attempt. The provider recognizes a repeated request by it.
    pub id: AttemptId,
    /// Name of the provider.
    pub provider: String,
    /// ID of the attempt at the provider. `None` until the provider has confirmed it.
    pub reference: Option<String>,
    /// State of the attempt.
    pub state: AttemptState,
    /// URL of the payment page; empty if the client pays with a secret.
    pub pay_url: String,
    /// URL to which the payment page links back; empty for none.
    pub return_url: String,
    /// Latest failure of the attempt.
    pub failure: Option<Failure>,
    /// Amount that the provider captured. `None` until it reports one; then it does not change.
    pub received: Option<Money>,
    /// Number of requests to cancel the attempt that did not end it.
    pub cancel_tries: u32,
    /// Whether the money is in the ledger.
    pub is_booked: bool,
    /// Time at which the attempt was created.
    pub started_at: Timestamp,
}

/// Failure of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Time of the failure, as the provider reports it. The latest failure is shown, in whatever order they arrive.
    pub at: Timestamp,
    /// Reason in the words of the provider.
    pub text: String,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// ID of the refund. The provider recognizes a repeated request by it.
    pub id: RefundId,
    /// Attempt whose money is refunded. `None` if no attempt has enough money.
    pub attempt: Option<AttemptId>,
    /// Refunded amount.
    pub amount: Money,
    /// State of the refund.
    pub state: RefundState,
    /// Cause of the refund.
    pub cause: RefundCause,
    /// Reason in words; empty for none.
    pub reason: String,
    /// ID of the refund at the provider. `None` until the provider has confirmed it.
    pub reference: Option<String>,
    /// Reason of a failure; empty for none.
    pub failure: String,
    /// Whether the refund is in the ledger.
    pub is_booked: bool,
    /// Whether the failure was published.
    pub is_failure_published: bool,
    /// Time at which the refund was requested.
    pub created_at: Timestamp,
}

/// Cause of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefundCause {
    /// The request named no cause.
    Unspecified,
    /// The paid order was cancelled.
    Cancelled,
    /// Staff of the shop or an operator refunded the order.
    ByStaff,
    /// An earlier payment had already paid the order.
    Surplus,
    /// The paid amount differs from the total of the order.
    AmountMismatch,
    /// The payment arrived after the order was cancelled.
    TooLate,
    /// The payment arrived before the order was placed.
    TooEarly,
    /// The payment names an order that does not exist.
    OrderUnknown,
    /// The refund was made on the pages of the provider.
    AtProvider,
}

impl RefundCause {
    /// Name of the cause in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Cancelled => "cancelled",
            Self::ByStaff => "by_staff",
            Self::Surplus => "surplus",
            Self::AmountMismatch => "amount_mismatch",
            Self::TooLate => "too_late",
            Self::TooEarly => "too_early",
            Self::OrderUnknown => "order_unknown",
            Self::AtProvider => "at_provider",
        }
    }
}

/// Request for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// ID of the refund. A repeated ID is the same refund. If it is the ID of an attempt, that attempt is refunded.
    pub id: RefundId,
    /// Amount to refund.
    pub amount: Money,
    /// Cause of the refund.
    pub cause: RefundCause,
    /// Reason in words, at most [`FAILURE_CHARS_MAX`] characters.
    pub reason: String,
    /// Whether the order rejected the payment: then an attempt that did not pay the order is refunded first.
    pub is_rejected_payment: bool,
}

/// An effect of a changed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Money was captured.
    Captured {
        /// Attempt that succeeded.
        attempt: AttemptId,
        /// Name of the provider.
        provider: String,
        /// Captured amount.
        amount: Money,
        /// Whether an earlier attempt had already paid the order.
        is_surplus: bool,
    },
    /// The provider captured another amount than requested. It pays nothing; it is refunded.
    Misdirected {
        /// Attempt that succeeded.
        attempt: AttemptId,
        /// Name of the provider.
        provider: String,
        /// Captured amount.
        amount: Money,
    },
    /// An attempt was declined.
    Declined {
        /// Declined attempt.
        attempt: AttemptId,
        /// Reason in the words of the provider.
        failure: String,
    },
    /// A refund succeeded.
    Refunded {
        /// Refund that succeeded.
        refund: RefundId,
        /// Name of the provider.
        provider: String,
        /// Refunded amount.
        amount: Money,
        /// Cause of the refund.
        cause: RefundCause,
        /// Whether the money was captured with another amount than requested.
        is_misdirected: bool,
    },
    /// A booked refund was returned by the bank.
    RefundReturned {
        /// Refund that was returned.
        refund: RefundId,
        /// Name of the provider.
        provider: String,
        /// Returned amount.
        amount: Money,
        /// Whether the money was captured with another amount than requested.
        is_misdirected: bool,
    },
    /// A refund failed.
    RefundFailed {
        /// Refund that failed.
        refund: RefundId,
        /// Reason of the failure.
        failure: String,
        /// Whether the refund had succeeded before, and the bank returned it.
        is_returned: bool,
        /// Whether the money was captured with another amount than requested.
        is_misdirected: bool,
    },
    /// The provider withdrew or reinstated a disputed amount.
    DisputeBooked {
        /// The dispute.
        dispute: DisputeId,
        /// Name of the provider.
        provider: String,
        /// Disputed amount.
        amount: Money,
        /// Whether the amount was reinstated; otherwise it was withdrawn.
        is_reinstated: bool,
        /// Whether the money was captured with another amount than requested.
        is_misdirected: bool,
    },
    /// A dispute was opened or changed.
    DisputeChanged {
        /// The dispute.
        dispute: DisputeId,
    },
}

impl Payment {
    /// A payment without attempts.
    #[must_use]
    pub fn opened(intent: Intent) -> Self {
        Self { intent, attempts: Vec::new(), refunds: Vec::new(), disputes: Vec::new() }
    }

    /// The latest attempt with this provider that has no result yet.
    #[must_use]
    pub fn unfinished(&self, provider: &str) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| {
            attempt.provider == provider
                && matches!(attempt.state, AttemptState::Created | AttemptState::Open | AttemptState::Processing)
        })
    }

    /// Attempts that may still capture money although the order is paid or cancelled.
    pub fn obsolete_attempts(&self) -> impl Iterator<Item = &Attempt> {
        let is_final = matches!(self.intent.state, IntentState::Succeeded | IntentState::Cancelled);
        self.attempts.iter().filter(move |attempt| {
            is_final && !matches!(attempt.state, AttemptState::Succeeded | AttemptState::Cancelled)
        })
    }

    /// Counts one cancel request for each of these attempts that is still open in the same state afterwards.
    pub fn count_cancel_tries(&mut self, before: &Self, requested: &[AttemptId]) {
        let obsolete: Vec<AttemptId> = self.obsolete_attempts().map(|attempt| attempt.id).collect();
        for attempt in &mut self.attempts {
            let was = before.attempt(attempt.id).map(|known| known.state);
            if requested.contains(&attempt.id) && obsolete.contains(&attempt.id) && was == Some(attempt.state) {
                attempt.cancel_tries = attempt.cancel_tries.saturating_add(1);
            }
        }
    }

    /// Pause before the next request to cancel obsolete attempts, after the change from `before`. `None` if no request
    /// follows from the change.
    #[must_use]
    pub fn cancel_pause(&self, before: &Self) -> Option<Duration> {
        let pauses = self.obsolete_attempts().filter(|attempt| attempt.is_cancellable()).filter_map(|attempt| {
            let was = before.obsolete_attempts().find(|known| known.id == attempt.id);
            match was {
                Some(was) if was.state == attempt.state && was.reference == attempt.reference => {
                    (was.cancel_tries != attempt.cancel_tries).then(|| attempt.cancel_pause())
                }
                Some(_) | None => Some(Duration::ZERO),
            }
        });
        pauses.min()
    }

    /// An attempt by its ID.
    #[must_use]
    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id)
    }

    /// A refund by its ID.
    #[must_use]
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// Closes the payment of a cancelled order. Captured money stays captured until the order requests a refund.
    pub fn close(&mut self) {
        self.intent.is_closed = true;
        self.update_state();
    }

    /// Money of another amount than requested does not pay the order.
    fn update_state(&mut self) {
        let required = self.intent.amount;
        let states = self
            .attempts
            .iter()
            .map(|attempt| if attempt.is_misdirected(required) { AttemptState::Cancelled } else { attempt.state });
        self.intent.state = merge::intent(self.intent.is_closed, states);
    }

    /// Requests the refund of money that was captured with another amount than requested, once per attempt: the refund has
    /// the ID of its attempt.
    pub fn refund_misdirected(&mut self, now: Timestamp) {
        let required = self.intent.amount;
        let misdirected = self.attempts.iter().filter(|attempt| attempt.is_misdirected(required));
        let requests: Vec<RefundRequest> = misdirected
            .filter_map(|attempt| {
                Some(RefundRequest {
                    id: RefundId::new(attempt.id.get()),
                    amount: attempt.received?,
                    cause: RefundCause::AmountMismatch,
                    reason: format!("the order requires {required}"),
                    is_rejected_payment: true,
                })
            })
            .collect();
        for request in requests {
            self.request_refund(request, now);
        }
    }

    /// Merges a report of a provider.
    ///
    /// # Errors
    /// The contradiction; the payment is not changed then.
    pub fn merge_fact(&mut self, provider: &str, fact: &Fact) -> Result<(), Mismatch> {
        match fact {
            Fact::Attempt(fact) => self.merge_attempt(provider, fact)?,
            Fact::Refund(fact) => self.merge_refund(provider, fact)?,
            Fact::Dispute(fact) => self.merge_dispute(provider, fact)?,
        }
        self.update_state();
        Ok(())
    }

    fn merge_attempt(&mut self, provider: &str, fact: &AttemptFact) -> Result<(), Mismatch> {
        let amount = self.intent.amount;
        let mut attempts = self.attempts.iter_mut();
        let attempt = attempts.find(|attempt| attempt.is_named(provider, fact)).ok_or(Mismatch::UnknownAttempt)?;
        let before = attempt.state;
        let state = match &fact.status {
            AttemptStatus::Waiting => AttemptState::Open,
            AttemptStatus::Processing => AttemptState::Processing,
            AttemptStatus::Cancelled => AttemptState::Cancelled,
            // What was booked cannot change, and nothing cannot be booked.
            AttemptStatus::Succeeded(theirs)
                if theirs.minor <= 0 || attempt.received.is_some_and(|ours| ours != *theirs) =>
            {
                return Err(Mismatch::Amount { ours: attempt.received.unwrap_or(amount), theirs: *theirs });
            }
            AttemptStatus::Succeeded(theirs) => {
                attempt.received = Some(*theirs);
                AttemptState::Succeeded
            }
            AttemptStatus::Declined(failure) => {
                attempt.decline(failure.clone());
                AttemptState::Failed
            }
        };
        attempt.reference.get_or_insert_with(|| fact.reference.clone());
        attempt.state = merge::attempt(before, state);
        if attempt.state != before {
            // In the new state, the provider may accept a cancel request that it refused before.
            attempt.cancel_tries = 0;
        }
        Ok(())
    }

    fn merge_refund(&mut self, provider: &str, fact: &RefundFact) -> Result<(), Mismatch> {
        let source = self.attempts.iter().find(|attempt| {
            attempt.provider == provider && attempt.reference.as_deref() == Some(fact.attempt_reference.as_str())
        });
        let source = source.map(|attempt| attempt.id).ok_or(Mismatch::UnknownAttempt)?;
        let known = self.refunds.iter().position(|refund| {
            refund.attempt == Some(source)
                && match &refund.reference {
                    Some(reference) => *reference == fact.reference,
                    None => fact.refund == Some(refund.id),
                }
        });
        let index = match known {
            Some(index) => index,
            None if self.refunds.len() >= REFUNDS_MAX => return Err(Mismatch::TooManyRefunds),
            None => {
                self.refunds.push(Refund::made_at_provider(source, fact));
                self.refunds.len() - 1
            }
        };
        let Some(refund) = self.refunds.get_mut(index) else { return Err(Mismatch::UnknownAttempt) };
        if refund.amount != fact.amount {
            return Err(Mismatch::Amount { ours: refund.amount, theirs: fact.amount });
        }
        refund.reference.get_or_insert_with(|| fact.reference.clone());
        let state = match &fact.status {
            RefundStatus::Pending => RefundState::Pending,
            RefundStatus::Succeeded => RefundState::Succeeded,
            RefundStatus::Failed(failure) => {
                refund.fail(failure);
                RefundState::Failed
            }
        };
        refund.state = merge::refund(refund.state, state);
        Ok(())
    }

    /// Adds a refund, unless it was added before. Cash is refunded by hand, so such a refund succeeds at once. A refund
    /// without an attempt that has enough money fails at once.
    pub fn request_refund(&mut self, request: RefundRequest, now: Timestamp) {
        if self.refund(request.id).is_some() {
            return;
        }
        let has_room = self.refunds.len() < REFUNDS_MAX;
        let source = self.source_of_refund(&request).filter(|_| has_room);
        let is_cash = source.is_some_and(|attempt| attempt.provider == CASH);
        let (state, failure) = match source {
            Some(_) if is_cash => (RefundState::Succeeded, ""),
            Some(_) => (RefundState::Pending, ""),
            None => (RefundState::Failed, "the amount exceeds what is not refunded yet"),
        };
        let refund = Refund {
            id: request.id,
            attempt: source.map(|attempt| attempt.id),
            amount: request.amount,
            state,
            cause: request.cause,
            reason: request.reason,
            reference: None,
            failure: failure.to_owned(),
            is_booked: false,
            is_failure_published: false,
            created_at: now,
        };
        self.refunds.push(refund);
    }

    /// Records that the provider refused a refund.
    pub fn fail_refund(&mut self, id: RefundId, failure: &str) {
        if let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.fail(failure);
        }
    }

    /// The attempt whose money is refunded. The refund of a rejected payment has the ID of its attempt.
    fn source_of_refund(&self, request: &RefundRequest) -> Option<&Attempt> {
        let amount = request.amount;
        let has_enough = |attempt: &&Attempt| {
            attempt.state == AttemptState::Succeeded
                && self.refundable_minor(attempt.id) >= amount.minor
                && attempt.money(self.intent.amount).currency == amount.currency
                && amount.minor > 0
        };
        if let Some(named) = self.attempt(AttemptId::new(request.id.get())) {
            return Some(named).filter(has_enough);
        }
        let paid = self.intent.paid_attempt.and_then(|id| self.attempt(id)).filter(has_enough);
        let surplus = self
            .attempts
            .iter()
            .filter(|attempt| Some(attempt.id) != self.intent.paid_attempt)
            .find(|attempt| has_enough(attempt) && !attempt.is_misdirected(self.intent.amount));
        if request.is_rejected_payment { surplus.or(paid) } else { paid.or(surplus) }
    }

    /// Amount of an attempt that is neither refunded nor being refunded, in minor units.
    #[must_use]
    pub fn refundable_minor(&self, id: AttemptId) -> i64 {
        let refunds = self.refunds.iter().filter(|refund| {
            refund.attempt == Some(id) && matches!(refund.state, RefundState::Pending | RefundState::Succeeded)
        });
        let disputes = self
            .disputes
            .iter()
            .filter(|dispute| dispute.attempt == id && dispute.state.is_withdrawn && !dispute.state.is_reinstated);
        let captured = self.attempt(id).map_or(0, |attempt| attempt.money(self.intent.amount).minor);
        let taken = refunds.map(|refund| refund.amount.minor).chain(disputes.map(|dispute| dispute.amount.minor));
        taken.fold(captured, i64::saturating_sub)
    }

    /// Marks everything that the states require as done, and returns what was not done before.
    ///
    /// `before` is the payment before the facts: a decline is an effect only if it is new.
    pub fn take_effects(&mut self, before: &Self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for attempt in &mut self.attempts {
            let was = before.attempt(attempt.id).map(|attempt| attempt.state);
            if attempt.state == AttemptState::Failed && was != Some(AttemptState::Failed) {
                effects.push(Effect::Declined { attempt: attempt.id, failure: attempt.failure_text().to_owned() });
            }
            if attempt.state == AttemptState::Succeeded && !attempt.is_booked {
                attempt.is_booked = true;
                let (amount, provider) = (attempt.money(self.intent.amount), attempt.provider.clone());
                if attempt.is_misdirected(self.intent.amount) {
                    effects.push(Effect::Misdirected { attempt: attempt.id, provider, amount });
                    continue;
                }
                let is_surplus = self.intent.paid_attempt.is_some();
                self.intent.paid_attempt.get_or_insert(attempt.id);
                effects.push(Effect::Captured { attempt: attempt.id, provider, amount, is_surplus });
            }
        }
        for refund in &mut self.refunds {
            let source = self.attempts.iter().find(|attempt| Some(attempt.id) == refund.attempt);
            let is_misdirected = source.is_some_and(|source| source.is_misdirected(self.intent.amount));
            let booked = source.and_then(|source| refund.update_booking(source, is_misdirected));
            let is_returned = matches!(booked, Some(Effect::RefundReturned { .. }));
            effects.extend(booked);
            effects.extend(refund.publish_failure(is_returned, is_misdirected));
        }
        for dispute in &mut self.disputes {
            let source = self.attempts.iter().find(|attempt| attempt.id == dispute.attempt);
            let is_misdirected = source.is_some_and(|source| source.is_misdirected(self.intent.amount));
            effects.extend(source.into_iter().flat_map(|source| dispute.update_booking(source, is_misdirected)));
            let was = before.disputes.iter().find(|known| known.id == dispute.id);
            if was.map(|known| &known.state) != Some(&dispute.state) {
                effects.push(Effect::DisputeChanged { dispute: dispute.id });
            }
        }
        effects
    }
}

impl Attempt {
    /// Whether the fact is about this attempt: by its ID at the provider, or by our ID while that one is unknown.
    fn is_named(&self, provider: &str, fact: &AttemptFact) -> bool {
        self.provider == provider
            && match &self.reference {
                Some(reference) => *reference == fact.reference,
                None => fact.attempt == Some(self.id),
            }
    }

    /// Whether another request to cancel the attempt makes sense.
    #[must_use]
    pub const fn is_cancellable(&self) -> bool {
        self.reference.is_some() && self.cancel_tries < CANCEL_TRIES_MAX
    }

    /// 1 s, 2 s, 4 s and so on, up to an hour.
    fn cancel_pause(&self) -> Duration {
        CANCEL_PAUSE.saturating_mul(1 << self.cancel_tries.saturating_sub(1).min(16)).min(CANCEL_PAUSE_MAX)
    }

    /// The captured amount; of an attempt that has not reported one, the requested amount.
    #[must_use]
    pub fn money(&self, required: Money) -> Money {
        self.received.unwrap_or(required)
    }

    /// Whether another amount than requested was captured.
    #[must_use]
    pub fn is_misdirected(&self, required: Money) -> bool {
        self.received.is_some_and(|received| received != required)
    }

    /// Records a decline.
    pub fn decline(&mut self, failure: Failure) {
        self.failure = self.failure.take().max(Some(failure));
        self.state = merge::attempt(self.state, AttemptState::Failed);
    }

    /// Reason of the latest decline; empty if there was none.
    #[must_use]
    pub fn failure_text(&self) -> &str {
        self.failure.as_ref().map_or("", |failure| failure.text.as_str())
    }
}

impl Refund {
    /// A refund that was made on the pages of the provider.
    fn made_at_provider(attempt: AttemptId, fact: &RefundFact) -> Self {
        Self {
            id: fact.fresh_id,
            attempt: Some(attempt),
            amount: fact.amount,
            state: RefundState::Pending,
            cause: RefundCause::AtProvider,
            reason: String::new(),
            reference: Some(fact.reference.clone()),
            failure: String::new(),
            is_booked: false,
            is_failure_published: false,
            created_at: Timestamp::EPOCH,
        }
    }

    /// Books or reverses the refund, by its state. A refund that is reported before the success of its attempt waits for
    /// it (R14).
    fn update_booking(&mut self, source: &Attempt, is_misdirected: bool) -> Option<Effect> {
        let is_due = self.state == RefundState::Succeeded && source.is_booked;
        if is_due == self.is_booked {
            return None;
        }
        self.is_booked = is_due;
        let (refund, provider, amount, cause) = (self.id, source.provider.clone(), self.amount, self.cause);
        Some(if is_due {
            Effect::Refunded { refund, provider, amount, cause, is_misdirected }
        } else {
            Effect::RefundReturned { refund, provider, amount, is_misdirected }
        })
    }

    fn fail(&mut self, failure: &str) {
        if self.failure.is_empty() {
            failure.clone_into(&mut self.failure);
        }
        self.state = merge::refund(self.state, RefundState::Failed);
    }

    fn publish_failure(&mut self, is_returned: bool, is_misdirected: bool) -> Option<Effect> {
        let is_new = self.state == RefundState::Failed && !self.is_failure_published;
        self.is_failure_published |= is_new;
        let (refund, failure) = (self.id, self.failure.clone());
        is_new.then_some(Effect::RefundFailed { refund, failure, is_returned, is_misdirected })
    }
}

/// A text cut to [`FAILURE_CHARS_MAX`] characters.
#[must_use]
pub fn failure_text(text: &str) -> String {
    text.chars().take(FAILURE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;

//! Disputes: a customer's bank claims captured money back.
//!
//! Reports arrive late, repeatedly and in any order. The status is merged by strength, then by the time of the report;
//! withdrawn and reinstated money are facts that stay. An amount is booked after the capture of its attempt.

use pulse_kernel::{Money, Timestamp};

use super::{Attempt, AttemptId, DISPUTES_MAX, Effect, Mismatch, Payment};

pulse_kernel::define_id!(
    /// Identifies a dispute.
    DisputeId, "dsp"
);

/// Status of a dispute, from the weakest to the strongest. An inquiry may become a chargeback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisputeStatus {
    /// The bank asks for information; no money is withdrawn.
    Inquiry,
    /// The bank reviews the answer to its inquiry.
    InquiryUnderReview,
    /// The inquiry ended without a chargeback.
    InquiryClosed,
    /// The shop must submit evidence.
    NeedsResponse,
    /// The bank reviews the evidence.
    UnderReview,
    /// The shop won: the customer pays.
    Won,
    /// The shop lost: the money stays with the customer.
    Lost,
}

impl DisputeStatus {
    /// Whether the bank has decided. The later of two decisions is valid.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

/// The part of a dispute that reports change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeMerge {
    /// Current status.
    pub status: DisputeStatus,
    /// Time of the report with this status, as the provider states it.
    pub reported_at: Timestamp,
    /// Whether the provider withdrew the amount.
    pub is_withdrawn: bool,
    /// Whether the provider reinstated the amount.
    pub is_reinstated: bool,
}

impl DisputeMerge {
    /// The state after another report.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let key = |state: &Self| (state.status, state.reported_at);
        let is_decided = self.status.is_final() && other.status.is_final();
        let is_stronger = if is_decided {
            (other.reported_at, other.status) > (self.reported_at, self.status)
        } else {
            key(other) > key(self)
        };
        let strongest = if is_stronger { other } else { self };
        // Only withdrawn money can be reinstated.
        let is_reinstated = self.is_reinstated || other.is_reinstated;
        let is_withdrawn = self.is_withdrawn || other.is_withdrawn || is_reinstated;
        Self { status: strongest.status, reported_at: strongest.reported_at, is_withdrawn, is_reinstated }
    }
}

/// A dispute about captured money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// ID of the dispute.
    pub id: DisputeId,
    /// ID of the dispute at the provider.
    pub reference: String,
    /// Disputed attempt.
    pub attempt: AttemptId,
    /// Disputed amount.
    pub amount: Money,
    /// Reason in the words of the provider, for example `fraudulent`.
    pub reason: String,
    /// Time until which evidence can be submitted, if the provider states one.
    pub respond_by: Option<Timestamp>,
    /// State from all reports.
    pub state: DisputeMerge,
    /// Whether the withdrawal is in the ledger.
    pub is_withdrawal_booked: bool,
    /// Whether the reinstatement is in the ledger.
    pub is_reinstatement_booked: bool,
    /// Time at which the provider opened the dispute.
    pub opened_at: Timestamp,
}

/// A report about a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeFact {
    /// ID of the dispute at the provider.
    pub reference: String,
    /// ID of the attempt at the provider.
    pub attempt_reference: String,
    /// Disputed amount.
    pub amount: Money,
    /// Reason in the words of the provider.
    pub reason: String,
    /// Time until which evidence can be submitted.
    pub respond_by: Option<Timestamp>,
    /// Reported state.
    pub state: DisputeMerge,
    /// Time at which the provider opened the dispute.
    pub opened_at: Timestamp,
    /// ID for a dispute of which this fact is the first report.
    pub fresh_id: DisputeId,
}

impl Payment {
    pub(super) fn merge_dispute(&mut self, provider: &str, fact: &DisputeFact) -> Result<(), Mismatch> {
        let source = self.attempts.iter().find(|attempt| {
            attempt.provider == provider && attempt.reference.as_deref() == Some(fact.attempt_reference.as_str())
        });
        let source = source.map(|attempt| attempt.id).ok_or(Mismatch::UnknownAttempt)?;
        let known = self.disputes.iter_mut().find(|known| known.reference == fact.reference);
        let Some(dispute) = known else {
            if self.disputes.len() >= DISPUTES_MAX {
                return Err(Mismatch::TooManyDisputes);
            }
            self.disputes.push(Dispute::opened(source, fact));
            return Ok(());
        };
        // What was booked cannot change.
        if dispute.amount != fact.amount && dispute.is_withdrawal_booked {
            return Err(Mismatch::Amount { ours: dispute.amount, theirs: fact.amount });
        }
        dispute.amount = fact.amount;
        dispute.state = dispute.state.merged(&fact.state);
        dispute.respond_by = dispute.respond_by.max(fact.respond_by);
        Ok(())
    }
}

impl Dispute {
    fn opened(attempt: AttemptId, fact: &DisputeFact) -> Self {
        Self {
            id: fact.fresh_id,
            reference: fact.reference.clone(),
            attempt,
            amount: fact.amount,
            reason: fact.reason.clone(),
            respond_by: fact.respond_by,
            state: fact.state.merged(&fact.state),
            is_withdrawal_booked: false,
            is_reinstatement_booked: false,
            opened_at: fact.opened_at,
        }
    }

    /// Books the withdrawal and the reinstatement, each once. They wait for the success of their attempt.
    pub(super) fn update_booking(&mut self, source: &Attempt, is_misdirected: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let (dispute, amount) = (self.id, self.amount);
        let booked = |is_reinstated| Effect::DisputeBooked {
            dispute,
            provider: source.provider.clone(),
            amount,
            is_reinstated,
            is_misdirected,
        };
        if source.is_booked && self.state.is_withdrawn && !self.is_withdrawal_booked {
            self.is_withdrawal_booked = true;
            effects.push(booked(false));
        }
        if source.is_booked && self.state.is_reinstated && !self.is_reinstatement_booked {
            self.is_reinstatement_booked = true;
            effects.push(booked(true));
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::DisputeStatus::{Inquiry, InquiryClosed, Lost, NeedsResponse, UnderReview, Won};
    use super::*;

    fn state(status: DisputeStatus, at: i64, is_withdrawn: bool, is_reinstated: bool) -> DisputeMerge {
        DisputeMerge { status, reported_at: Timestamp::from_millis(at), is_withdrawn, is_reinstated }
    }

    /// M7: any order and repetition of the reports gives the same state.
    #[test]
    fn reports_in_any_order_give_the_same_state() {
        for (reports, expected) in [
            (
                vec![state(Inquiry, 1, false, false), state(InquiryClosed, 2, false, false)],
                (InquiryClosed, false, false),
            ),
            (
                vec![state(InquiryClosed, 1, false, false), state(NeedsResponse, 2, true, false)],
                (NeedsResponse, true, false),
            ),
            (
                vec![
                    state(NeedsResponse, 1, true, false),
                    state(UnderReview, 2, false, false),
                    state(Won, 3, false, true),
                ],
                (Won, true, true),
            ),
            (vec![state(UnderReview, 9, false, false), state(Lost, 3, false, false)], (Lost, false, false)),
            // The bank reversed its decision.
            (vec![state(Lost, 3, true, false), state(Won, 4, false, true)], (Won, true, true)),
            (vec![state(Won, 3, true, false), state(Lost, 4, false, false)], (Lost, true, false)),
        ] {
            let forward = reports.iter().skip(1).fold(reports[0].clone(), |state, report| state.merged(report));
            let backward = reports.iter().rev().fold(reports[0].clone(), |state, report| state.merged(report));
            assert_eq!(forward, backward, "{reports:?}");
            assert_eq!((forward.status, forward.is_withdrawn, forward.is_reinstated), expected);
        }
    }
}

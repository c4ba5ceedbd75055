//! A payment with its attempts and refunds, what providers say about them, and what follows from it.
//!
//! First every fact is merged into the states ([`Payment::tell`]), then what is due by the states and was not done yet
//! is done ([`Payment::settle`]). So it does not matter in which order facts come, nor how often.

use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Money, Timestamp};

use super::ledger::CASH;
use super::merge::{self, AttemptState, IntentState, RefundState};

pulse_kernel::define_id!(
    /// Identifies a payment: what is to be paid for one order.
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

/// How many attempts one order may have.
pub const ATTEMPTS_MAX: usize = 20;
/// How many refunds one payment may have.
pub const REFUNDS_MAX: usize = 200;
/// How long a text is that says why something did not work, in characters.
pub const FAILURE_CHARS_MAX: usize = 200;

/// What is to be paid for an order, with everything that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment itself.
    pub intent: Intent,
    /// The attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The refunds, oldest first.
    pub refunds: Vec<Refund>,
}

/// What is to be paid for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The payment.
    pub id: PaymentId,
    /// For which order.
    pub order: OrderId,
    /// At which shop; 0 for the platform itself.
    pub shop: ShopId,
    /// Who pays.
    pub customer: AccountId,
    /// How much.
    pub amount: Money,
    /// In which state.
    pub state: IntentState,
    /// Whether its order was cancelled.
    pub is_closed: bool,
    /// The attempt whose money pays the order: the first one that we saw succeed.
    pub paid_attempt: Option<AttemptId>,
    /// When it began.
    pub created_at: Timestamp,
    /// Grows by one with each change.
    pub version: i64,
}

/// An attempt to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt; also what the provider recognizes a repeated request by.
    pub id: AttemptId,
    /// With whom.
    pub provider: String,
    /// What the provider calls it; none until the provider has said.
    pub reference: Option<String>,
    /// In which state.
    pub state: AttemptState,
    /// Where the customer pays; empty when the client does it with a secret.
    pub pay_url: String,
    /// Where the provider's page leads back to; empty for nowhere.
    pub return_url: String,
    /// Why it was declined, when it was.
    pub failure: Option<Failure>,
    /// Whether its money is in the books.
    pub is_booked: bool,
    /// When it began.
    pub started_at: Timestamp,
}

/// Why an attempt was declined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// When the provider says it was. The latest failure is the one that is shown, whichever came first.
    pub at: Timestamp,
    /// In words.
    pub text: String,
}

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The refund; also what the provider recognizes a repeated request by.
    pub id: RefundId,
    /// Of which attempt the money is; none when there is none to take it from.
    pub attempt: Option<AttemptId>,
    /// How much.
    pub amount: Money,
    /// In which state.
    pub state: RefundState,
    /// Why.
    pub reason: String,
    /// What the provider calls it; none until the provider has said.
    pub reference: Option<String>,
    /// Why it was refused; empty when it was not.
    pub failure: String,
    /// Whether it is in the books.
    pub is_booked: bool,
    /// Whether it was told that it failed.
    pub is_failure_told: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What somebody says about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Waits for the customer.
    Waiting,
    /// The provider is at it.
    Processing,
    /// The money is there: so much of it.
    Succeeded(Money),
    /// Declined.
    Declined(Failure),
    /// Given up, or expired.
    Cancelled,
}

/// What somebody says about one refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundSaid {
    /// On its way.
    Pending,
    /// Paid back.
    Succeeded,
    /// Not paid back, and why.
    Failed(String),
}

/// One thing that a provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// About an attempt.
    Attempt(AttemptFact),
    /// About a refund.
    Refund(RefundFact),
}

/// What a provider says about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFact {
    /// What the provider calls it.
    pub reference: String,
    /// Which attempt we said it is, when the provider remembers.
    pub attempt: Option<AttemptId>,
    /// How it is.
    pub said: Said,
}

/// What a provider says about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundFact {
    /// What the provider calls it.
    pub reference: String,
    /// Which refund we said it is, when the provider remembers.
    pub refund: Option<RefundId>,
    /// What the provider calls the attempt.
    pub attempt_reference: String,
    /// How much.
    pub amount: Money,
    /// How it is.
    pub said: RefundSaid,
    /// Its id with us if we have not heard of it: somebody paid back on the provider's own pages.
    pub fresh_id: RefundId,
}

/// Why a fact does not fit what we know. Nothing is changed then, and somebody has to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is about an attempt that is not one of this payment.
    Unknown,
    /// Another amount was moved than was asked for.
    Amount {
        /// What we know.
        ours: Money,
        /// What the provider says.
        theirs: Money,
    },
    /// There are too many refunds.
    TooManyRefunds,
}

/// What follows from the states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Money came in.
    Captured {
        /// With which attempt.
        attempt: AttemptId,
        /// With whom.
        provider: String,
        /// How much.
        amount: Money,
        /// Whether the order was paid before.
        is_surplus: bool,
    },
    /// An attempt was declined.
    Declined {
        /// Which one.
        attempt: AttemptId,
        /// Why.
        failure: String,
    },
    /// Money went back.
    Refunded {
        /// Which refund.
        refund: RefundId,
        /// With whom.
        provider: String,
        /// How much.
        amount: Money,
    },
    /// Money that went back has come back.
    RefundUndone {
        /// Which refund.
        refund: RefundId,
        /// With whom.
        provider: String,
        /// How much.
        amount: Money,
    },
    /// A refund will not happen.
    RefundFailed {
        /// Which one.
        refund: RefundId,
        /// Why.
        failure: String,
        /// Whether it had happened: its money came back.
        is_undone: bool,
    },
}

impl Payment {
    /// The payment of an order for which nothing was tried yet.
    #[must_use]
    pub fn opened(intent: Intent) -> Self {
        Self { intent, attempts: Vec::new(), refunds: Vec::new() }
    }

    /// The attempt that waits for the customer with this provider, or that the provider is at.
    #[must_use]
    pub fn unfinished(&self, provider: &str) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| {
            attempt.provider == provider
                && matches!(attempt.state, AttemptState::Created | AttemptState::Open | AttemptState::Processing)
        })
    }

    /// The attempts that can still bring money which nobody waits for: the order is paid or cancelled.
    pub fn needless(&self) -> impl Iterator<Item = &Attempt> {
        let is_over = matches!(self.intent.state, IntentState::Succeeded | IntentState::Cancelled);
        self.attempts.iter().filter(move |attempt| {
            is_over && !matches!(attempt.state, AttemptState::Succeeded | AttemptState::Cancelled)
        })
    }

    /// An attempt by its id.
    #[must_use]
    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id)
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// The order was cancelled: nobody is to pay it any more. What was paid stays paid until the order says otherwise.
    pub fn close(&mut self) {
        self.intent.is_closed = true;
        self.intent.state = merge::intent(true, self.attempts.iter().map(|attempt| attempt.state));
    }

    /// Merges what a provider says.
    ///
    /// # Errors
    /// Why it does not fit; nothing is changed then.
    pub fn tell(&mut self, provider: &str, fact: &Fact) -> Result<(), Misfit> {
        match fact {
            Fact::Attempt(fact) => self.tell_attempt(provider, fact)?,
            Fact::Refund(fact) => self.tell_refund(provider, fact)?,
        }
        self.intent.state = merge::intent(self.intent.is_closed, self.attempts.iter().map(|attempt| attempt.state));
        Ok(())
    }

    fn tell_attempt(&mut self, provider: &str, fact: &AttemptFact) -> Result<(), Misfit> {
        let amount = self.intent.amount;
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.is(provider, fact)).ok_or(Misfit::Unknown)?;
        let state = match &fact.said {
            Said::Waiting => AttemptState::Open,
            Said::Processing => AttemptState::Processing,
            Said::Cancelled => AttemptState::Cancelled,
            Said::Succeeded(theirs) if *theirs != amount => {
                return Err(Misfit::Amount { ours: amount, theirs: *theirs });
            }
            Said::Succeeded(_) => AttemptState::Succeeded,
            Said::Declined(failure) => {
                attempt.decline(failure.clone());
                AttemptState::Failed
            }
        };
        attempt.reference.get_or_insert_with(|| fact.reference.clone());
        attempt.state = merge::attempt(attempt.state, state);
        Ok(())
    }

    fn tell_refund(&mut self, provider: &str, fact: &RefundFact) -> Result<(), Misfit> {
        let of = self.attempts.iter().find(|attempt| {
            attempt.provider == provider && attempt.reference.as_deref() == Some(fact.attempt_reference.as_str())
        });
        let of = of.map(|attempt| attempt.id).ok_or(Misfit::Unknown)?;
        let known = self.refunds.iter().position(|refund| {
            refund.attempt == Some(of)
                && match &refund.reference {
                    Some(reference) => *reference == fact.reference,
                    None => fact.refund == Some(refund.id),
                }
        });
        let index = match known {
            Some(index) => index,
            None if self.refunds.len() >= REFUNDS_MAX => return Err(Misfit::TooManyRefunds),
            None => {
                self.refunds.push(Refund::elsewhere(of, fact));
                self.refunds.len() - 1
            }
        };
        let Some(refund) = self.refunds.get_mut(index) else { return Err(Misfit::Unknown) };
        if refund.amount != fact.amount {
            return Err(Misfit::Amount { ours: refund.amount, theirs: fact.amount });
        }
        refund.reference.get_or_insert_with(|| fact.reference.clone());
        let said = match &fact.said {
            RefundSaid::Pending => RefundState::Pending,
            RefundSaid::Succeeded => RefundState::Succeeded,
            RefundSaid::Failed(failure) => {
                refund.fail(failure);
                RefundState::Failed
            }
        };
        refund.state = merge::refund(refund.state, said);
        Ok(())
    }

    /// Notes that money is to go back, once per refund: all of an attempt, when the refund has its number; else from the
    /// one that paid the order, or, with `of` naming the payment, from one that paid what was paid already. Cash goes back from hand to hand, at once. What
    /// cannot be taken from anywhere fails at once.
    pub fn ask_refund(&mut self, id: RefundId, (amount, reason): (Money, &str), of: i64, now: Timestamp) {
        if self.refund(id).is_some() {
            return;
        }
        let has_room = self.refunds.len() < REFUNDS_MAX;
        let source = self.source_of_refund(id, amount, of).filter(|_| has_room);
        let is_cash = source.is_some_and(|attempt| attempt.provider == CASH);
        let (state, failure) = match source {
            Some(_) if is_cash => (RefundState::Succeeded, ""),
            Some(_) => (RefundState::Pending, ""),
            None => (RefundState::Failed, "there is not so much left to pay back"),
        };
        let refund = Refund {
            id,
            attempt: source.map(|attempt| attempt.id),
            amount,
            state,
            reason: reason.to_owned(),
            reference: None,
            failure: failure.to_owned(),
            is_booked: false,
            is_failure_told: false,
            created_at: now,
        };
        self.refunds.push(refund);
    }

    /// Notes that a provider does not pay back what it was asked for.
    pub fn refuse_refund(&mut self, id: RefundId, failure: &str) {
        if let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.fail(failure);
        }
    }

    /// The attempt from which so much can be paid back. An order that does not accept the money of an attempt gives the
    /// refund the number of the attempt.
    fn source_of_refund(&self, id: RefundId, amount: Money, of: i64) -> Option<&Attempt> {
        let has_left = |attempt: &&Attempt| {
            attempt.state == AttemptState::Succeeded
                && self.refundable_minor(attempt.id) >= amount.minor
                && self.intent.amount.currency == amount.currency
                && amount.minor > 0
        };
        if let Some(named) = self.attempt(AttemptId::new(id.get())) {
            return Some(named).filter(has_left);
        }
        let paid = self.intent.paid_attempt.and_then(|id| self.attempt(id)).filter(has_left);
        let surplus =
            self.attempts.iter().filter(|attempt| Some(attempt.id) != self.intent.paid_attempt).find(has_left);
        if of == 0 { paid.or(surplus) } else { surplus.or(paid) }
    }

    /// How much of an attempt has not gone back and is not on its way back, in minor units.
    #[must_use]
    pub fn refundable_minor(&self, id: AttemptId) -> i64 {
        let refunds = self.refunds.iter().filter(|refund| {
            refund.attempt == Some(id) && matches!(refund.state, RefundState::Pending | RefundState::Succeeded)
        });
        refunds.fold(self.intent.amount.minor, |left, refund| left.saturating_sub(refund.amount.minor))
    }

    /// Does what the states ask for and was not done yet, and says what it is.
    ///
    /// `before` is the payment before the facts: being declined is told when it is new.
    pub fn settle(&mut self, before: &Self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for attempt in &mut self.attempts {
            let was = before.attempt(attempt.id).map(|attempt| attempt.state);
            if attempt.state == AttemptState::Failed && was != Some(AttemptState::Failed) {
                effects.push(Effect::Declined { attempt: attempt.id, failure: attempt.failure_text().to_owned() });
            }
            if attempt.state == AttemptState::Succeeded && !attempt.is_booked {
                attempt.is_booked = true;
                let is_surplus = self.intent.paid_attempt.is_some();
                self.intent.paid_attempt.get_or_insert(attempt.id);
                let (amount, provider) = (self.intent.amount, attempt.provider.clone());
                effects.push(Effect::Captured { attempt: attempt.id, provider, amount, is_surplus });
            }
        }
        for refund in &mut self.refunds {
            let of = self.attempts.iter().find(|attempt| Some(attempt.id) == refund.attempt);
            let booked = of.and_then(|of| refund.book(of));
            let is_undone = matches!(booked, Some(Effect::RefundUndone { .. }));
            effects.extend(booked);
            effects.extend(refund.tell_failure(is_undone));
        }
        effects
    }
}

impl Attempt {
    /// Whether the fact is about this attempt: by the provider's name for it, or by ours when the provider's is not
    /// known yet.
    fn is(&self, provider: &str, fact: &AttemptFact) -> bool {
        self.provider == provider
            && match &self.reference {
                Some(reference) => *reference == fact.reference,
                None => fact.attempt == Some(self.id),
            }
    }

    /// Notes that it was declined.
    pub fn decline(&mut self, failure: Failure) {
        self.failure = self.failure.take().max(Some(failure));
        self.state = merge::attempt(self.state, AttemptState::Failed);
    }

    /// Why it was declined, in words; empty when it was not.
    #[must_use]
    pub fn failure_text(&self) -> &str {
        self.failure.as_ref().map_or("", |failure| failure.text.as_str())
    }
}

impl Refund {
    /// A refund that we have not asked for.
    fn elsewhere(attempt: AttemptId, fact: &RefundFact) -> Self {
        Self {
            id: fact.fresh_id,
            attempt: Some(attempt),
            amount: fact.amount,
            state: RefundState::Pending,
            reason: String::new(),
            reference: Some(fact.reference.clone()),
            failure: String::new(),
            is_booked: false,
            is_failure_told: false,
            created_at: Timestamp::EPOCH,
        }
    }

    /// Brings the books in line with the state. Money cannot have gone back before it came, so a refund that is heard of
    /// first waits for the success of its attempt (R14).
    fn book(&mut self, of: &Attempt) -> Option<Effect> {
        let is_due = self.state == RefundState::Succeeded && of.is_booked;
        if is_due == self.is_booked {
            return None;
        }
        self.is_booked = is_due;
        let (refund, provider, amount) = (self.id, of.provider.clone(), self.amount);
        Some(if is_due {
            Effect::Refunded { refund, provider, amount }
        } else {
            Effect::RefundUndone { refund, provider, amount }
        })
    }

    fn fail(&mut self, failure: &str) {
        if self.failure.is_empty() {
            failure.clone_into(&mut self.failure);
        }
        self.state = merge::refund(self.state, RefundState::Failed);
    }

    fn tell_failure(&mut self, is_undone: bool) -> Option<Effect> {
        let is_new = self.state == RefundState::Failed && !self.is_failure_told;
        self.is_failure_told |= is_new;
        is_new.then(|| Effect::RefundFailed { refund: self.id, failure: self.failure.clone(), is_undone })
    }
}

/// A text cut to [`FAILURE_CHARS_MAX`] characters.
#[must_use]
pub fn failure_text(text: &str) -> String {
    text.chars().take(FAILURE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;

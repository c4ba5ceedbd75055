//! Compares our payments with what a provider lists, says what differs, and repairs it as if the webhook had come.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_contract::payment::v1::{PaymentDifference, ReconcilePaymentsRequest, ReconcilePaymentsResponse};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::App;
use super::conclude::{conclude, hear};
use super::receive_webhook::id_of;
use crate::domain::merge::AttemptState;
use crate::domain::payment::{AttemptId, Fact, Payment, PaymentId, RefundSaid, Said};
use crate::providers::Provider;
use crate::store::payments;

/// How far back it looks when nothing is said.
const SINCE: Duration = Duration::from_secs(86_400);
/// How many differences are told.
const DIFFERENCES_MAX: usize = 1_000;
/// How many pages of a provider's list are read at most, for payments and for refunds each.
const PAGES_MAX: usize = 1_000;
/// What began so close to the ends of the time may be on one side of them with us and on the other with the provider.
const MARGIN: Duration = Duration::from_secs(300);
/// How many of our attempts are read at once.
const ATTEMPTS_PAGE: i64 = 500;

/// A comparison under way.
pub(super) struct Comparison<'a> {
    app: &'a App,
    cx: &'a Cx,
    provider: &'static str,
    is_repair: bool,
    /// What the provider calls what it listed.
    listed: BTreeSet<String>,
    /// What came of it so far.
    pub(super) said: ReconcilePaymentsResponse,
}

pub(crate) async fn reconcile_payments(
    app: &App,
    cx: &Cx,
    request: ReconcilePaymentsRequest,
) -> Result<ReconcilePaymentsResponse, Error> {
    let (provider, port) = app.providers.named(&request.provider)?;
    let since = request.since.map_or_else(|| cx.now.minus(SINCE), Into::into);
    let mut comparison = Comparison::of(app, cx, provider, request.is_repair);
    let (mut charges, mut refunds) = (PAGES_MAX, PAGES_MAX);
    let rest = comparison.charges(port.as_ref(), since, String::new(), &mut charges).await?;
    comparison.refunds(port.as_ref(), since, String::new(), &mut refunds).await?;
    if rest.is_none() {
        comparison.look_for_unlisted(since).await?;
    }
    let said = comparison.said;
    app.store().commit(cx, Commit::new().answer(cx, &said)).await?;
    Ok(said)
}

impl<'a> Comparison<'a> {
    /// With what this provider lists.
    pub(super) fn of(app: &'a App, cx: &'a Cx, provider: &'static str, is_repair: bool) -> Self {
        let (listed, said) = (BTreeSet::new(), ReconcilePaymentsResponse::default());
        Self { app, cx, provider, is_repair, listed, said }
    }

    /// Compares the attempts that the provider lists, from `after` on, as long as there are `pages` left to read; says
    /// where to go on, if anywhere.
    pub(super) async fn charges(
        &mut self,
        port: &dyn Provider,
        since: Timestamp,
        mut after: String,
        pages: &mut usize,
    ) -> Result<Option<String>, Error> {
        while *pages > 0 {
            *pages -= 1;
            let page = port.list_charges(self.cx, since, &after).await.map_err(|error| error.into_error())?;
            for fact in page.facts {
                self.listed.insert(fact.reference.clone());
                self.compare(&Fact::Attempt(fact)).await?;
            }
            match page.next {
                Some(next) => after = next,
                None => return Ok(None),
            }
        }
        Ok(Some(after))
    }

    /// The same for refunds.
    pub(super) async fn refunds(
        &mut self,
        port: &dyn Provider,
        since: Timestamp,
        mut after: String,
        pages: &mut usize,
    ) -> Result<Option<String>, Error> {
        while *pages > 0 {
            *pages -= 1;
            let page = port.list_refunds(self.cx, since, &after).await.map_err(|error| error.into_error())?;
            for fact in page.facts {
                self.compare(&Fact::Refund(fact)).await?;
            }
            match page.next {
                Some(next) => after = next,
                None => return Ok(None),
            }
        }
        Ok(Some(after))
    }

    /// Compares one fact with what we know, and repairs it when it is asked for.
    async fn compare(&mut self, fact: &Fact) -> Result<(), Error> {
        let (reference, theirs) = words_of(fact);
        let Some(id) = id_of(self.app, self.provider, fact).await? else {
            self.note(PaymentDifference {
                provider_reference: reference,
                ours: "unknown".to_owned(),
                theirs,
                ..PaymentDifference::default()
            });
            return Ok(());
        };
        let Some(known) = payments::by_id(self.app.store(), id).await? else { return Ok(()) };
        if matches!(fact, Fact::Attempt(_)) {
            self.said.attempt_count += 1;
        }
        let ours = state_words(&known, fact);
        let mut after = known.clone();
        let misfit = hear(self.app, self.cx, &mut after, self.provider, std::slice::from_ref(fact));
        if misfit.is_empty() && state_words(&after, fact) == ours {
            return Ok(());
        }
        let is_repaired = self.is_repair && misfit.is_empty();
        if is_repaired {
            self.app.store().attempt(self.cx, || repair(self.app, self.cx, self.provider, id, fact)).await?;
        }
        let attempt_id = attempt_of(&after, fact).map_or(0, AttemptId::get);
        let theirs = if misfit.is_empty() { theirs } else { format!("{theirs}: {misfit}") };
        self.note(PaymentDifference { provider_reference: reference, attempt_id, ours, theirs, is_repaired });
        Ok(())
    }

    /// Names our attempts that the provider should have listed and has not. There is nothing to repair: the provider says
    /// nothing that could be believed.
    pub(super) async fn look_for_unlisted(&mut self, since: Timestamp) -> Result<(), Error> {
        let until = self.cx.now.minus(MARGIN);
        let mut after = (since.plus(MARGIN), AttemptId::new(0));
        loop {
            let page =
                payments::started_between(self.app.store(), self.provider, (after, until), ATTEMPTS_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.started_at, last.id);
            for attempt in page {
                let unlisted = attempt.reference.filter(|reference| !self.listed.contains(reference));
                if let Some(provider_reference) = unlisted {
                    self.note(PaymentDifference {
                        provider_reference,
                        attempt_id: attempt.id.get(),
                        ours: word_of_state(attempt.state).to_owned(),
                        theirs: "unknown".to_owned(),
                        is_repaired: false,
                    });
                }
            }
        }
    }

    fn note(&mut self, difference: PaymentDifference) {
        if self.said.differences.len() < DIFFERENCES_MAX {
            self.said.differences.push(difference);
        }
    }
}

/// The commits of repairs carry no answer: that is for the last commit of the call.
async fn repair(app: &App, cx: &Cx, provider: &str, id: PaymentId, fact: &Fact) -> Result<(), Error> {
    let Some(before) = payments::by_id(app.store(), id).await? else { return Ok(()) };
    let mut after = before.clone();
    hear(app, cx, &mut after, provider, std::slice::from_ref(fact));
    let (commit, _after) = conclude(app, cx, Commit::new(), (&before, after));
    Ok(app.store().commit(cx, commit).await?)
}

/// What the fact is about, and what it says.
fn words_of(fact: &Fact) -> (String, String) {
    match fact {
        Fact::Attempt(fact) => {
            let word = match &fact.said {
                Said::Waiting => "open",
                Said::Processing => "processing",
                Said::Succeeded(_) => "succeeded",
                Said::Declined(_) => "failed",
                Said::Cancelled => "cancelled",
            };
            (fact.reference.clone(), word.to_owned())
        }
        Fact::Refund(fact) => {
            let word = match &fact.said {
                RefundSaid::Pending => "pending",
                RefundSaid::Succeeded => "succeeded",
                RefundSaid::Failed(_) => "failed",
            };
            (fact.reference.clone(), format!("refund {word} of {}", fact.amount))
        }
    }
}

/// What we say of what the fact is about.
fn state_words(payment: &Payment, fact: &Fact) -> String {
    match fact {
        Fact::Attempt(_) => {
            let attempt = attempt_of(payment, fact).and_then(|id| payment.attempt(id));
            attempt.map_or("unknown", |attempt| word_of_state(attempt.state)).to_owned()
        }
        Fact::Refund(fact) => {
            let known = payment.refunds.iter().find(|refund| {
                refund.reference.as_deref() == Some(fact.reference.as_str())
                    || (refund.reference.is_none() && Some(refund.id) == fact.refund)
            });
            known.map_or_else(|| "unknown".to_owned(), |refund| format!("refund {:?}", refund.state).to_lowercase())
        }
    }
}

fn attempt_of(payment: &Payment, fact: &Fact) -> Option<AttemptId> {
    let (reference, named) = match fact {
        Fact::Attempt(fact) => (&fact.reference, fact.attempt),
        Fact::Refund(fact) => (&fact.attempt_reference, None),
    };
    let by_reference = payment.attempts.iter().find(|attempt| attempt.reference.as_ref() == Some(reference));
    by_reference.or_else(|| payment.attempt(named?)).map(|attempt| attempt.id)
}

const fn word_of_state(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Created => "created",
        AttemptState::Open => "open",
        AttemptState::Processing => "processing",
        AttemptState::Failed => "failed",
        AttemptState::Cancelled => "cancelled",
        AttemptState::Succeeded => "succeeded",
    }
}

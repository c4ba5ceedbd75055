//! Compares stored payments with the records of a provider. Differences are repaired as if the missing webhook had arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_contract::payment::v1::{PaymentDifference, ReconcilePaymentsRequest, ReconcilePaymentsResponse};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::App;
use super::apply_provider_facts::{commit_change, merge_facts};
use super::receive_webhook::id_of;
use crate::domain::payment::{AttemptId, AttemptStatus, Fact, Payment, PaymentId, RefundStatus};
use crate::providers::Provider;
use crate::store::payments::{self, StartedAttempts};

/// Compared period of a request without `since`.
const PERIOD: Duration = Duration::from_secs(86_400);
/// Maximum number of returned differences.
const DIFFERENCES_MAX: usize = 1_000;
/// Maximum number of pages that are read of each list of a provider.
const PAGES_MAX: usize = 1_000;
/// Attempts this close to the ends of the period are not compared, because the clocks of both sides differ.
const MARGIN: Duration = Duration::from_secs(300);
/// Maximum number of own attempts that are read at once.
const ATTEMPTS_PAGE: i64 = 500;

/// A comparison in progress.
pub(super) struct Comparison<'a> {
    app: &'a App,
    cx: &'a Cx,
    provider: &'static str,
    is_repair: bool,
    /// Provider IDs of the listed attempts.
    listed: BTreeSet<String>,
    /// Results so far.
    pub(super) result: ReconcilePaymentsResponse,
}

pub(crate) async fn reconcile_payments(
    app: &App,
    cx: &Cx,
    request: ReconcilePaymentsRequest,
) -> Result<ReconcilePaymentsResponse, Error> {
    let (provider, port) = app.providers.named(&request.provider)?;
    let since = request.since.map_or_else(|| cx.now.minus(PERIOD), Into::into);
    let mut comparison = Comparison::of(app, cx, provider, request.is_repair);
    let (mut charges, mut refunds) = (PAGES_MAX, PAGES_MAX);
    let rest = comparison.charges(port.as_ref(), since, String::new(), &mut charges).await?;
    comparison.refunds(port.as_ref(), since, String::new(), &mut refunds).await?;
    if rest.is_none() {
        comparison.find_unlisted(since).await?;
    }
    let result = comparison.result;
    app.store().commit(cx, Commit::new().answer(cx, &result)).await?;
    Ok(result)
}

impl<'a> Comparison<'a> {
    /// A comparison with the lists of this provider.
    pub(super) fn of(app: &'a App, cx: &'a Cx, provider: &'static str, is_repair: bool) -> Self {
        let (listed, result) = (BTreeSet::new(), ReconcilePaymentsResponse::default());
        Self { app, cx, provider, is_repair, listed, result }
    }

    /// Compares the listed attempts after the position `after`, at most `pages` pages. Returns the position of the next
    /// page, if there is one.
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

    /// Compares the listed refunds, as [`Comparison::charges`].
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

    /// Compares one fact with the stored payment, and applies it if the comparison repairs.
    async fn compare(&mut self, fact: &Fact) -> Result<(), Error> {
        let (reference, theirs) = (reference_of(fact), status_word(fact));
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
            self.result.attempt_count += 1;
        }
        let ours = state_word(&known, fact);
        let mut after = known.clone();
        let mismatch = merge_facts(self.app, self.cx, &mut after, self.provider, std::slice::from_ref(fact));
        if mismatch.is_empty() && state_word(&after, fact) == ours {
            return Ok(());
        }
        let is_repaired = self.is_repair && mismatch.is_empty();
        if is_repaired {
            self.app.store().attempt(self.cx, || repair(self.app, self.cx, self.provider, id, fact)).await?;
        }
        let attempt_id = attempt_of(&after, fact).map_or(0, AttemptId::get);
        let theirs = if mismatch.is_empty() { theirs } else { format!("{theirs}: {mismatch}") };
        self.note(PaymentDifference { provider_reference: reference, attempt_id, ours, theirs, is_repaired });
        Ok(())
    }

    /// Reports own attempts that the provider does not list. They cannot be repaired, because the provider has no record of
    /// them.
    pub(super) async fn find_unlisted(&mut self, since: Timestamp) -> Result<(), Error> {
        let mut range = StartedAttempts {
            provider: self.provider,
            after: since.plus(MARGIN),
            after_id: AttemptId::new(0),
            until: self.cx.now.minus(MARGIN),
        };
        loop {
            let page = payments::started(self.app.store(), range, ATTEMPTS_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            (range.after, range.after_id) = (last.started_at, last.id);
            for attempt in page {
                let unlisted = attempt.reference.filter(|reference| !self.listed.contains(reference));
                if let Some(provider_reference) = unlisted {
                    self.note(PaymentDifference {
                        provider_reference,
                        attempt_id: attempt.id.get(),
                        ours: attempt.state.word().to_owned(),
                        theirs: "unknown".to_owned(),
                        is_repaired: false,
                    });
                }
            }
        }
    }

    fn note(&mut self, difference: PaymentDifference) {
        if self.result.differences.len() < DIFFERENCES_MAX {
            self.result.differences.push(difference);
        }
    }
}

/// Applies a fact. The commit contains no answer, because only the last commit of the call does.
async fn repair(app: &App, cx: &Cx, provider: &str, id: PaymentId, fact: &Fact) -> Result<(), Error> {
    let Some(before) = payments::by_id(app.store(), id).await? else { return Ok(()) };
    let mut after = before.clone();
    merge_facts(app, cx, &mut after, provider, std::slice::from_ref(fact));
    let (commit, _after) = commit_change(app, cx, Commit::new(), &before, after);
    Ok(app.store().commit(cx, commit).await?)
}

/// ID of the attempt or refund at the provider.
fn reference_of(fact: &Fact) -> String {
    match fact {
        Fact::Attempt(fact) => fact.reference.clone(),
        Fact::Refund(fact) => fact.reference.clone(),
        Fact::Dispute(fact) => fact.reference.clone(),
    }
}

/// Status that the provider reports.
fn status_word(fact: &Fact) -> String {
    match fact {
        Fact::Attempt(fact) => match &fact.status {
            AttemptStatus::Waiting => "open",
            AttemptStatus::Processing => "processing",
            AttemptStatus::Succeeded(_) => "succeeded",
            AttemptStatus::Declined(_) => "failed",
            AttemptStatus::Cancelled => "cancelled",
        }
        .to_owned(),
        Fact::Refund(fact) => {
            let word = match &fact.status {
                RefundStatus::Pending => "pending",
                RefundStatus::Succeeded => "succeeded",
                RefundStatus::Failed(_) => "failed",
            };
            format!("refund {word} of {}", fact.amount)
        }
        Fact::Dispute(fact) => format!("dispute {:?} of {}", fact.state.status, fact.amount).to_lowercase(),
    }
}

/// Stored state of the attempt or refund.
fn state_word(payment: &Payment, fact: &Fact) -> String {
    match fact {
        Fact::Attempt(_) => {
            let attempt = attempt_of(payment, fact).and_then(|id| payment.attempt(id));
            attempt.map_or("unknown", |attempt| attempt.state.word()).to_owned()
        }
        Fact::Refund(fact) => {
            let known = payment.refunds.iter().find(|refund| {
                refund.reference.as_deref() == Some(fact.reference.as_str())
                    || (refund.reference.is_none() && Some(refund.id) == fact.refund)
            });
            known.map_or_else(|| "unknown".to_owned(), |refund| format!("refund {:?}", refund.state).to_lowercase())
        }
        Fact::Dispute(fact) => {
            let known = payment.disputes.iter().find(|dispute| dispute.reference == fact.reference);
            let word = |status| format!("dispute {status:?}").to_lowercase();
            known.map_or_else(|| "unknown".to_owned(), |dispute| word(dispute.state.status))
        }
    }
}

fn attempt_of(payment: &Payment, fact: &Fact) -> Option<AttemptId> {
    let (reference, named) = match fact {
        Fact::Attempt(fact) => (&fact.reference, fact.attempt),
        Fact::Refund(fact) => (&fact.attempt_reference, None),
        Fact::Dispute(fact) => (&fact.attempt_reference, None),
    };
    let by_reference = payment.attempts.iter().find(|attempt| attempt.reference.as_ref() == Some(reference));
    by_reference.or_else(|| payment.attempt(named?)).map(|attempt| attempt.id)
}

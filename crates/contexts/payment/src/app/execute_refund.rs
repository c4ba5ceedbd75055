//! Requests a refund from its provider. The timer repeats this until the provider answers; the ID of the refund makes it
//! happen once.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::apply_provider_facts::{commit_change, merge_facts};
use crate::domain::merge::RefundState;
use crate::domain::payment::{Fact, Payment, PaymentId, RefundFact, RefundId};
use crate::metrics;
use crate::providers::{NewRefund, ProviderError};
use crate::store::payments;
use crate::timers::{EXECUTE_REFUND, done_once};

pub(crate) async fn execute_refund(app: &App, due: &DueTimer) -> Result<(), Error> {
    let (cx, id) = (Cx::system(EXECUTE_REFUND, app.store().clock().now()), RefundId::new(due.key));
    let payment = match payments::id_by_refund(app.store(), id).await? {
        Some(payment) => payments::by_id(app.store(), payment).await?,
        None => None,
    };
    let Some(execution) = payment.and_then(|payment| execution(&payment, id)) else {
        return done_once(app.store().commit(&cx, Commit::new().fired(due)).await);
    };
    let (_, port) = app.providers.named(&execution.provider)?;
    let answer = match port.refund(&cx, &execution.request).await {
        Ok(fact) => Answer::Accepted(fact),
        Err(ProviderError::Refused(reason)) => Answer::Refused(reason),
        Err(error) => {
            alert_delayed(due);
            return Err(error.into_error());
        }
    };
    app.store().attempt(&cx, || store_answer(app, &cx, due, &execution, &answer)).await
}

/// Number of failed requests between two alerts: about an hour, because the pause grows to five minutes.
const ALERT_EVERY: u32 = 16;

/// Alerts operators about a refund that the provider does not answer. The request is repeated until it does, because the
/// customer must receive the money.
fn alert_delayed(due: &DueTimer) {
    if due.attempts > 0 && due.attempts.is_multiple_of(ALERT_EVERY) {
        metrics::refund_delayed();
        tracing::error!(
            refund.id = due.key,
            attempts = due.attempts,
            "provider does not answer the request for a refund; it is repeated"
        );
    }
}

/// A refund that its provider has not answered yet.
struct Execution {
    payment: PaymentId,
    provider: String,
    request: NewRefund,
}

/// Answer of a provider.
enum Answer {
    Accepted(RefundFact),
    /// The provider refused the refund for this reason.
    Refused(String),
}

/// The request for a refund; `None` if the provider has answered it.
fn execution(payment: &Payment, id: RefundId) -> Option<Execution> {
    let refund = payment.refund(id).filter(|refund| refund.state == RefundState::Pending)?;
    let attempt = payment.attempt(refund.attempt?)?;
    let request = NewRefund {
        refund: id,
        attempt_reference: attempt.reference.clone()?,
        amount: refund.amount,
        requested_at: refund.created_at,
    };
    Some(Execution { payment: payment.intent.id, provider: attempt.provider.clone(), request })
}

async fn store_answer(app: &App, cx: &Cx, due: &DueTimer, execution: &Execution, answer: &Answer) -> Result<(), Error> {
    let mut commit = Commit::new().fired(due);
    if let Some(before) = payments::by_id(app.store(), execution.payment).await? {
        let mut after = before.clone();
        match answer {
            Answer::Accepted(fact) => {
                let fact = RefundFact { refund: Some(execution.request.refund), ..fact.clone() };
                merge_facts(app, cx, &mut after, &execution.provider, &[Fact::Refund(fact)]);
            }
            Answer::Refused(reason) => after.fail_refund(execution.request.refund, reason),
        }
        commit = commit_change(app, cx, commit, &before, after).0;
    }
    done_once(app.store().commit(cx, commit).await)
}

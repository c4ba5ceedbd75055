//! Gives up attempts whose money nobody waits for, with their providers: the order is paid or cancelled.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::conclude::{conclude, hear};
use crate::domain::payment::{Attempt, AttemptFact, Fact, PaymentId};
use crate::providers::ProviderError;
use crate::providers::sandbox::done_once;
use crate::store::payments;

/// The timer of a payment with attempts that nobody needs, by the payment.
pub(crate) const CANCEL: &str = "payment.cancel_attempts";

pub(crate) async fn cancel_attempts(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system("payment.cancel_attempts", app.store().clock().now());
    let id = PaymentId::new(due.key);
    let mut said = Vec::new();
    if let Some(payment) = payments::by_id(app.store(), id).await? {
        for attempt in payment.needless() {
            said.extend(give_up(app, &cx, attempt).await?);
        }
    }
    app.store().attempt(&cx, || write_down(app, &cx, due, id, &said)).await
}

/// What the provider says of an attempt that it was told to give up; nothing of one that no provider has told us of:
/// nobody can pay it, and when the provider tells after all, it is given up then.
async fn give_up(app: &App, cx: &Cx, attempt: &Attempt) -> Result<Option<(String, AttemptFact)>, Error> {
    let Some(reference) = &attempt.reference else { return Ok(None) };
    let (_, port) = app.providers.named(&attempt.provider)?;
    match port.cancel(cx, reference).await {
        Ok(fact) => Ok(Some((attempt.provider.clone(), fact))),
        // It stays as it is. If it is paid all the same, the order hears of it and gives the money back.
        Err(ProviderError::Refused(words)) => {
            tracing::warn!(attempt.id = attempt.id.get(), words, "an attempt cannot be given up");
            Ok(None)
        }
        Err(error) => Err(error.into_error()),
    }
}

async fn write_down(
    app: &App,
    cx: &Cx,
    due: &DueTimer,
    id: PaymentId,
    said: &[(String, AttemptFact)],
) -> Result<(), Error> {
    let mut commit = Commit::new().fired(due);
    if let Some(before) = payments::by_id(app.store(), id).await? {
        let mut after = before.clone();
        for (provider, fact) in said {
            hear(app, cx, &mut after, provider, &[Fact::Attempt(fact.clone())]);
        }
        commit = conclude(app, cx, commit, (&before, after)).0;
    }
    done_once(app.store().commit(cx, commit).await)
}

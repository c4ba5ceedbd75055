//! Asks the provider for a refund, again and again until there is an answer. The refund's id makes it happen once.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use super::conclude::{conclude, hear};
use crate::domain::merge::RefundState;
use crate::domain::payment::{Fact, Payment, PaymentId, RefundFact, RefundId};
use crate::providers::sandbox::done_once;
use crate::providers::{NewRefund, ProviderError};
use crate::store::payments;

/// The timer of a refund that the provider was not asked for yet, by the refund.
pub(crate) const PAY_BACK: &str = "payment.pay_back";

pub(crate) async fn pay_back(app: &App, due: &DueTimer) -> Result<(), Error> {
    let (cx, id) = (Cx::system("payment.pay_back", app.store().clock().now()), RefundId::new(due.key));
    let payment = match payments::id_by_refund(app.store(), id).await? {
        Some(payment) => payments::by_id(app.store(), payment).await?,
        None => None,
    };
    let Some((payment, provider, asked)) = payment.and_then(|payment| asked(payment, id)) else {
        return done_once(app.store().commit(&cx, Commit::new().fired(due)).await);
    };
    let (_, port) = app.providers.named(&provider)?;
    let answer = match port.refund(&cx, &asked).await {
        Ok(fact) => Ok(fact),
        Err(ProviderError::Refused(words)) => Err(words),
        Err(error) => return Err(error.into_error()),
    };
    app.store().attempt(&cx, || write_down(app, &cx, due, payment.intent.id, (&provider, &answer))).await
}

/// What the provider is asked for; none when it was asked, or answered, before.
fn asked(payment: Payment, id: RefundId) -> Option<(Payment, String, NewRefund)> {
    let refund = payment.refund(id).filter(|refund| refund.state == RefundState::Pending)?;
    let attempt = payment.attempt(refund.attempt?)?;
    let asked = NewRefund {
        refund: id,
        attempt_reference: attempt.reference.clone()?,
        amount: refund.amount,
        asked_at: refund.created_at,
    };
    let provider = attempt.provider.clone();
    Some((payment, provider, asked))
}

/// Writes down what the provider did, or the words with which it refused.
async fn write_down(
    app: &App,
    cx: &Cx,
    due: &DueTimer,
    id: PaymentId,
    (provider, answer): (&str, &Result<RefundFact, String>),
) -> Result<(), Error> {
    let mut commit = Commit::new().fired(due);
    if let Some(before) = payments::by_id(app.store(), id).await? {
        let mut after = before.clone();
        match answer {
            Ok(fact) => {
                let fact = RefundFact { refund: Some(RefundId::new(due.key)), ..fact.clone() };
                hear(app, cx, &mut after, provider, &[Fact::Refund(fact)]);
            }
            Err(words) => after.refuse_refund(RefundId::new(due.key), words),
        }
        commit = conclude(app, cx, commit, (&before, after)).0;
    }
    done_once(app.store().commit(cx, commit).await)
}

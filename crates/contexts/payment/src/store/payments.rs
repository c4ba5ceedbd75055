//! Payments with their attempts and refunds: read as a whole, and written back row by row where they changed.
//!
//! The version of the payment guards its attempts and refunds. It is read first and checked by the commit, so the rows
//! belong to that version, or the commit is a conflict.

use std::collections::BTreeMap;

use pulse_contract::errors;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Currency, Money, Timestamp};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, row, values};

use super::{amount, disputes};
use crate::domain::payment::{
    ATTEMPTS_MAX, Attempt, AttemptId, DISPUTES_MAX, Failure, Intent, Payment, PaymentId, REFUNDS_MAX, Refund, RefundId,
};

row! {
    Intent {
        id = "id",
        order = "order_id",
        shop = "shop_id",
        customer = "customer_id",
        state = "state",
        is_closed = "is_closed",
        paid_attempt = "paid_attempt_id",
        created_at = "created_at",
        version = "version",
    } with {
        amount: Money { minor = "amount_minor", currency = "currency" },
    }
}

impl FromRow for Attempt {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let failed_at: Option<Timestamp> = row.get("failed_at")?;
        let failure: Option<String> = row.get("failure")?;
        let received_minor: Option<i64> = row.get("received_minor")?;
        let received_currency: Option<Currency> = row.get("received_currency")?;
        Ok(Self {
            id: row.get("id")?,
            provider: row.get("provider")?,
            reference: row.get("provider_reference")?,
            state: row.get("state")?,
            pay_url: row.get("pay_url")?,
            return_url: row.get("return_url")?,
            failure: failure.zip(failed_at).map(|(text, at)| Failure { at, text }),
            received: received_minor.zip(received_currency).map(|(minor, currency)| Money { minor, currency }),
            cancel_tries: row.get("cancel_tries")?,
            is_booked: row.get("is_booked")?,
            started_at: row.get("started_at")?,
        })
    }
}

impl FromRow for Refund {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            attempt: row.get("attempt_id")?,
            amount: amount(row)?,
            state: row.get("state")?,
            cause: row.get("cause")?,
            reason: row.get("reason")?,
            reference: row.get("provider_reference")?,
            failure: row.get("failure")?,
            is_booked: row.get("is_booked")?,
            is_failure_published: row.get("is_failure_published")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// The payment of an order.
pub(crate) async fn of_order(store: &Store, order: OrderId) -> Result<Option<Payment>, StoreError> {
    let query = Statement::new("SELECT * FROM payment_intents WHERE order_id = ?", values![order]);
    whole(store, store.optional(query).await?).await
}

/// A payment by its ID.
pub(crate) async fn by_id(store: &Store, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    let query = Statement::new("SELECT * FROM payment_intents WHERE id = ?", values![id]);
    whole(store, store.optional(query).await?).await
}

async fn whole(store: &Store, intent: Option<Intent>) -> Result<Option<Payment>, StoreError> {
    let Some(intent) = intent else { return Ok(None) };
    let id = intent.id;
    let attempts = Statement::new(
        "SELECT * FROM payment_attempts WHERE intent_id = ? ORDER BY id LIMIT ?",
        values![id, limit(ATTEMPTS_MAX)],
    );
    let refunds = Statement::new(
        "SELECT * FROM payment_refunds WHERE intent_id = ? ORDER BY id LIMIT ?",
        values![id, limit(REFUNDS_MAX)],
    );
    let disputes = Statement::new(
        "SELECT * FROM payment_disputes WHERE intent_id = ? ORDER BY id LIMIT ?",
        values![id, limit(DISPUTES_MAX)],
    );
    let (attempts, refunds) = (store.all(attempts).await?, store.all(refunds).await?);
    Ok(Some(Payment { intent, attempts, refunds, disputes: store.all(disputes).await? }))
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Payment of the attempt with this ID at the provider.
pub(crate) async fn id_by_reference(
    store: &Store,
    provider: &str,
    reference: &str,
) -> Result<Option<PaymentId>, StoreError> {
    let query = Statement::new(
        "SELECT intent_id FROM payment_attempts WHERE provider = ? AND provider_reference = ?",
        values![provider, reference],
    );
    store.optional(query).await
}

/// Payment of an attempt.
pub(crate) async fn id_by_attempt(
    store: &Store,
    provider: &str,
    attempt: AttemptId,
) -> Result<Option<PaymentId>, StoreError> {
    let query = Statement::new(
        "SELECT intent_id FROM payment_attempts WHERE id = ? AND provider = ?",
        values![attempt, provider],
    );
    store.optional(query).await
}

/// Payment of a refund.
pub(crate) async fn id_by_refund(store: &Store, refund: RefundId) -> Result<Option<PaymentId>, StoreError> {
    let query = Statement::new("SELECT intent_id FROM payment_refunds WHERE id = ?", values![refund]);
    store.optional(query).await
}

/// Attempts with a provider in a period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartedAttempts<'a> {
    pub(crate) provider: &'a str,
    /// Start of the period; attempts at this instant need a larger ID than `after_id`.
    pub(crate) after: Timestamp,
    pub(crate) after_id: AttemptId,
    /// End of the period.
    pub(crate) until: Timestamp,
}

/// The attempts of a period, oldest first.
pub(crate) async fn started(store: &Store, range: StartedAttempts<'_>, count: i64) -> Result<Vec<Attempt>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM payment_attempts WHERE provider = ? AND started_at <= ? \
         AND (started_at > ? OR (started_at = ? AND id > ?)) ORDER BY started_at, id LIMIT ?",
        values![range.provider, range.until, range.after, range.after, range.after_id, count],
    );
    store.all(query).await
}

/// Adds the rows of a new payment. If the order got a payment meanwhile, the commit is refused as contended.
pub(crate) fn insert(commit: Commit, payment: &Payment) -> Commit {
    let insert = Insert::rows("payment_intents", [&payment.intent]);
    let commit = commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED);
    let none = Payment::opened(payment.intent.clone());
    write_below(commit, &none, payment)
}

/// Adds the updates of the rows that differ from `before`; none if nothing changed.
pub(crate) fn update(commit: Commit, before: &Payment, after: &Payment) -> Commit {
    if before == after {
        return commit;
    }
    let Intent { id, amount, state, is_closed, paid_attempt, .. } = &after.intent;
    let update = Statement::new(
        "UPDATE payment_intents SET currency = ?, amount_minor = ?, state = ?, is_closed = ?, paid_attempt_id = ?, \
         version = version + 1 WHERE id = ? AND version = ?",
        values![amount.currency, amount.minor, *state, *is_closed, *paid_attempt, *id, before.intent.version],
    );
    write_below(commit.write(update).expect_rows(1), before, after)
}

fn write_below(mut commit: Commit, before: &Payment, after: &Payment) -> Commit {
    let intent = after.intent.id;
    for attempt in &after.attempts {
        match before.attempt(attempt.id) {
            Some(known) if known == attempt => {}
            Some(_) => commit = commit.write(update_attempt(attempt)).expect_rows(1),
            None => commit = commit.insert(insert_attempt(intent, attempt)),
        }
    }
    let provider_of: BTreeMap<AttemptId, &str> =
        after.attempts.iter().map(|attempt| (attempt.id, attempt.provider.as_str())).collect();
    for refund in &after.refunds {
        match before.refund(refund.id) {
            Some(known) if known == refund => {}
            Some(_) => commit = commit.write(update_refund(refund)).expect_rows(1),
            None => {
                let provider = refund.attempt.and_then(|id| provider_of.get(&id).copied());
                commit = commit.insert(insert_refund(intent, provider, refund));
            }
        }
    }
    for dispute in &after.disputes {
        match before.disputes.iter().find(|known| known.id == dispute.id) {
            Some(known) if known == dispute => {}
            Some(_) => commit = commit.write(disputes::update(dispute)).expect_rows(1),
            None => {
                let provider = provider_of.get(&dispute.attempt).copied().unwrap_or_default();
                commit = commit.insert(disputes::insert(&after.intent, provider, dispute));
            }
        }
    }
    commit
}

fn insert_attempt(intent: PaymentId, attempt: &Attempt) -> Insert {
    let columns = &[
        "id",
        "intent_id",
        "provider",
        "provider_reference",
        "state",
        "pay_url",
        "return_url",
        "failure",
        "failed_at",
        "received_currency",
        "received_minor",
        "cancel_tries",
        "is_booked",
        "started_at",
    ];
    Insert::into("payment_attempts", columns).row(values![
        attempt.id,
        intent,
        attempt.provider.as_str(),
        attempt.reference.as_deref(),
        attempt.state,
        attempt.pay_url.as_str(),
        attempt.return_url.as_str(),
        attempt.failure.as_ref().map(|failure| failure.text.as_str()),
        attempt.failure.as_ref().map(|failure| failure.at),
        attempt.received.map(|received| received.currency),
        attempt.received.map(|received| received.minor),
        i64::from(attempt.cancel_tries),
        attempt.is_booked,
        attempt.started_at
    ])
}

fn update_attempt(attempt: &Attempt) -> Statement {
    Statement::new(
        "UPDATE payment_attempts SET provider_reference = ?, state = ?, pay_url = ?, failure = ?, failed_at = ?, \
         received_currency = ?, received_minor = ?, cancel_tries = ?, is_booked = ? WHERE id = ?",
        values![
            attempt.reference.as_deref(),
            attempt.state,
            attempt.pay_url.as_str(),
            attempt.failure.as_ref().map(|failure| failure.text.as_str()),
            attempt.failure.as_ref().map(|failure| failure.at),
            attempt.received.map(|received| received.currency),
            attempt.received.map(|received| received.minor),
            i64::from(attempt.cancel_tries),
            attempt.is_booked,
            attempt.id
        ],
    )
}

fn insert_refund(intent: PaymentId, provider: Option<&str>, refund: &Refund) -> Insert {
    let columns = &[
        "id",
        "intent_id",
        "attempt_id",
        "provider",
        "provider_reference",
        "currency",
        "amount_minor",
        "state",
        "cause",
        "reason",
        "failure",
        "is_booked",
        "is_failure_published",
        "created_at",
    ];
    Insert::into("payment_refunds", columns).row(values![
        refund.id,
        intent,
        refund.attempt,
        provider,
        refund.reference.as_deref(),
        refund.amount.currency,
        refund.amount.minor,
        refund.state,
        refund.cause,
        refund.reason.as_str(),
        refund.failure.as_str(),
        refund.is_booked,
        refund.is_failure_published,
        refund.created_at
    ])
}

fn update_refund(refund: &Refund) -> Statement {
    Statement::new(
        "UPDATE payment_refunds SET provider_reference = ?, state = ?, failure = ?, is_booked = ?, \
         is_failure_published = ? WHERE id = ?",
        values![
            refund.reference.as_deref(),
            refund.state,
            refund.failure.as_str(),
            refund.is_booked,
            refund.is_failure_published,
            refund.id
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::domain::merge::{AttemptState, IntentState, RefundState};
    use pulse_contract::payment::v1 as wire;
    use pulse_store::{FromValue, Value};

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        use wire::{AttemptState as A, IntentState as I, RefundState as R};
        for (ours, theirs) in [
            (IntentState::Open, I::Open),
            (IntentState::Processing, I::Processing),
            (IntentState::Succeeded, I::Succeeded),
            (IntentState::Cancelled, I::Cancelled),
        ] {
            assert_eq!(Value::from(ours), Value::from(i32::from(theirs)));
            assert_eq!(IntentState::from_value(&i32::from(theirs).into()), Some(ours));
        }
        for (ours, theirs) in [
            (AttemptState::Created, A::Created),
            (AttemptState::Open, A::Open),
            (AttemptState::Processing, A::Processing),
            (AttemptState::Succeeded, A::Succeeded),
            (AttemptState::Failed, A::Failed),
            (AttemptState::Cancelled, A::Cancelled),
        ] {
            assert_eq!(Value::from(ours), Value::from(i32::from(theirs)));
            assert_eq!(AttemptState::from_value(&i32::from(theirs).into()), Some(ours));
        }
        for (ours, theirs) in [
            (RefundState::Pending, R::Pending),
            (RefundState::Succeeded, R::Succeeded),
            (RefundState::Failed, R::Failed),
        ] {
            assert_eq!(Value::from(ours), Value::from(i32::from(theirs)));
            assert_eq!(RefundState::from_value(&i32::from(theirs).into()), Some(ours));
        }
        assert_eq!(IntentState::from_value(&Value::Int(0)), None);
        assert_eq!(AttemptState::from_value(&Value::Int(7)), None);
        assert_eq!(RefundState::from_value(&Value::Int(-1)), None);
    }
}

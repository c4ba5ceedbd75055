//! Received webhook events of providers, one row per event.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

/// Whether the event was received before.
pub(crate) async fn is_known(store: &Store, provider: &str, event: &str) -> Result<bool, StoreError> {
    let query = Statement::new(
        "SELECT received_at FROM payment_webhooks WHERE provider = ? AND provider_event_id = ?",
        values![provider, event],
    );
    Ok(store.optional::<Timestamp>(query).await?.is_some())
}

/// A received event.
pub(crate) struct WebhookRow<'a> {
    pub(crate) provider: &'a str,
    pub(crate) event: &'a str,
    pub(crate) kind: &'a str,
    /// Result of the processing; empty if all facts were applied.
    pub(crate) outcome: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) received_at: Timestamp,
}

/// Adds an event. If it was received meanwhile, the commit is refused as contended.
pub(crate) fn insert(commit: Commit, row: &WebhookRow<'_>) -> Commit {
    let columns = &["provider", "provider_event_id", "kind", "outcome", "payload", "received_at"];
    let insert = Insert::into("payment_webhooks", columns).row(values![
        row.provider,
        row.event,
        row.kind,
        row.outcome,
        row.payload.to_vec(),
        row.received_at
    ]);
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Events received before an instant, oldest first, at most `count`.
pub(crate) async fn received_before(
    store: &Store,
    before: Timestamp,
    count: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let query = Statement::new(
        "SELECT provider, provider_event_id FROM payment_webhooks WHERE received_at < ? ORDER BY received_at LIMIT ?",
        values![before, count],
    );
    store.all(query).await
}

/// Deletes an event.
pub(crate) fn delete(provider: &str, event: &str) -> Statement {
    Statement::new(
        "DELETE FROM payment_webhooks WHERE provider = ? AND provider_event_id = ?",
        values![provider, event],
    )
}

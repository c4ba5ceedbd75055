//! What providers have told, once per event of theirs.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

/// Whether the event was taken in before.
pub(crate) async fn is_known(store: &Store, provider: &str, event: &str) -> Result<bool, StoreError> {
    let query = Statement::new(
        "SELECT received_at FROM payment_webhooks WHERE provider = ? AND provider_event_id = ?",
        values![provider, event],
    );
    Ok(store.optional::<Timestamp>(query).await?.is_some())
}

/// What is kept of an event.
pub(crate) struct WebhookRow<'a> {
    pub(crate) provider: &'a str,
    pub(crate) event: &'a str,
    pub(crate) kind: &'a str,
    /// What became of it.
    pub(crate) outcome: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) received_at: Timestamp,
}

/// Adds an event. Who takes the same one in at the same moment finds it then.
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

/// Events that were taken in before, the oldest `count`.
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

/// Forgets an event.
pub(crate) fn forget(provider: &str, event: &str) -> Statement {
    Statement::new(
        "DELETE FROM payment_webhooks WHERE provider = ? AND provider_event_id = ?",
        values![provider, event],
    )
}

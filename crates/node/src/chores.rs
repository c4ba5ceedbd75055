//! Background work that every node does: the tasks of its contexts, deletion of expired rows and events, and reloading of
//! signing keys.

use std::time::Duration;

use pulse_bus::Bus;
use pulse_context::Context;
use pulse_contract::errors;
use pulse_kernel::{Clock, Error};
use pulse_store::Store;
use pulse_token::KeyRing;
use pulse_work::{Next, Sweep};
use tokio::task::JoinSet;

/// Pause between two deletions of expired rows and events, short enough to keep each deletion small.
const PURGE_EVERY: Duration = Duration::from_secs(10 * 60);
/// Time within which a running node uses the keys of `pulse admin rotate-keys`.
const RELOAD_KEYS_EVERY: Duration = Duration::from_secs(10);

/// Starts the tasks of the contexts and the chores. `outbox_kept` is the age at which handled events are deleted.
pub(crate) fn start(
    contexts: &mut [Context],
    (bus, clock, keys): (&Bus, &Clock, &KeyRing),
    outbox_kept: Duration,
    tasks: &mut JoinSet<()>,
) {
    for context in contexts {
        tasks.spawn(purge_store(context.store.clone()));
        for task in context.tasks.drain(..) {
            tasks.spawn(task);
        }
    }
    tasks.spawn(purge_events(bus.clone(), clock.clone(), outbox_kept));
    tasks.spawn(reload_keys(keys.clone()));
}

/// Deletes expired idempotency answers and inbox entries.
async fn purge_store(store: Store) {
    let step = || async {
        store.purge_expired().await?;
        Ok(Next::AfterPause)
    };
    Sweep::every(format!("{}.purge", store.context()), store.clock().clone(), PURGE_EVERY).run(step).await;
}

/// Deletes events that every consumer has handled.
async fn purge_events(bus: Bus, clock: Clock, kept: Duration) {
    let step = || async {
        let count = bus.prune(clock.now().minus(kept)).await?;
        if count > 0 {
            tracing::debug!(count, "expired events deleted");
        }
        Ok(Next::AfterPause)
    };
    Sweep::every("events.purge", clock.clone(), PURGE_EVERY).run(step).await;
}

async fn reload_keys(keys: KeyRing) {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| -> Error {
        errors::INTERNAL.error("the signing keys were not reloaded; those in use stay").caused_by(error)
    };
    let step = || async {
        let ring = keys.clone();
        let reloaded =
            tokio::task::spawn_blocking(move || ring.reload()).await.map_err(|error| failed(error.into()))?;
        if reloaded.map_err(|error| failed(error.into()))? {
            tracing::info!(kids = ?keys.kids(), "signing keys rotated");
        }
        Ok(Next::AfterPause)
    };
    Sweep::every("keys.reload", Clock::system(), RELOAD_KEYS_EVERY).delayed().run(step).await;
}

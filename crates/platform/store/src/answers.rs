//! Idempotency: the answers of earlier requests, kept for a day.
//!
//! In this process a key in flight is known from memory. Between nodes the unique key of the answers decides: the
//! second commit under a key is refused with `IDEMPOTENCY_IN_FLIGHT`, and its caller's next attempt is a replay.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pulse_kernel::{Cx, Error, Idempotency, Timestamp};

use crate::sealed;
use crate::transaction::{Step, Transaction};
use crate::{Store, StoreError, values};
use pulse_contract::{Answers, Begun, InFlightGuard, errors};

/// How long an answer is kept.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// How long it is remembered which events were consumed. Keep events in the outbox for less than that.
pub const INBOX_RETENTION: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How often old answers and inbox entries are looked for.
pub const SWEEP_PAUSE: Duration = Duration::from_secs(10 * 60);

/// How much time's worth of answers is deleted in one transaction.
const SWEEP_SLICE: Duration = Duration::from_secs(1);

/// The keys that requests of this process hold.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    keys: Mutex<HashSet<(String, String)>>,
}

impl InFlight {
    /// Takes the key until the guard is dropped; `None` while somebody holds it.
    fn take(self: &Arc<Self>, idempotency: &Idempotency) -> Option<InFlightGuard> {
        let key = (idempotency.scope.clone(), idempotency.key.clone());
        let is_free = self.keys.lock().insert(key.clone());
        let held = Arc::clone(self);
        is_free.then(|| {
            InFlightGuard::new(move || {
                held.keys.lock().remove(&key);
            })
        })
    }
}

#[async_trait]
impl Answers for Store {
    async fn begin(&self, cx: &Cx) -> Result<Begun, Error> {
        let Some(idempotency) = cx.idempotency.as_deref() else {
            return Err(errors::INTERNAL.error("an idempotent request began without a key"));
        };
        // The key is taken before the look-up: what commits in between is then either seen or refused here.
        let guard = self.inner.in_flight.take(idempotency);
        let query = self.own(
            "SELECT fingerprint, answer, created_at FROM #_answers WHERE scope = ? AND idempotency_key = ?",
            values![&idempotency.scope, sealed::lookup(idempotency)],
        );
        let mut saved = self.optional::<([u8; 32], Bytes, Timestamp)>(query).await?;
        let cutoff = cx.now.minus(RETENTION);
        if saved.as_ref().is_some_and(|(_, _, created_at)| *created_at <= cutoff) {
            // Not swept yet: it would refuse the new answer under its key.
            self.forget(idempotency, cutoff).await?;
            saved = None;
        }
        match (saved, guard) {
            (Some((fingerprint, ..)), _) if fingerprint != idempotency.fingerprint => {
                Err(errors::IDEMPOTENCY_KEY_REUSED.error("the key was used for a request with another content"))
            }
            (Some((_, answer, _)), _) => sealed::open(idempotency, &answer)
                .map(Begun::Replay)
                .ok_or_else(|| errors::INTERNAL.error("the saved answer is damaged")),
            (None, Some(guard)) => Ok(Begun::Proceed(guard)),
            (None, None) => Err(errors::IDEMPOTENCY_IN_FLIGHT.error("a request with this key is under way")),
        }
    }
}

impl Store {
    /// Forgets old answers, and inbox entries older than [`INBOX_RETENTION`], every [`SWEEP_PAUSE`].
    ///
    /// Cancel-safe: it goes on where it was the next time.
    pub async fn sweep(&self) {
        loop {
            let now = self.clock().now();
            let swept = match self.sweep_answers().await {
                Ok(()) => self.prune_inbox(now.minus(INBOX_RETENTION)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = swept {
                tracing::warn!(%error, context = self.context(), "old answers and inbox entries stay for now");
            }
            self.clock().sleep_until(now.plus(SWEEP_PAUSE)).await;
        }
    }

    /// Deletes the answer under a key when it is not younger than `cutoff`.
    async fn forget(&self, idempotency: &Idempotency, cutoff: Timestamp) -> Result<(), StoreError> {
        let sql = self.sql("DELETE FROM #_answers WHERE scope = ? AND idempotency_key = ? AND created_at <= ?");
        let step = Step::new(sql, values![&idempotency.scope, sealed::lookup(idempotency), cutoff]);
        self.execute(Transaction { steps: vec![step] }).await
    }

    /// Deletes answers that are older than a day; to be called now and then.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn sweep_answers(&self) -> Result<(), StoreError> {
        let cutoff = self.clock().now().minus(RETENTION);
        loop {
            let query = self.own(
                "SELECT COALESCE(MIN(created_at), ?) FROM #_answers WHERE created_at <= ?",
                values![i64::MAX, cutoff],
            );
            let (oldest,): (i64,) = self.one(query).await?;
            if oldest > cutoff.as_millis() {
                return Ok(());
            }
            let until = Timestamp::from_millis(oldest).plus(SWEEP_SLICE).min(cutoff);
            let step = Step::new(self.sql("DELETE FROM #_answers WHERE created_at <= ?"), values![until]);
            self.execute(Transaction { steps: vec![step] }).await?;
        }
    }
}

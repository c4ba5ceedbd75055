//! Idempotency: saved answers of earlier requests.
//!
//! Within a process, the keys of running requests are in memory. Between nodes the unique key of the table decides: the
//! second commit under a key is rejected with `IDEMPOTENCY_IN_FLIGHT`, and the next attempt of its caller gets the saved
//! answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pulse_kernel::{Cx, Error, Idempotency, Timestamp};

use crate::encrypted_response;
use crate::transaction::{Step, Transaction};
use crate::{Store, StoreError, values};
use pulse_contract::{Begin, IdempotencyStore, InFlightGuard, errors};

/// Time span of answers that one transaction deletes.
const PURGE_SLICE: Duration = Duration::from_secs(1);

/// The idempotency keys of the requests that run in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    keys: Mutex<HashSet<(String, String)>>,
}

impl InFlight {
    /// Takes the key until the guard is dropped. `None` while another request has it.
    fn take(self: &Arc<Self>, idempotency: &Idempotency) -> Option<InFlightGuard> {
        let key = (idempotency.scope.clone(), idempotency.key.clone());
        let is_free = self.keys.lock().insert(key.clone());
        let in_flight = Arc::clone(self);
        is_free.then(|| {
            InFlightGuard::new(move || {
                in_flight.keys.lock().remove(&key);
            })
        })
    }
}

#[async_trait]
impl IdempotencyStore for Store {
    async fn begin(&self, cx: &Cx) -> Result<Begin, Error> {
        let Some(idempotency) = cx.idempotency.as_deref() else {
            return Err(errors::INTERNAL.error("idempotent request without an idempotency key"));
        };
        // The key is taken before the lookup: an answer that is committed in between is either found or rejected here.
        let guard = self.inner.in_flight.take(idempotency);
        let query = self.own(
            "SELECT fingerprint, answer, created_at FROM #_answers WHERE scope = ? AND idempotency_key = ?",
            values![&idempotency.scope, encrypted_response::lookup(idempotency)],
        );
        let mut saved = self.optional::<([u8; 32], Bytes, Timestamp)>(query).await?;
        let cutoff = cx.now.minus(self.database().options.answer_retention);
        if saved.as_ref().is_some_and(|(_, _, created_at)| *created_at <= cutoff) {
            // Expired but not deleted yet: its row would reject the new answer under the same key.
            self.delete_answer(idempotency, cutoff).await?;
            saved = None;
        }
        match (saved, guard) {
            (Some((fingerprint, ..)), _) if fingerprint != idempotency.fingerprint => {
                Err(errors::IDEMPOTENCY_KEY_REUSED
                    .error("the idempotency key was used for a request with other content"))
            }
            (Some((_, answer, _)), _) => encrypted_response::decrypt(idempotency, &answer)
                .map(Begin::Replay)
                .ok_or_else(|| errors::INTERNAL.error("the saved answer cannot be decrypted")),
            (None, Some(guard)) => Ok(Begin::Proceed(guard)),
            (None, None) => Err(errors::IDEMPOTENCY_IN_FLIGHT.error("a request with this idempotency key is running")),
        }
    }
}

impl Store {
    /// Deletes expired answers and inbox entries; to be called every few minutes. [`crate::Options`] sets how long both are
    /// kept.
    ///
    /// Cancel-safe: the next call continues where this one stopped.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn purge_expired(&self) -> Result<(), StoreError> {
        self.purge_answers().await?;
        self.prune_inbox(self.clock().now().minus(self.database().options.inbox_retention)).await
    }

    /// Deletes the answer under a key when it was saved at `cutoff` or before.
    async fn delete_answer(&self, idempotency: &Idempotency, cutoff: Timestamp) -> Result<(), StoreError> {
        let sql = self.sql("DELETE FROM #_answers WHERE scope = ? AND idempotency_key = ? AND created_at <= ?");
        let step = Step::new(sql, values![&idempotency.scope, encrypted_response::lookup(idempotency), cutoff]);
        self.execute(Transaction { steps: vec![step] }).await
    }

    /// Deletes the answers that are older than `Options::answer_retention`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn purge_answers(&self) -> Result<(), StoreError> {
        let cutoff = self.clock().now().minus(self.database().options.answer_retention);
        loop {
            let query = self.own(
                "SELECT COALESCE(MIN(created_at), ?) FROM #_answers WHERE created_at <= ?",
                values![i64::MAX, cutoff],
            );
            let oldest: i64 = self.one(query).await?;
            if oldest > cutoff.as_millis() {
                return Ok(());
            }
            let until = Timestamp::from_millis(oldest).plus(PURGE_SLICE).min(cutoff);
            let step = Step::new(self.sql("DELETE FROM #_answers WHERE created_at <= ?"), values![until]);
            self.execute(Transaction { steps: vec![step] }).await?;
        }
    }
}

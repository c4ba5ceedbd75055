//! The outbox as a log: events in an order that never changes behind a reader's back.
//!
//! On SQLite the row id of the one writer is that order. Elsewhere transactions commit in another order than they
//! draw numbers in, so a reader that remembers an offset could miss the late ones. There, rows are inserted without
//! a `seq`, and whoever reads first gives numbers to the committed rows, in a transaction that moves one counter:
//! two readers cannot both move it, and the second one's numbers become visible after the first one's.

use std::sync::Arc;

use bytes::Bytes;
use pulse_kernel::snowflake::EPOCH_MS;
use pulse_kernel::{Timestamp, TraceContext};
use tokio::sync::watch;

use crate::sql::dialect::Dialect;
use crate::sql::{FromRow, Row};
use crate::transaction::{Refusal, Step, Transaction};
use crate::{Store, StoreError, Value, values};

/// The columns of the outbox that a commit fills.
pub(crate) const COLUMNS: &[&str] = &["id", "topic", "entity_key", "occurred_at", "trace", "payload"];

/// How many rows get their number in one transaction.
const SEQUENCE_ROWS_MAX: i64 = 256;
/// How often numbers are tried for in vain while nobody else gives any either: somebody holds a lock and does not end.
const SEQUENCE_ATTEMPTS_MAX: u32 = 5;
/// How many rows are deleted in one transaction.
const PRUNE_ROWS_MAX: i64 = 1_000;

/// An event as it lies in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the log of its context. Grows, with gaps.
    pub seq: i64,
    /// Identifies the event everywhere; what inboxes remember.
    pub id: i64,
    /// What kind of event: `pulse.account.v1.AccountRegistered`. Shared by events of one read.
    pub topic: Arc<str>,
    /// Events of one key are delivered in the order of `seq`.
    pub key: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The trace of the request that caused it.
    pub trace: TraceContext,
    /// The encoded message.
    pub payload: Bytes,
}

impl FromRow for StoredEvent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            topic: row.get::<String>("topic")?.into(),
            key: row.get("entity_key")?,
            occurred_at: row.get("occurred_at")?,
            trace: decode_trace(row.get("trace")?),
            payload: row.get("payload")?,
        })
    }
}

impl Store {
    /// The events after `seq`, at most `limit` of them, in order. After them none with a smaller `seq` appears.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn events_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        self.sequence_events().await?;
        let query = self.own(
            "SELECT seq, id, topic, entity_key, occurred_at, trace, payload FROM #_outbox WHERE seq > ? \
             ORDER BY seq LIMIT ?",
            values![seq, limit],
        );
        self.all(query).await
    }

    /// Changes after commits of this process that wrote events. Those of other nodes must be polled for,
    /// see [`crate::Database::is_shared`].
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.inner.events.subscribe()
    }

    /// The `seq` of the newest event; 0 when there was never one.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn last_event_seq(&self) -> Result<i64, StoreError> {
        self.sequence_events().await?;
        let query = match self.dialect() {
            Dialect::Sqlite => self.own("SELECT COALESCE(MAX(seq), 0) FROM #_outbox", values![]),
            Dialect::Postgres | Dialect::Mysql { .. } => {
                self.own("SELECT value FROM #_counters WHERE name = 'outbox'", values![])
            }
        };
        Ok(self.one::<(i64,)>(query).await?.0)
    }

    /// Deletes the oldest events, up to and with `seq`, for as long as they happened before `occurred_before`; says how
    /// many those were.
    ///
    /// The newest event stays, so that its number is never given again.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune_events(&self, seq: i64, occurred_before: Timestamp) -> Result<u64, StoreError> {
        let last = seq.min(self.last_event_seq().await? - 1);
        let mut pruned = 0;
        loop {
            // By position and not by time, which has no index: what is kept is not looked at.
            let oldest = self.own(
                "SELECT seq, occurred_at FROM #_outbox WHERE seq <= ? ORDER BY seq LIMIT ?",
                values![last, PRUNE_ROWS_MAX],
            );
            let oldest: Vec<(i64, Timestamp)> = self.all(oldest).await?;
            let old = oldest.iter().take_while(|(_, occurred_at)| *occurred_at < occurred_before);
            let seqs: Vec<i64> = old.map(|(seq, _)| *seq).collect();
            let Some(until) = seqs.last() else {
                return Ok(pruned);
            };
            let delete = Step::new(self.sql("DELETE FROM #_outbox WHERE seq <= ?"), values![*until]);
            self.execute(Transaction { steps: vec![delete] }).await?;
            pruned += u64::try_from(seqs.len()).unwrap_or(0);
        }
    }

    /// Whether `consumer` has consumed the event.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn is_consumed(&self, consumer: &str, event_id: i64) -> Result<bool, StoreError> {
        let query =
            self.own("SELECT event_id FROM #_inbox WHERE consumer = ? AND event_id = ?", values![consumer, event_id]);
        Ok(self.optional::<(i64,)>(query).await?.is_some())
    }

    /// Forgets events that were consumed before `consumed_before`, however old they were by then: one that was
    /// consumed late may still come again.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune_inbox(&self, consumed_before: Timestamp) -> Result<(), StoreError> {
        // Nothing is consumed before it is drawn: the ids, which are the key, spare a look at the younger rows.
        let oldest_id = first_id_at(consumed_before);
        let consumers: Vec<(String,)> = self.all(self.own("SELECT DISTINCT consumer FROM #_inbox", values![])).await?;
        for (consumer,) in consumers {
            let sql = self.sql("DELETE FROM #_inbox WHERE consumer = ? AND event_id < ? AND consumed_at < ?");
            let step = Step::new(sql, values![consumer, oldest_id, consumed_before]);
            self.execute(Transaction { steps: vec![step] }).await?;
        }
        Ok(())
    }

    /// Gives numbers to committed events that have none yet; `StoreError::Conflict` when they stay locked.
    async fn sequence_events(&self) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let (mut lost_at, mut losses) = (None, 0);
        loop {
            let query = self.own(
                "SELECT position FROM #_outbox WHERE seq IS NULL ORDER BY position LIMIT ?",
                values![SEQUENCE_ROWS_MAX],
            );
            let positions: Vec<(i64,)> = self.all(query).await?;
            if positions.is_empty() {
                return Ok(());
            }
            let query = self.own("SELECT value FROM #_counters WHERE name = 'outbox'", values![]);
            let (last,): (i64,) = self.one(query).await?;
            match self.execute(Transaction { steps: self.sequence_steps(last, &positions) }).await {
                Ok(()) => {}
                // When another node was faster, the counter has moved and there may be more by now: look again.
                Err(StoreError::Conflict) if lost_at != Some(last) => (lost_at, losses) = (Some(last), 1),
                Err(StoreError::Conflict) if losses < SEQUENCE_ATTEMPTS_MAX => losses += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn sequence_steps(&self, last: i64, positions: &[(i64,)]) -> Vec<Step> {
        let count = i64::try_from(positions.len()).unwrap_or(0);
        let counter = self.sql("UPDATE #_counters SET value = ? WHERE name = 'outbox' AND value = ?");
        let mut steps = vec![Step::new(counter, values![last + count, last]).expecting(1, Refusal::Conflict)];
        let cases = "WHEN ? THEN ? ".repeat(positions.len());
        let list = crate::sql::placeholders(positions.len());
        let text =
            format!("UPDATE #_outbox SET seq = CASE position {cases}END WHERE position IN ({list}) AND seq IS NULL");
        let mut args: Vec<Value> = Vec::with_capacity(positions.len() * 3);
        for (seq, (position,)) in (last + 1..).zip(positions) {
            args.extend(values![*position, seq]);
        }
        args.extend(positions.iter().map(|(position,)| Value::Int(*position)));
        let expected = u64::try_from(count).unwrap_or(0);
        let text = text.replace('#', self.context());
        steps.push(Step::new(text, args).expecting(expected, Refusal::Conflict));
        steps
    }
}

/// The smallest id that is drawn at `instant`: its milliseconds above the 22 bits of node and sequence.
fn first_id_at(instant: Timestamp) -> i64 {
    instant.as_millis().saturating_sub(EPOCH_MS).max(0) << 22
}

/// 16 bytes of trace, 8 of span, 1 of flags; NULL without a trace.
pub(crate) fn encode_trace(trace: TraceContext) -> Value {
    if trace.trace_id == 0 {
        return Value::from(None::<Bytes>);
    }
    let mut bytes = Vec::with_capacity(25);
    bytes.extend(trace.trace_id.to_be_bytes());
    bytes.extend(trace.span_id.to_be_bytes());
    bytes.push(u8::from(trace.is_sampled));
    Value::from(bytes)
}

fn decode_trace(bytes: Option<[u8; 25]>) -> TraceContext {
    let Some(bytes) = bytes else {
        return TraceContext::default();
    };
    let (trace_id, rest) = bytes.split_first_chunk().map_or(([0; 16], &[][..]), |(head, rest)| (*head, rest));
    let (span_id, flags) = rest.split_first_chunk().map_or(([0; 8], &[][..]), |(head, rest)| (*head, rest));
    TraceContext {
        trace_id: u128::from_be_bytes(trace_id),
        span_id: u64::from_be_bytes(span_id),
        is_sampled: flags == [1],
    }
}

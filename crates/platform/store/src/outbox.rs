//! The outbox as a log: no event ever appears before an event that was read.
//!
//! On SQLite, which has one writer, the row ID is the order of the log. On the other engines transactions commit in another
//! order than they draw numbers, so a reader that remembers an offset could miss late commits. There, rows are inserted
//! without a `seq`. The first reader numbers the committed rows in a transaction that advances one counter. Two readers
//! cannot both advance it, and numbers of the second become visible after those of the first.

use std::sync::Arc;

use bytes::Bytes;
use pulse_kernel::snowflake::EPOCH_MS;
use pulse_kernel::{Timestamp, TraceContext};
use tokio::sync::watch;

use crate::sql::dialect::Dialect;
use crate::sql::{FromRow, Row};
use crate::transaction::{Refusal, Step, Transaction};
use crate::{Store, StoreError, Value, values};

/// Columns of the outbox that a commit fills.
pub(crate) const COLUMNS: &[&str] = &["id", "topic", "entity_key", "occurred_at", "trace", "payload"];

/// Maximum number of rows that one transaction numbers.
const SEQUENCE_ROWS_MAX: i64 = 256;
/// Maximum number of failed attempts to number rows while no other reader succeeds either, as behind a stuck lock.
const SEQUENCE_ATTEMPTS_MAX: u32 = 5;
/// Maximum number of rows that one transaction deletes.
const PRUNE_ROWS_MAX: i64 = 1_000;

/// An event in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Position in the log of its context. Ascending, with gaps.
    pub seq: i64,
    /// ID of the event, unique over all contexts. Inboxes store it.
    pub id: i64,
    /// Topic, for example `pulse.account.v1.AccountRegistered`. Shared by the events of one read.
    pub topic: Arc<str>,
    /// Key of the entity. Events with the same key are delivered in the order of `seq`.
    pub key: i64,
    /// Instant of the commit that wrote it.
    pub occurred_at: Timestamp,
    /// Trace of the request that caused it.
    pub trace: TraceContext,
    /// Encoded message.
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
    /// At most `limit` events after `seq`, in order. No event with a smaller `seq` appears later.
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

    /// Number of commits of this process that wrote events, as a watch. Commits of other nodes have to be polled, see
    /// [`crate::Database::is_shared`].
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.inner.events.subscribe()
    }

    /// `seq` of the newest event. 0 when there never was one.
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
        self.one(query).await
    }

    /// Deletes the oldest events, up to and including `seq`, that happened before `occurred_before`. Returns their number.
    ///
    /// The newest event always stays, so that its `seq` is never assigned again.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune_events(&self, seq: i64, occurred_before: Timestamp) -> Result<u64, StoreError> {
        let last = seq.min(self.last_event_seq().await? - 1);
        let mut pruned = 0;
        loop {
            // By position, because the time has no index: rows that stay are not read.
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
        Ok(self.optional::<i64>(query).await?.is_some())
    }

    /// Deletes inbox entries of events that were consumed before `consumed_before`. The age of the event itself does not
    /// matter: an old event that was consumed recently may be delivered again.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune_inbox(&self, consumed_before: Timestamp) -> Result<(), StoreError> {
        // An event is consumed after its ID was drawn, so the ID, which is part of the key, excludes younger rows.
        let oldest_id = first_id_at(consumed_before);
        let consumers: Vec<String> = self.all(self.own("SELECT DISTINCT consumer FROM #_inbox", values![])).await?;
        for consumer in consumers {
            let sql = self.sql("DELETE FROM #_inbox WHERE consumer = ? AND event_id < ? AND consumed_at < ?");
            let step = Step::new(sql, values![consumer, oldest_id, consumed_before]);
            self.execute(Transaction { steps: vec![step] }).await?;
        }
        Ok(())
    }

    /// Numbers the committed events that have no `seq` yet. Fails with `StoreError::Conflict` when they stay locked.
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
            let positions: Vec<i64> = self.all(query).await?;
            if positions.is_empty() {
                return Ok(());
            }
            let query = self.own("SELECT value FROM #_counters WHERE name = 'outbox'", values![]);
            let last: i64 = self.one(query).await?;
            match self.execute(Transaction { steps: self.sequence_steps(last, &positions) }).await {
                Ok(()) => {}
                // When another node was faster, the counter has advanced, and there may be more rows.
                Err(StoreError::Conflict) if lost_at != Some(last) => (lost_at, losses) = (Some(last), 1),
                Err(StoreError::Conflict) if losses < SEQUENCE_ATTEMPTS_MAX => losses += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn sequence_steps(&self, last: i64, positions: &[i64]) -> Vec<Step> {
        let count = i64::try_from(positions.len()).unwrap_or(0);
        let counter = self.sql("UPDATE #_counters SET value = ? WHERE name = 'outbox' AND value = ?");
        let mut steps = vec![Step::new(counter, values![last + count, last]).expecting(1, Refusal::Conflict)];
        let cases = "WHEN ? THEN ? ".repeat(positions.len());
        let list = crate::sql::placeholders(positions.len());
        let text =
            format!("UPDATE #_outbox SET seq = CASE position {cases}END WHERE position IN ({list}) AND seq IS NULL");
        let mut args: Vec<Value> = Vec::with_capacity(positions.len() * 3);
        for (seq, position) in (last + 1..).zip(positions) {
            args.extend(values![*position, seq]);
        }
        args.extend(positions.iter().copied().map(Value::Int));
        let expected = u64::try_from(count).unwrap_or(0);
        let text = text.replace('#', self.context());
        steps.push(Step::new(text, args).expecting(expected, Refusal::Conflict));
        steps
    }
}

/// Smallest ID that can be drawn at `instant`: its milliseconds above the 22 bits of node and sequence.
fn first_id_at(instant: Timestamp) -> i64 {
    instant.as_millis().saturating_sub(EPOCH_MS).max(0) << 22
}

/// Trace ID in 16 bytes, span ID in 8, flags in 1. NULL without a trace.
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

//! The tables of the bus: offsets, blocked events, dead letters, modes.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Clock, Cx, Timestamp};
use pulse_store::{Commit, FromRow, Insert, Lease, Migration, Row, Statement, Store, StoreError, StoredEvent, values};

use crate::dead_letters::DeadLetter;
use crate::event_row::{EventRow, trace_text};
use crate::key_order::Blocked;
use crate::mode::Mode;

/// The tables of the bus.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "bus", sql: include_str!("../migrations/0001_bus.sql") }];

/// Maximum length of a stored error text, in bytes. Longer texts are truncated.
const ERROR_BYTES_MAX: usize = 2_000;

/// Position of an event: the context of its outbox, and `seq`.
pub(crate) type OutboxPosition = (&'static str, i64);

/// A blocked event to write.
#[derive(Debug)]
pub(crate) struct BlockedRow {
    pub(crate) context: &'static str,
    pub(crate) event: Arc<StoredEvent>,
    pub(crate) blocked: Blocked,
    pub(crate) error: String,
}

/// Decisions of a worker that are written in one commit.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) blocked: Vec<BlockedRow>,
    pub(crate) retried: Vec<(OutboxPosition, Blocked, String)>,
    pub(crate) unblocked: Vec<OutboxPosition>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) offsets: Vec<OutboxPosition>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.blocked.is_empty()
            && self.retried.is_empty()
            && self.unblocked.is_empty()
            && self.dead_letters.is_empty()
            && self.offsets.is_empty()
    }
}

/// A blocked event without its content.
pub(crate) struct BlockedIndex {
    pub(crate) context: String,
    pub(crate) seq: i64,
    pub(crate) key: i64,
    pub(crate) blocked: Blocked,
}

impl FromRow for BlockedIndex {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            context: row.get("context")?,
            seq: row.get("seq")?,
            key: row.get("event_key")?,
            blocked: Blocked { attempts: row.get("attempts")?, due_at: row.get("due_at")? },
        })
    }
}

const BLOCKED_COLUMNS: &[&str] = &[
    "consumer",
    "context",
    "seq",
    "event_id",
    "topic",
    "event_key",
    "occurred_at",
    "trace",
    "payload",
    "attempts",
    "due_at",
    "error",
];
const DEAD_LETTER_COLUMNS: &[&str] = &[
    "id",
    "consumer",
    "context",
    "seq",
    "event_id",
    "topic",
    "event_key",
    "occurred_at",
    "trace",
    "payload",
    "attempts",
    "error",
    "failed_at",
];

/// The rows of one consumer.
#[derive(Clone)]
pub(crate) struct ConsumerTables {
    pub(crate) store: Store,
    pub(crate) consumer: &'static str,
    pub(crate) clock: Clock,
}

impl ConsumerTables {
    fn cx(&self) -> Cx {
        Cx::system(self.consumer, self.clock.now())
    }

    /// Writes the starting position of the consumer, unless it has an offset.
    pub(crate) async fn begin_at(&self, context: &'static str, seq: i64) -> Result<(), StoreError> {
        let cx = self.cx();
        let insert = Insert::into("bus_offsets", &["consumer", "context", "seq", "changed_at"])
            .row(values![self.consumer, context, seq, cx.now])
            .on_conflict_ignore(&["consumer", "context"]);
        self.store.commit(&cx, Commit::new().insert(insert)).await
    }

    /// Offset of the consumer in the outbox of `context`. `None` when it never read it.
    pub(crate) async fn offset(&self, context: &'static str) -> Result<Option<i64>, StoreError> {
        let text = "SELECT seq FROM bus_offsets WHERE consumer = ? AND context = ?";
        self.store.optional(Statement::new(text, values![self.consumer, context])).await
    }

    /// At most `limit` blocked events without their content, lowest positions first.
    pub(crate) async fn blocked(&self, limit: usize) -> Result<Vec<BlockedIndex>, StoreError> {
        let text = "SELECT context, seq, event_key, attempts, due_at FROM bus_blocked WHERE consumer = ? \
                    ORDER BY context, seq LIMIT ?";
        self.store.all(Statement::new(text, values![self.consumer, i64::try_from(limit).unwrap_or(i64::MAX)])).await
    }

    /// Content of a blocked event. `None` when an operator discarded it.
    pub(crate) async fn blocked_event(
        &self,
        (context, seq): OutboxPosition,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let text = "SELECT seq, event_id, topic, event_key, occurred_at, trace, payload FROM bus_blocked \
                    WHERE consumer = ? AND context = ? AND seq = ?";
        let row = self.store.optional::<EventRow>(Statement::new(text, values![self.consumer, context, seq])).await?;
        Ok(row.map(|EventRow(event)| event))
    }

    /// Positions of dead letters and discarded dead letters above the offset. A restart reads these events again and must not
    /// deliver them.
    pub(crate) async fn dead_lettered_after(&self, (context, seq): OutboxPosition) -> Result<Vec<i64>, StoreError> {
        let text = "SELECT seq FROM bus_dead_letters WHERE consumer = ? AND context = ? AND seq > ? \
                    UNION SELECT seq FROM bus_discarded WHERE consumer = ? AND context = ? AND seq > ?";
        let args = values![self.consumer, context, seq, self.consumer, context, seq];
        self.store.all(Statement::new(text, args)).await
    }

    pub(crate) async fn blocked_count(&self) -> Result<usize, StoreError> {
        let text = "SELECT COUNT(*) FROM bus_blocked WHERE consumer = ?";
        let count: i64 = self.store.one(Statement::new(text, values![self.consumer])).await?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(crate) async fn dead_letter_count(&self) -> Result<u64, StoreError> {
        let text = "SELECT COUNT(*) FROM bus_dead_letters WHERE consumer = ?";
        let count: i64 = self.store.one(Statement::new(text, values![self.consumer])).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(crate) async fn mode(&self) -> Result<Mode, StoreError> {
        let text = "SELECT mode FROM bus_modes WHERE consumer = ?";
        let word: Option<String> = self.store.optional(Statement::new(text, values![self.consumer])).await?;
        Ok(word.as_deref().map_or(Mode::Running, Mode::from_word))
    }

    pub(crate) async fn set_mode(&self, mode: Mode) -> Result<(), StoreError> {
        let cx = self.cx();
        let insert = Insert::into("bus_modes", &["consumer", "mode", "changed_at"])
            .row(values![self.consumer, mode.as_str(), cx.now])
            .on_conflict_update(&["consumer"], &["mode", "changed_at"]);
        self.store.commit(&cx, Commit::new().insert(insert)).await
    }

    /// Writes the decisions, fenced by `lease`.
    pub(crate) async fn write(&self, changes: Changes, lease: &Lease) -> Result<(), StoreError> {
        let cx = self.cx();
        let mut commit = Commit::new().fence(lease);
        if !changes.blocked.is_empty() {
            commit = commit.insert(self.blocked_rows(changes.blocked));
        }
        for ((context, seq), blocked, error) in changes.retried {
            let text = "UPDATE bus_blocked SET attempts = ?, due_at = ?, error = ? \
                        WHERE consumer = ? AND context = ? AND seq = ?";
            let error = truncated(error);
            commit = commit.write(Statement::new(
                text,
                values![blocked.attempts, blocked.due_at, error, self.consumer, context, seq],
            ));
        }
        for (context, seq) in changes.unblocked {
            let text = "DELETE FROM bus_blocked WHERE consumer = ? AND context = ? AND seq = ?";
            commit = commit.write(Statement::new(text, values![self.consumer, context, seq]));
        }
        if !changes.dead_letters.is_empty() {
            commit = commit.insert(Self::dead_letter_rows(changes.dead_letters));
        }
        for (context, seq) in changes.offsets {
            let text = "UPDATE bus_offsets SET seq = ?, changed_at = ? WHERE consumer = ? AND context = ?";
            commit = commit.write(Statement::new(text, values![seq, cx.now, self.consumer, context]));
            // Events at or below the offset are not read again.
            let text = "DELETE FROM bus_discarded WHERE consumer = ? AND context = ? AND seq <= ?";
            commit = commit.write(Statement::new(text, values![self.consumer, context, seq]));
        }
        self.store.commit(&cx, commit).await
    }

    fn blocked_rows(&self, rows: Vec<BlockedRow>) -> Insert {
        let insert = rows.into_iter().fold(Insert::into("bus_blocked", BLOCKED_COLUMNS), |insert, row| {
            let event = &row.event;
            let blocked = row.blocked;
            insert.row(values![
                self.consumer,
                row.context,
                event.seq,
                event.id,
                &*event.topic,
                event.key,
                event.occurred_at,
                trace_text(&event.trace),
                event.payload.clone(),
                blocked.attempts,
                blocked.due_at,
                truncated(row.error)
            ])
        });
        insert.on_conflict_update(&["consumer", "context", "seq"], &["attempts", "due_at", "error"])
    }

    fn dead_letter_rows(dead_letters: Vec<DeadLetter>) -> Insert {
        dead_letters.into_iter().fold(Insert::into("bus_dead_letters", DEAD_LETTER_COLUMNS), |insert, dead_letter| {
            let event = dead_letter.event;
            insert.row(values![
                dead_letter.id,
                dead_letter.consumer,
                dead_letter.context,
                event.seq,
                event.id,
                &*event.topic,
                event.key,
                event.occurred_at,
                trace_text(&event.trace),
                event.payload,
                dead_letter.attempts,
                truncated(dead_letter.error),
                dead_letter.failed_at
            ])
        })
    }

    /// Acquires the lease of the consumer. `None` while another node has it.
    pub(crate) async fn acquire(&self, holder: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.store.acquire_lease(self.consumer, holder, ttl).await
    }

    /// A new ID for a dead letter.
    pub(crate) fn next_id(&self, now: Timestamp) -> i64 {
        self.store.next_id(now)
    }
}

fn truncated(mut error: String) -> String {
    let mut end = ERROR_BYTES_MAX.min(error.len());
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error
}

//! The tables of the bus: offsets, parked events, dead letters, modes. Rows in, values out.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Clock, Cx, Timestamp, TraceContext};
use pulse_store::{Commit, FromRow, Insert, Lease, Migration, Row, Statement, Store, StoreError, StoredEvent, values};

use crate::lane::Parked;
use crate::letters::DeadLetter;
use crate::mode::Mode;

/// The tables of the bus.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "bus", sql: include_str!("../migrations/0001_bus.sql") }];

/// Error texts are cut to this many bytes; what matters stands at their beginning.
const ERROR_BYTES_MAX: usize = 2_000;

/// Where an event stands: the outbox and the position in it.
pub(crate) type Place = (&'static str, i64);

/// A parked event that is written.
#[derive(Debug)]
pub(crate) struct ParkedRow {
    pub(crate) context: &'static str,
    pub(crate) event: Arc<StoredEvent>,
    pub(crate) parked: Parked,
    pub(crate) error: String,
}

/// What a consumer's worker decided, to be written in one commit.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) parked: Vec<ParkedRow>,
    pub(crate) retried: Vec<(Place, Parked, String)>,
    pub(crate) unparked: Vec<Place>,
    pub(crate) letters: Vec<DeadLetter>,
    pub(crate) offsets: Vec<Place>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.parked.is_empty()
            && self.retried.is_empty()
            && self.unparked.is_empty()
            && self.letters.is_empty()
            && self.offsets.is_empty()
    }
}

/// The index of a parked event: what the lane needs to know.
pub(crate) struct ParkedIndex {
    pub(crate) context: String,
    pub(crate) seq: i64,
    pub(crate) key: i64,
    pub(crate) parked: Parked,
}

impl FromRow for ParkedIndex {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            context: row.get("context")?,
            seq: row.get("seq")?,
            key: row.get("event_key")?,
            parked: Parked { attempts: row.get("attempts")?, due_at: row.get("due_at")? },
        })
    }
}

struct EventRow(StoredEvent);

impl FromRow for EventRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        event_of(row).map(Self)
    }
}

/// The event in a row of `bus_parked` or `bus_dead_letters`.
pub(crate) fn event_of(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        seq: row.get("seq")?,
        id: row.get("event_id")?,
        topic: row.get::<String>("topic")?.into(),
        key: row.get("event_key")?,
        occurred_at: row.get("occurred_at")?,
        trace: TraceContext::from_traceparent(&row.get::<String>("trace")?).unwrap_or_default(),
        payload: row.get("payload")?,
    })
}

/// The columns that a parked event and a dead letter share, in the order of [`event_values`].
const PARKED_COLUMNS: &[&str] = &[
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
const LETTER_COLUMNS: &[&str] = &[
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

/// The trace as it is stored: empty when there is none.
fn trace_text(trace: &TraceContext) -> String {
    if trace.trace_id == 0 { String::new() } else { trace.traceparent() }
}

/// The rows of one consumer.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) store: Store,
    pub(crate) consumer: &'static str,
    pub(crate) clock: Clock,
}

impl Journal {
    fn cx(&self) -> Cx {
        Cx::system(self.consumer, self.clock.now())
    }

    /// Writes where the consumer begins, unless it has begun.
    pub(crate) async fn begin_at(&self, context: &'static str, seq: i64) -> Result<(), StoreError> {
        let cx = self.cx();
        let insert = Insert::into("bus_offsets", &["consumer", "context", "seq", "changed_at"])
            .row(values![self.consumer, context, seq, cx.now])
            .on_conflict_ignore(&["consumer", "context"]);
        self.store.commit(&cx, Commit::new().insert(insert)).await
    }

    /// Up to where the consumer has settled the outbox of `context`; `None` when it never began.
    pub(crate) async fn offset(&self, context: &'static str) -> Result<Option<i64>, StoreError> {
        let text = "SELECT seq FROM bus_offsets WHERE consumer = ? AND context = ?";
        let row = self.store.optional::<(i64,)>(Statement::new(text, values![self.consumer, context])).await?;
        Ok(row.map(|(seq,)| seq))
    }

    /// The index of everything parked, at most `limit` entries, lowest positions first.
    pub(crate) async fn parked(&self, limit: usize) -> Result<Vec<ParkedIndex>, StoreError> {
        let text = "SELECT context, seq, event_key, attempts, due_at FROM bus_parked WHERE consumer = ? \
                    ORDER BY context, seq LIMIT ?";
        self.store.all(Statement::new(text, values![self.consumer, i64::try_from(limit).unwrap_or(i64::MAX)])).await
    }

    /// A parked event with its content; `None` when an operator dropped it.
    pub(crate) async fn parked_event(&self, (context, seq): Place) -> Result<Option<StoredEvent>, StoreError> {
        let text = "SELECT seq, event_id, topic, event_key, occurred_at, trace, payload FROM bus_parked \
                    WHERE consumer = ? AND context = ? AND seq = ?";
        let row = self.store.optional::<EventRow>(Statement::new(text, values![self.consumer, context, seq])).await?;
        Ok(row.map(|EventRow(event)| event))
    }

    /// The positions of dead letters above the offset, and of those that were discarded: a restart reads them again,
    /// and must not deliver them.
    pub(crate) async fn buried_after(&self, (context, seq): Place) -> Result<Vec<i64>, StoreError> {
        let text = "SELECT seq FROM bus_dead_letters WHERE consumer = ? AND context = ? AND seq > ? \
                    UNION SELECT seq FROM bus_discarded WHERE consumer = ? AND context = ? AND seq > ?";
        let args = values![self.consumer, context, seq, self.consumer, context, seq];
        let rows = self.store.all::<(i64,)>(Statement::new(text, args)).await?;
        Ok(rows.into_iter().map(|(seq,)| seq).collect())
    }

    pub(crate) async fn parked_count(&self) -> Result<usize, StoreError> {
        let text = "SELECT COUNT(*) FROM bus_parked WHERE consumer = ?";
        let (count,) = self.store.one::<(i64,)>(Statement::new(text, values![self.consumer])).await?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(crate) async fn dead_letter_count(&self) -> Result<u64, StoreError> {
        let text = "SELECT COUNT(*) FROM bus_dead_letters WHERE consumer = ?";
        let (count,) = self.store.one::<(i64,)>(Statement::new(text, values![self.consumer])).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(crate) async fn mode(&self) -> Result<Mode, StoreError> {
        let text = "SELECT mode FROM bus_modes WHERE consumer = ?";
        let row = self.store.optional::<(String,)>(Statement::new(text, values![self.consumer])).await?;
        Ok(row.map_or(Mode::Running, |(word,)| Mode::from_word(&word)))
    }

    pub(crate) async fn set_mode(&self, mode: Mode) -> Result<(), StoreError> {
        let cx = self.cx();
        let insert = Insert::into("bus_modes", &["consumer", "mode", "changed_at"])
            .row(values![self.consumer, mode.as_str(), cx.now])
            .on_conflict_update(&["consumer"], &["mode", "changed_at"]);
        self.store.commit(&cx, Commit::new().insert(insert)).await
    }

    /// Writes what was decided, if `lease` still is the youngest.
    pub(crate) async fn write(&self, changes: Changes, lease: &Lease) -> Result<(), StoreError> {
        let cx = self.cx();
        let mut commit = Commit::new().fence(lease);
        if !changes.parked.is_empty() {
            commit = commit.insert(self.parked_rows(changes.parked));
        }
        for ((context, seq), parked, error) in changes.retried {
            let text = "UPDATE bus_parked SET attempts = ?, due_at = ?, error = ? \
                        WHERE consumer = ? AND context = ? AND seq = ?";
            let error = cut(error);
            commit = commit.write(Statement::new(
                text,
                values![parked.attempts, parked.due_at, error, self.consumer, context, seq],
            ));
        }
        for (context, seq) in changes.unparked {
            let text = "DELETE FROM bus_parked WHERE consumer = ? AND context = ? AND seq = ?";
            commit = commit.write(Statement::new(text, values![self.consumer, context, seq]));
        }
        if !changes.letters.is_empty() {
            commit = commit.insert(self.letter_rows(changes.letters));
        }
        for (context, seq) in changes.offsets {
            let text = "UPDATE bus_offsets SET seq = ?, changed_at = ? WHERE consumer = ? AND context = ?";
            commit = commit.write(Statement::new(text, values![seq, cx.now, self.consumer, context]));
            // What the offset has passed is not read again.
            let text = "DELETE FROM bus_discarded WHERE consumer = ? AND context = ? AND seq <= ?";
            commit = commit.write(Statement::new(text, values![self.consumer, context, seq]));
        }
        self.store.commit(&cx, commit).await
    }

    fn parked_rows(&self, rows: Vec<ParkedRow>) -> Insert {
        let insert = rows.into_iter().fold(Insert::into("bus_parked", PARKED_COLUMNS), |insert, row| {
            let event = &row.event;
            let parked = row.parked;
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
                parked.attempts,
                parked.due_at,
                cut(row.error)
            ])
        });
        insert.on_conflict_update(&["consumer", "context", "seq"], &["attempts", "due_at", "error"])
    }

    fn letter_rows(&self, letters: Vec<DeadLetter>) -> Insert {
        letters.into_iter().fold(Insert::into("bus_dead_letters", LETTER_COLUMNS), |insert, letter| {
            let event = letter.event;
            insert.row(values![
                letter.id,
                letter.consumer,
                letter.context,
                event.seq,
                event.id,
                &*event.topic,
                event.key,
                event.occurred_at,
                trace_text(&event.trace),
                event.payload,
                letter.attempts,
                cut(letter.error),
                letter.failed_at
            ])
        })
    }

    /// Becomes the one worker of this consumer; `None` while another node is.
    pub(crate) async fn acquire(&self, holder: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.store.acquire_lease(self.consumer, holder, ttl).await
    }

    /// A new id for a dead letter.
    pub(crate) fn next_id(&self, now: Timestamp) -> i64 {
        self.store.next_id(now)
    }
}

fn cut(mut error: String) -> String {
    let mut end = ERROR_BYTES_MAX.min(error.len());
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error
}

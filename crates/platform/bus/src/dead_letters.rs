//! Dead letters: events that a consumer failed to handle, and what operators do with them.

use bytes::Bytes;
use pulse_contract::errors::DEAD_LETTER_NOT_FOUND;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, FromRow, Row, Statement, Store, StoreError, StoredEvent, values};

use crate::event_row::EventRow;

/// Maximum number of dead letters per page.
pub const DEAD_LETTER_PAGE_MAX: u32 = 200;

/// An event whose attempts are exhausted.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// ID of the dead letter. Larger IDs are younger.
    pub id: i64,
    /// Name of the consumer that failed.
    pub consumer: String,
    /// Context of the outbox that the event is from.
    pub context: String,
    /// Event, as it was written.
    pub event: StoredEvent,
    /// Number of attempts.
    pub attempts: u32,
    /// Last error, for operators.
    pub error: String,
    /// Instant of the last attempt.
    pub failed_at: Timestamp,
}

impl FromRow for DeadLetter {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            consumer: row.get("consumer")?,
            context: row.get("context")?,
            event: EventRow::from_row(row)?.0,
            attempts: row.get("attempts")?,
            error: row.get("error")?,
            failed_at: row.get("failed_at")?,
        })
    }
}

/// The dead letters of all consumers.
#[derive(Clone)]
pub(crate) struct DeadLetters(pub(crate) Store);

impl DeadLetters {
    pub(crate) async fn list(&self, consumer: Option<&str>, after: i64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        let limit = i64::from(limit.clamp(1, DEAD_LETTER_PAGE_MAX));
        let statement = match consumer {
            Some(consumer) => Statement::new(
                "SELECT * FROM bus_dead_letters WHERE consumer = ? AND id > ? ORDER BY id LIMIT ?",
                values![consumer, after, limit],
            ),
            None => {
                Statement::new("SELECT * FROM bus_dead_letters WHERE id > ? ORDER BY id LIMIT ?", values![after, limit])
            }
        };
        Ok(self.0.all(statement).await?)
    }

    pub(crate) async fn get(&self, id: i64) -> Result<DeadLetter, Error> {
        let statement = Statement::new("SELECT * FROM bus_dead_letters WHERE id = ?", values![id]);
        let found = self.0.optional(statement).await?;
        found.ok_or_else(|| DEAD_LETTER_NOT_FOUND.error(format!("unknown dead letter {id}")))
    }

    /// Turns a dead letter into a blocked event that is due now, with another payload if one is given.
    pub(crate) async fn replay(&self, cx: &Cx, id: i64, payload: Option<Bytes>) -> Result<(), Error> {
        let copy = "INSERT INTO bus_blocked (consumer, context, seq, event_id, topic, event_key, occurred_at, trace, \
                    payload, attempts, due_at, error) \
                    SELECT consumer, context, seq, event_id, topic, event_key, occurred_at, trace, payload, 0, ?, error \
                    FROM bus_dead_letters WHERE id = ?";
        let mut commit = Commit::new();
        if let Some(payload) = payload {
            let edit = Statement::new("UPDATE bus_dead_letters SET payload = ? WHERE id = ?", values![payload, id]);
            commit = commit.write(edit);
        }
        let commit = commit
            .write(Statement::new(copy, values![cx.now, id]))
            .expect_rows_else(1, &DEAD_LETTER_NOT_FOUND)
            .write(Statement::new("DELETE FROM bus_dead_letters WHERE id = ?", values![id]))
            .expect_rows_else(1, &DEAD_LETTER_NOT_FOUND);
        Ok(self.0.commit(cx, commit).await?)
    }

    /// Lowest offset of all consumers that ever read the outbox of `context`. Without consumers, the end of the outbox.
    pub(crate) async fn settled_by_all(&self, context: &str) -> Result<i64, Error> {
        let text = "SELECT COUNT(*), COALESCE(MIN(seq), 0) FROM bus_offsets WHERE context = ?";
        let (count, seq) = self.0.one::<(i64, i64)>(Statement::new(text, values![context])).await?;
        Ok(if count == 0 { i64::MAX } else { seq })
    }

    /// Deletes a dead letter. While its event is above the offset, a row in `bus_discarded` prevents a new delivery after a
    /// restart.
    pub(crate) async fn discard(&self, cx: &Cx, id: i64) -> Result<(), Error> {
        let mark = "INSERT INTO bus_discarded (consumer, context, seq) \
                    SELECT l.consumer, l.context, l.seq FROM bus_dead_letters l WHERE l.id = ? AND NOT EXISTS \
                    (SELECT 1 FROM bus_offsets o WHERE o.consumer = l.consumer AND o.context = l.context \
                    AND o.seq >= l.seq)";
        let delete = Statement::new("DELETE FROM bus_dead_letters WHERE id = ?", values![id]);
        let commit = Commit::new()
            .write(Statement::new(mark, values![id]))
            .duplicate_is(&DEAD_LETTER_NOT_FOUND)
            .write(delete)
            .expect_rows_else(1, &DEAD_LETTER_NOT_FOUND);
        Ok(self.0.commit(cx, commit).await?)
    }
}

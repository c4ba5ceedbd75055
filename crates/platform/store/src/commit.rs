//! A commit as a value: the writes that happen together or not at all.

use bytes::Bytes;
use metrics::Counter;
use pulse_kernel::{Cx, ErrorSpec, Idempotency, Timestamp};

use crate::encrypted_response;
use crate::leases::Lease;
use crate::sql::dialect::Dialect;
use crate::sql::{Insert, Statement, Value};
use crate::timers::DueTimer;
use crate::transaction::{Refusal, Step, Transaction};
use crate::{Store, outbox, values};
use pulse_contract::{Event, errors};

/// Work that is due at an instant. A timer survives restarts and costs one row until it fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Kind of work, for example `order.payment_overdue`. At most 64 characters.
    pub kind: &'static str,
    /// ID of the entity that the work is about. Setting a timer of the same kind and key again moves it.
    pub key: i64,
    /// Instant at which the timer fires.
    pub due_at: Timestamp,
    /// Data for the handler; empty in most cases.
    pub payload: Bytes,
}

/// The rows, events, timers, idempotency answer, inbox entry and fence of one use case.
///
/// Order of the writes: fence, inbox entry, fired timer, answer, rows, timers, events.
#[derive(Clone, Debug, Default)]
#[must_use = "a commit does nothing until Store::commit"]
pub struct Commit {
    fence: Option<(String, i64)>,
    inbox: Option<(&'static str, i64)>,
    fired: Option<(String, i64, i64)>,
    writes: Vec<Write>,
    timers: Vec<Timer>,
    cancelled: Vec<(&'static str, i64)>,
    events: Vec<NewEvent>,
    answer: Option<Answer>,
    counters: Vec<Counter>,
}

#[derive(Clone, Debug)]
struct Write {
    rows: Rows,
    expected: Option<(u64, Refusal)>,
    duplicate: Option<Refusal>,
}

#[derive(Clone, Debug)]
enum Rows {
    Statement(Statement),
    Insert(Insert),
}

#[derive(Clone, Debug)]
struct NewEvent {
    topic: &'static str,
    key: i64,
    payload: Bytes,
}

#[derive(Clone, Debug)]
struct Answer {
    scope: String,
    key: String,
    fingerprint: [u8; 32],
    answer: Bytes,
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statement.
    pub fn write(mut self, statement: Statement) -> Self {
        self.writes.push(Write { rows: Rows::Statement(statement), expected: None, duplicate: None });
        self
    }

    /// Adds rows to insert. An insert without rows does nothing.
    pub fn insert(mut self, insert: Insert) -> Self {
        self.writes.push(Write { rows: Rows::Insert(insert), expected: None, duplicate: None });
        self
    }

    /// Requires that the last write changes `count` rows. Otherwise the commit fails with `StoreError::Conflict` and writes
    /// nothing.
    pub fn expect_rows(self, count: u64) -> Self {
        self.expect(count, Refusal::Conflict)
    }

    /// Requires that the last write changes `count` rows. Otherwise the commit fails with `refusal` and writes nothing.
    pub fn expect_rows_else(self, count: u64, refusal: &'static ErrorSpec) -> Self {
        self.expect(count, Refusal::Coded(refusal))
    }

    fn expect(mut self, count: u64, refusal: Refusal) -> Self {
        assert!(!self.writes.is_empty(), "an expectation needs a write before it");
        if let Some(write) = self.writes.last_mut() {
            write.expected = Some((count, refusal));
        }
        self
    }

    /// Sets the error that a violated unique key of the last write means. Without it, the violation is a defect.
    pub fn duplicate_is(mut self, refusal: &'static ErrorSpec) -> Self {
        assert!(!self.writes.is_empty(), "an error for duplicates needs a write before it");
        if let Some(write) = self.writes.last_mut() {
            write.duplicate = Some(Refusal::Coded(refusal));
        }
        self
    }

    /// Appends an event to the outbox. Events of one key are delivered in the order of their commits.
    pub fn event<E: Event>(mut self, key: i64, event: &E) -> Self {
        self.events.push(NewEvent { topic: E::TOPIC, key, payload: event.encode_to_vec().into() });
        self
    }

    /// Increments a counter by one after the commit. A commit that fails, is refused or was made before counts nothing.
    pub fn count(mut self, counter: Counter) -> Self {
        self.counters.push(counter);
        self
    }

    /// Sets a timer, or moves the one of the same kind and key.
    pub fn timer(mut self, timer: Timer) -> Self {
        self.timers.push(timer);
        self
    }

    /// Cancels a timer. Does nothing when there is none.
    pub fn cancel_timer(mut self, kind: &'static str, key: i64) -> Self {
        self.cancelled.push((kind, key));
        self
    }

    /// Removes a due timer. The commit fails with `StoreError::AlreadyDone` when the timer fired, was cancelled or was
    /// moved before.
    pub fn fired(mut self, due: &DueTimer) -> Self {
        self.fired = Some((due.kind.clone(), due.key, due.id));
        self
    }

    /// Saves the answer under the idempotency key of `cx`, encrypted with that key. Does nothing when `cx` has no key.
    ///
    /// Call it on the last commit of a use case: once a key has an answer, commits under it fail with
    /// `IDEMPOTENCY_IN_FLIGHT`.
    pub fn answer<M: prost::Message>(mut self, cx: &Cx, response: &M) -> Self {
        self.answer = cx.idempotency.as_ref().and_then(|idempotency| {
            Some(Answer {
                scope: idempotency.scope.clone(),
                key: encrypted_response::lookup(idempotency),
                fingerprint: idempotency.fingerprint,
                answer: encrypted_response::encrypt(idempotency, &response.encode_to_vec())?,
            })
        });
        self
    }

    /// Records that `consumer`, at most 64 characters, has consumed the event. The commit fails with
    /// `StoreError::AlreadyDone` when that was recorded before.
    pub fn inbox(mut self, consumer: &'static str, event_id: i64) -> Self {
        self.inbox = Some((consumer, event_id));
        self
    }

    /// Fails with `StoreError::Fenced` when another holder has acquired the lease.
    pub fn fence(mut self, lease: &Lease) -> Self {
        self.fence = Some((lease.name.clone(), lease.token));
        self
    }

    /// Removes the counters to increment after the commit.
    pub(crate) fn take_counters(&mut self) -> Vec<Counter> {
        std::mem::take(&mut self.counters)
    }

    /// Whether the commit writes events.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Due time of its first timer.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.timers.iter().map(|timer| timer.due_at).min()
    }

    /// The statements of the commit, in order.
    pub(crate) fn into_transaction(self, store: &Store, cx: &Cx) -> Transaction {
        let mut steps = Vec::with_capacity(8);
        steps.extend(self.fence.map(|(name, token)| store.fence_step(name, token)));
        steps.extend(self.inbox.map(|(consumer, event_id)| inbox_step(store, cx, consumer, event_id)));
        steps.extend(self.fired.map(|(kind, key, id)| fired_step(store, kind, key, id)));
        // Before the writes: a request that another node answered meanwhile must not fail because of its own writes there.
        steps.extend(match (self.answer, cx.idempotency.as_deref()) {
            (Some(answer), _) => Some(answer_step(store, cx, answer)),
            (None, Some(idempotency)) => Some(unanswered_step(store, idempotency)),
            (None, None) => None,
        });
        for write in self.writes {
            write.lower(store.dialect(), &mut steps);
        }
        for (kind, key) in self.cancelled {
            let sql = store.sql("DELETE FROM #_timers WHERE kind = ? AND timer_key = ?");
            steps.push(Step::new(sql, values![kind, key]));
        }
        if !self.timers.is_empty() {
            push_insert(timer_rows(store, cx, self.timers), store.dialect(), &mut steps);
        }
        if !self.events.is_empty() {
            let mut insert = Insert::into(store.table("outbox"), outbox::COLUMNS);
            let trace = outbox::encode_trace(cx.trace);
            for event in self.events {
                let id = store.next_id(cx.now);
                insert = insert.row(values![id, event.topic, event.key, cx.now, trace.clone(), event.payload]);
            }
            push_insert(insert, store.dialect(), &mut steps);
        }
        Transaction { steps }
    }
}

impl Write {
    fn lower(self, dialect: Dialect, steps: &mut Vec<Step>) {
        let (expected, duplicate) = (self.expected, self.duplicate);
        let statements: Vec<(_, Vec<Value>)> = match self.rows {
            Rows::Statement(statement) => vec![(statement.sql, statement.args)],
            Rows::Insert(insert) => insert.into_statements(dialect),
        };
        steps.extend(statements.into_iter().map(|(sql, args)| Step {
            sql,
            args,
            expected,
            duplicate,
            is_query: false,
        }));
    }
}

fn push_insert(insert: Insert, dialect: Dialect, steps: &mut Vec<Step>) {
    Write { rows: Rows::Insert(insert), expected: None, duplicate: None }.lower(dialect, steps);
}

fn inbox_step(store: &Store, cx: &Cx, consumer: &'static str, event_id: i64) -> Step {
    let sql = store.sql("INSERT INTO #_inbox (consumer, event_id, consumed_at) VALUES (?, ?, ?)");
    Step::new(sql, values![consumer, event_id, cx.now]).on_duplicate(Refusal::AlreadyDone)
}

fn fired_step(store: &Store, kind: String, key: i64, id: i64) -> Step {
    let sql = store.sql("DELETE FROM #_timers WHERE kind = ? AND timer_key = ? AND id = ?");
    Step::new(sql, values![kind, key, id]).expecting(1, Refusal::AlreadyDone)
}

fn timer_rows(store: &Store, cx: &Cx, timers: Vec<Timer>) -> Insert {
    let columns = &["kind", "timer_key", "id", "due_at", "wake_at", "attempts", "payload"];
    let insert = Insert::into(store.table("timers"), columns)
        .on_conflict_update(&["kind", "timer_key"], &["id", "due_at", "wake_at", "attempts", "payload"]);
    timers.into_iter().fold(insert, |insert, timer| {
        let id = store.next_id(cx.now);
        insert.row(values![timer.kind, timer.key, id, timer.due_at, timer.due_at, 0_i64, timer.payload])
    })
}

fn answer_step(store: &Store, cx: &Cx, answer: Answer) -> Step {
    let sql = store
        .sql("INSERT INTO #_answers (scope, idempotency_key, fingerprint, answer, created_at) VALUES (?, ?, ?, ?, ?)");
    let args = values![answer.scope, answer.key, answer.fingerprint, answer.answer, cx.now];
    // Another node answered the same key first. The next attempt of the caller finds its answer.
    Step::new(sql, args).on_duplicate(Refusal::Coded(&errors::IDEMPOTENCY_IN_FLIGHT))
}

/// Check of a commit without an answer: the key has no answer from another node.
fn unanswered_step(store: &Store, idempotency: &Idempotency) -> Step {
    let sql = store.sql("SELECT created_at FROM #_answers WHERE scope = ? AND idempotency_key = ?");
    let args = values![idempotency.scope.clone(), encrypted_response::lookup(idempotency)];
    Step::new(sql, args).querying().expecting(0, Refusal::Coded(&errors::IDEMPOTENCY_IN_FLIGHT))
}

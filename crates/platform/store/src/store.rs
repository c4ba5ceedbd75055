//! The view of one context on a database: its tables, its clock, its IDs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use pulse_kernel::{Clock, Cx, Error, IdGenerator, Timestamp};
use tokio::sync::{Notify, watch};

use crate::idempotency::InFlight;
use crate::sql::dialect::Dialect;
use crate::sql::{FromRow, Sql};
use crate::transaction::Transaction;
use crate::{Commit, Database, Migration, Row, Statement, StoreError, Throttle, Value, migrations};
use pulse_contract::errors;

/// Maximum number of attempts of a use case that loses races.
pub const ATTEMPTS_MAX: u32 = 10;

/// Maximum of the first pause after a lost race, in microseconds. It doubles with each further attempt.
const PAUSE_MICROS: u64 = 500;

/// The view of one context on a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// Limits the reads of background work.
    throttle: Option<Arc<Throttle>>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    database: Database,
    context: &'static str,
    clock: Clock,
    ids: Arc<IdGenerator>,
    /// Statements of this crate with the name of the context filled in, by their text in the source.
    texts: RwLock<HashMap<&'static str, Arc<str>>>,
    /// Number of commits of this process that wrote events.
    pub(crate) events: watch::Sender<u64>,
    /// Wakes the timer pump when a timer was set that is due before its next poll.
    pub(crate) timers: Notify,
    /// Next poll of the timer pump, in milliseconds since the epoch.
    pub(crate) timers_poll_at: AtomicI64,
    pub(crate) in_flight: Arc<InFlight>,
}

impl Store {
    /// Opens the tables of `context`, a lower-case word, and brings them up to date.
    ///
    /// # Errors
    /// `StoreError::Migration` when an applied migration was edited, or when the tables are behind and
    /// [`crate::Options::migrate`] is off.
    pub async fn open(
        database: &Database,
        context: &'static str,
        migrations: &'static [Migration],
        clock: Clock,
        ids: Arc<IdGenerator>,
    ) -> Result<Self, StoreError> {
        if database.options.migrate {
            migrations::apply(database, context, migrations, clock.now()).await?;
        } else {
            migrations::check(database, context, migrations).await?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                database: database.clone(),
                context,
                clock,
                ids,
                texts: RwLock::default(),
                events: watch::Sender::new(0),
                timers: Notify::new(),
                timers_poll_at: AtomicI64::new(i64::MAX),
                in_flight: Arc::default(),
            }),
            throttle: None,
        })
    }

    /// Brings the tables of `context` up to date and returns the number of migrations that were applied.
    ///
    /// # Errors
    /// `StoreError::Migration` when an applied migration was edited.
    pub async fn migrate(
        database: &Database,
        context: &'static str,
        migrations: &'static [Migration],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        migrations::apply(database, context, migrations, now).await
    }

    /// The same store, with reads that pause as `throttle` demands.
    #[must_use]
    pub fn throttled(&self, throttle: &Arc<Throttle>) -> Self {
        Self { inner: Arc::clone(&self.inner), throttle: Some(Arc::clone(throttle)) }
    }

    /// Name of the context.
    #[must_use]
    pub fn context(&self) -> &'static str {
        self.inner.context
    }

    /// Clock of the node.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Database of the store.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// A new, unique ID whose high bits are `now`.
    #[must_use]
    pub fn next_id(&self, now: Timestamp) -> i64 {
        self.inner.ids.next_id(now)
    }

    /// All rows that the query finds. The query sees every commit that was confirmed before.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `INTERNAL` when the query is wrong.
    pub async fn all<T: FromRow>(&self, query: Statement) -> Result<Vec<T>, StoreError> {
        self.query(query).await?.iter().map(T::from_row).collect()
    }

    /// The first row that the query finds. `None` when it finds none.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `INTERNAL` when the query is wrong.
    pub async fn optional<T: FromRow>(&self, query: Statement) -> Result<Option<T>, StoreError> {
        self.query(query).await?.first().map(T::from_row).transpose()
    }

    async fn query(&self, query: Statement) -> Result<Vec<Row>, StoreError> {
        refuse_nul(&query.args)?;
        if let Some(throttle) = &self.throttle {
            throttle.pause().await;
        }
        self.inner.database.query(query).await
    }

    /// The row of a query that always finds one, such as a `COUNT`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `INTERNAL` when the query is wrong or finds nothing.
    pub async fn one<T: FromRow>(&self, query: Statement) -> Result<T, StoreError> {
        self.optional(query).await?.ok_or_else(|| StoreError::defect("a query for exactly one row found none"))
    }

    /// Writes everything in the commit, or nothing.
    ///
    /// When the future is dropped, the commit may still happen.
    ///
    /// # Errors
    /// See [`StoreError`]. Only `Unavailable` with `is_outcome_unknown` leaves open whether the commit was written.
    pub async fn commit(&self, cx: &Cx, mut commit: Commit) -> Result<(), StoreError> {
        self.inner.database.check_node(self.inner.clock.now())?;
        let has_events = commit.has_events();
        let first_due = commit.first_due();
        let counters = commit.take_counters();
        self.execute(commit.into_transaction(self, cx)).await?;
        counters.iter().for_each(|counter| counter.increment(1));
        if has_events {
            self.inner.events.send_modify(|count| *count += 1);
        }
        if first_due.is_some_and(|due| due.as_millis() < self.inner.timers_poll_at.load(Ordering::Acquire)) {
            self.inner.timers.notify_one();
        }
        Ok(())
    }

    /// Runs a use case that loads, decides and commits. Repeats it, after a short pause, while it loses races.
    ///
    /// # Errors
    /// Errors of the use case; `STORE_CONTENDED` after [`ATTEMPTS_MAX`] lost races.
    pub async fn attempt<T, Work>(&self, cx: &Cx, mut use_case: impl FnMut() -> Work) -> Result<T, Error>
    where
        Work: Future<Output = Result<T, Error>>,
    {
        let mut attempt = 1;
        loop {
            match use_case().await {
                Err(error) if is_lost_race(&error) && attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(self.pause(cx, attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// A pause that grows with the attempts. The low bits of a fresh ID spread the racers.
    fn pause(&self, cx: &Cx, attempt: u32) -> Duration {
        let ceiling = PAUSE_MICROS << attempt.min(6);
        let spread = self.next_id(cx.now).unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        Duration::from_micros(spread.checked_rem(ceiling).unwrap_or(0))
    }

    pub(crate) async fn execute(&self, transaction: Transaction) -> Result<(), StoreError> {
        transaction.steps.iter().try_for_each(|step| refuse_nul(&step.args))?;
        self.inner.database.execute(transaction).await
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.inner.database.dialect()
    }

    /// Full name of a table of this crate.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}_{name}", self.inner.context)
    }

    /// A statement of this crate, with the name of the context for each `#`.
    pub(crate) fn sql(&self, text: &'static str) -> Sql {
        if let Some(known) = self.inner.texts.read().get(text) {
            return Sql::Shared(Arc::clone(known));
        }
        let named: Arc<str> = text.replace('#', self.inner.context).into();
        self.inner.texts.write().insert(text, Arc::clone(&named));
        Sql::Shared(named)
    }

    /// A query of this crate.
    pub(crate) fn own(&self, text: &'static str, args: Vec<Value>) -> Statement {
        Statement { sql: self.sql(text), args }
    }
}

fn is_lost_race(error: &Error) -> bool {
    error.code() == errors::STORE_CONTENDED.code
}

/// Refuses texts that one of the databases cannot store, so that all of them store the same.
fn refuse_nul(args: &[Value]) -> Result<(), StoreError> {
    let has_nul = |arg: &Value| matches!(arg, Value::Text(text) if text.as_bytes().contains(&0));
    if args.iter().any(has_nul) { Err(StoreError::Nul) } else { Ok(()) }
}

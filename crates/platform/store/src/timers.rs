//! Timers: rows that become due. One pump serves all of them, without a task or memory per timer.
//!
//! A timer takes effect once: the commit of its handler removes the row with [`crate::Commit::fired`], and only one commit
//! can. The handler itself may run more than once, after a crash or a failure.

use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use pulse_kernel::{Error, Timestamp};
use tokio::task::JoinSet;

use crate::leases::Lease;
use crate::sql::{FromRow, Row};
use crate::transaction::{Step, Transaction};
use crate::{Store, StoreError, values};

/// Default of the maximum number of concurrent handlers.
pub const FIRING_MAX: usize = 32;
/// Maximum pause after a failed handler.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Pause after the first failure. It doubles with each further failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Default of the maximum duration of a handler.
const FIRING_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failure that could not be written. The timer counts as running meanwhile.
const UNWRITTEN_PAUSE: Duration = Duration::from_secs(10);
/// Interval at which the pump polls for timers of other nodes.
const POLL: Duration = Duration::from_secs(1);
/// Time after which another node takes over the timers of a node that failed.
const PUMP_LEASE: Duration = Duration::from_secs(10);

/// A timer that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimer {
    /// Kind of work, for example `order.payment_overdue`.
    pub kind: String,
    /// ID of the entity that the work is about.
    pub key: i64,
    /// ID of this setting of the timer. A moved timer has another one.
    pub id: i64,
    /// Instant at which it was due.
    pub due_at: Timestamp,
    /// Number of failed attempts.
    pub attempts: u32,
    /// Data that was passed when it was set.
    pub payload: Bytes,
}

impl FromRow for DueTimer {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.get("kind")?,
            key: row.get("timer_key")?,
            id: row.get("id")?,
            due_at: row.get("due_at")?,
            attempts: row.get("attempts")?,
            payload: row.get("payload")?,
        })
    }
}

impl Store {
    /// At most `limit` timers that are due at `now`, the oldest first.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<DueTimer>, StoreError> {
        let query = self.own(
            "SELECT kind, timer_key, id, due_at, attempts, payload FROM #_timers WHERE wake_at <= ? \
             ORDER BY wake_at LIMIT ?",
            values![now, i64::try_from(limit).unwrap_or(i64::MAX)],
        );
        self.all(query).await
    }

    /// Due time of the first timer after `now`. `None` when there is none.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn next_timer_after(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let query = self.own("SELECT MIN(wake_at) FROM #_timers WHERE wake_at > ?", values![now]);
        self.one(query).await
    }

    /// Number of timers that are set.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn timer_count(&self) -> Result<u64, StoreError> {
        let count: i64 = self.one(self.own("SELECT COUNT(*) FROM #_timers", values![])).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Postpones a timer whose handler failed to `wake_at`.
    async fn postpone_timer(&self, due: &DueTimer, wake_at: Timestamp) -> Result<(), StoreError> {
        let sql = self.sql(
            "UPDATE #_timers SET wake_at = ?, attempts = attempts + 1 WHERE kind = ? AND timer_key = ? AND id = ?",
        );
        let step = Step::new(sql, values![wake_at, &due.kind, due.key, due.id]);
        self.execute(Transaction { steps: vec![step] }).await
    }
}

/// A handler of one kind of timer: `async fn(&App, &DueTimer) -> Result<(), Error>`.
///
/// Implemented for every such function.
pub trait HandlesTimer<'a, A: 'a>: Send + Sync {
    /// Future of the handler.
    type Outcome: Future<Output = Result<(), Error>> + Send + 'a;

    /// Handles one timer that is due.
    fn handle(&self, app: &'a A, due: &'a DueTimer) -> Self::Outcome;
}

impl<'a, A, F, O> HandlesTimer<'a, A> for F
where
    A: 'a,
    F: Fn(&'a A, &'a DueTimer) -> O + Send + Sync,
    O: Future<Output = Result<(), Error>> + Send + 'a,
{
    type Outcome = O;

    fn handle(&self, app: &'a A, due: &'a DueTimer) -> O {
        self(app, due)
    }
}

type Handler = Arc<dyn Fn(DueTimer) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// Fires the timers of one context. Run one pump per process; between processes a lease decides which one fires.
pub struct TimerPump {
    store: Store,
    handlers: BTreeMap<&'static str, Handler>,
    firing_max: usize,
    timeout: Duration,
}

impl TimerPump {
    /// A pump without handlers.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), handlers: BTreeMap::new(), firing_max: FIRING_MAX, timeout: FIRING_TIMEOUT }
    }

    /// Sets the handler of timers of this kind. It ends with a commit that has `.fired(&due)`, even when there is nothing
    /// else to write. After an error the timer is retried with growing pauses.
    #[must_use]
    pub fn on<F>(mut self, kind: &'static str, handler: impl Fn(DueTimer) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.handlers.insert(kind, Arc::new(move |due| Box::pin(handler(due))));
        self
    }

    /// Declares the handler of timers of this kind: a function of the context's `App`, which is cloned for each timer.
    #[must_use]
    pub fn handles<A, H>(self, app: &A, kind: &'static str, handler: H) -> Self
    where
        A: Clone + Send + Sync + 'static,
        H: for<'a> HandlesTimer<'a, A> + Copy + 'static,
    {
        let app = app.clone();
        self.on(kind, move |due| {
            let app = app.clone();
            async move { handler.handle(&app, &due).await }
        })
    }

    /// Sets the maximum number of handlers that run concurrently. Default: [`FIRING_MAX`].
    #[must_use]
    pub fn firing_max(mut self, count: usize) -> Self {
        self.firing_max = count.max(1);
        self
    }

    /// Sets the maximum duration of a handler, on the clock of the machine. A handler that takes longer has failed. Default:
    /// 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Fires timers until the future is dropped. Cancel-safe: a timer whose handler did not commit is due again.
    pub async fn run(self) {
        let holder = format!("pump-{}", self.store.next_id(self.store.clock().now()));
        let mut pump = Firing { pump: self, running: JoinSet::new(), keys: HashSet::new(), lease: None, holder };
        loop {
            if let Err(error) = pump.serve().await {
                tracing::warn!(%error, context = pump.pump.store.context(), "cannot read timers; retrying in 1 s");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Fires the timers that are due now and waits for them. Returns the number of handler runs. For tests and for draining.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn run_due(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        loop {
            let now = self.store.clock().now();
            let due = self.store.due_timers(now, self.firing_max).await?;
            if due.is_empty() {
                return Ok(count);
            }
            count += due.len();
            let mut running: JoinSet<_> = due.into_iter().map(|due| self.fire(due)).collect();
            let mut written = Ok(());
            while let Some(fired) = running.join_next().await {
                // Panics of handlers are caught before; this happens when the runtime shuts down.
                if let Err(error) = fired.map_err(StoreError::unavailable).flatten() {
                    written = Err(error);
                }
            }
            written?;
        }
    }

    /// Runs the handler of one timer and postpones the timer when it fails. The error means that it was not postponed.
    fn fire(&self, due: DueTimer) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (store, handler) = (self.store.clone(), self.handlers.get(due.kind.as_str()).cloned());
        let timeout = self.timeout;
        async move {
            let outcome = match handler {
                Some(handler) => run_caught(handler, due.clone(), timeout).await,
                None => Err("no handler for timers of this kind".to_owned()),
            };
            metrics::counter!("pulse_store_timers_fired_total").increment(1);
            let Err(report) = outcome else { return Ok(()) };
            tracing::warn!(
                kind = due.kind,
                key = due.key,
                attempts = due.attempts,
                error = report,
                "timer handler failed; retrying later"
            );
            let wake_at = store.clock().now().plus(retry_pause(due.attempts));
            store.postpone_timer(&due, wake_at).await.inspect_err(|error| {
                tracing::warn!(%error, kind = due.kind, key = due.key, "cannot postpone a failed timer");
            })
        }
    }
}

impl std::fmt::Debug for TimerPump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimerPump").field("kinds", &self.handlers.keys()).finish_non_exhaustive()
    }
}

/// Runs a handler. Errors, panics and timeouts become text for the log.
async fn run_caught(handler: Handler, due: DueTimer, timeout: Duration) -> Result<(), String> {
    let handling = AssertUnwindSafe(async move { handler(due).await }).catch_unwind();
    match tokio::time::timeout(timeout, handling).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| error.report()),
        Ok(Err(_panic)) => Err("the handler panicked".to_owned()),
        Err(_) => Err(format!("the handler took longer than {timeout:?}")),
    }
}

/// State of a running pump.
struct Firing {
    pump: TimerPump,
    running: JoinSet<(String, i64)>,
    /// Timers whose handlers run.
    keys: HashSet<(String, i64)>,
    /// Lease of the node that fires, on a database that several nodes share.
    lease: Option<Lease>,
    holder: String,
}

impl Firing {
    /// Fires the due timers, then waits for the next timer, for a new timer, or for the end of a handler.
    async fn serve(&mut self) -> Result<(), StoreError> {
        let store = self.pump.store.clone();
        let now = store.clock().now();
        if store.database().is_shared() && !self.holds_lease(now).await? {
            store.clock().sleep_until(now.plus(POLL)).await;
            return Ok(());
        }
        // Until the next poll is known, every new timer wakes the pump.
        store.inner.timers_poll_at.store(i64::MAX, Ordering::Release);
        self.start_due(now).await?;
        let is_full = self.running.len() >= self.pump.firing_max;
        let next = self.next_wake(now).await?;
        store.inner.timers_poll_at.store(next.map_or(i64::MAX, Timestamp::as_millis), Ordering::Release);
        tokio::select! {
            () = store.inner.timers.notified(), if !is_full => {}
            () = store.clock().sleep_until(next.unwrap_or(now)), if !is_full && next.is_some() => {}
            Some(ended) = self.running.join_next() => self.forget(ended),
        }
        while let Some(ended) = self.running.try_join_next() {
            self.forget(ended);
        }
        Ok(())
    }

    /// Starts handlers for due timers, up to the maximum.
    async fn start_due(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let running = self.running.len();
        if running >= self.pump.firing_max {
            return Ok(());
        }
        // The rows of running handlers still exist, so more are read.
        for timer in self.pump.store.due_timers(now, self.pump.firing_max + running).await? {
            let key = (timer.kind.clone(), timer.key);
            if self.running.len() < self.pump.firing_max && self.keys.insert(key.clone()) {
                let (work, clock) = (self.pump.fire(timer), self.pump.store.clock().clone());
                self.running.spawn(async move {
                    if work.await.is_err() {
                        // Its row is still due: without a pause it would be fired again immediately.
                        clock.sleep_until(clock.now().plus(UNWRITTEN_PAUSE)).await;
                    }
                    key
                });
            }
        }
        Ok(())
    }

    /// Next poll. Due timers are not counted, because their handlers run.
    async fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let next = self.pump.store.next_timer_after(now).await?;
        if self.pump.store.database().is_shared() {
            let poll = now.plus(POLL);
            return Ok(Some(next.map_or(poll, |next| next.min(poll))));
        }
        Ok(next)
    }

    fn forget(&mut self, ended: Result<(String, i64), tokio::task::JoinError>) {
        match ended {
            Ok(key) => {
                self.keys.remove(&key);
            }
            // Panics of handlers are caught before; this happens when the runtime shuts down.
            Err(error) => tracing::error!(%error, "the task of a timer handler ended early"),
        }
    }

    /// Whether this node is the one that fires the timers of the context.
    async fn holds_lease(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let half = PUMP_LEASE.checked_div(2).unwrap_or(PUMP_LEASE);
        let store = &self.pump.store;
        self.lease = match self.lease.take() {
            Some(lease) if lease.expires_at > now.plus(half) => Some(lease),
            Some(lease) => match store.renew_lease(&lease, PUMP_LEASE).await {
                Ok(lease) => Some(lease),
                Err(StoreError::Fenced) => None,
                Err(error) => return Err(error),
            },
            None => store.acquire_lease("timers", &self.holder, PUMP_LEASE).await?,
        };
        Ok(self.lease.is_some())
    }
}

/// 1 s, 2 s, 4 s and so on, up to 5 minutes.
fn retry_pause(attempts: u32) -> Duration {
    RETRY_PAUSE.saturating_mul(1 << attempts.min(16)).min(RETRY_PAUSE_MAX)
}

//! The load generator: many keep-alive connections, a closed or an open loop, little processor time.
//!
//! The generator runs on threads of its own, each with a single-threaded runtime, so the server's scheduler never
//! sees its tasks and a request costs the generator two system calls and a few microseconds. One thread is enough
//! for one server on a small machine.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet};

use crate::connection::{Connection, ExchangeError, Reply};
use crate::outcome::Outcome;
use crate::pace::{Pacer, Plan, Schedule, Share};
use crate::rates::nanos;
use crate::request::Requests;

/// Connections of one run at most.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Attempts to open a lost connection again, one after the other, before the run is given up.
const RECONNECT_ATTEMPTS_MAX: u32 = 5;
/// How often somebody looks whether the server still answers.
const WATCH_PERIOD: Duration = Duration::from_millis(50);

/// One run of the load generator.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the server listens.
    pub address: SocketAddr,
    /// Keep-alive connections, each with one request at a time; 1 to [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// Threads of the generator, 1 or more. One suffices up to some hundred thousand requests a second.
    pub threads: usize,
    /// How long requests are sent before anything is recorded.
    pub warm_up: Duration,
    /// When a connection sends.
    pub pace: Pace,
    /// When the run ends.
    pub bound: Bound,
    /// How long the server may answer nothing at all before the rest counts as `unanswered`, and how long an open
    /// loop waits for late replies after its end.
    pub patience: Duration,
}

/// When a connection sends its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as the reply to the last one is there: finds the maximum throughput.
    Closed,
    /// On a schedule that does not wait for the server: finds the latency that users have.
    Open {
        /// Requests per second over all connections.
        rate_per_s: NonZeroU64,
    },
}

/// When the measured part of a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// After this time. A closed loop counts what was *answered* in it, an open loop all that was *due* in it.
    For(Duration),
    /// After exactly this many requests.
    Requests(u64),
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A connection could not be opened, at the start or again after a failure.
    #[error("the server cannot be reached")]
    Unreachable(#[source] ExchangeError),
    /// A thread, timer or runtime of the generator could not be made.
    #[error("the load generator could not start")]
    Generator(#[source] io::Error),
    /// A thread of the generator ended without an answer: a defect in a `Requests` function, for example.
    #[error("a thread of the load generator ended early")]
    Lost,
    /// Zero connections or threads, or too many.
    #[error("{0}")]
    Invalid(&'static str),
}

impl Load {
    /// A closed loop for `duration` on one generator thread, after a warm-up of a fifth of it.
    #[must_use]
    pub fn closed(address: SocketAddr, connections: usize, duration: Duration) -> Self {
        Self {
            address,
            connections,
            threads: 1,
            warm_up: duration.checked_div(5).unwrap_or_default(),
            pace: Pace::Closed,
            bound: Bound::For(duration),
            patience: Duration::from_secs(10),
        }
    }

    /// The same load as an open loop.
    #[must_use]
    pub fn open(self, rate_per_s: NonZeroU64) -> Self {
        Self { pace: Pace::Open { rate_per_s }, ..self }
    }

    /// Runs the load to its end.
    ///
    /// # Errors
    /// [`LoadError`]. Failed exchanges are no error of the run: they are counted in the outcome and the connection
    /// is opened again.
    pub async fn run(&self, requests: &Requests) -> Result<Outcome, LoadError> {
        self.check()?;
        let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
        let taken = Arc::new(AtomicU64::new(0));
        let mut threads = Vec::with_capacity(self.threads);
        for index in 0..self.threads {
            let (ready, is_ready) = oneshot::channel();
            let (start, started) = std::sync::mpsc::sync_channel(1);
            let (finish, finished) = oneshot::channel();
            let part = Part {
                index,
                load: self.clone(),
                requests: requests.clone(),
                taken: Arc::clone(&taken),
                stop: Arc::clone(&stop.0),
            };
            std::thread::Builder::new()
                .name(format!("pulse-load-{index}"))
                // Nobody takes the result when the run was dropped.
                .spawn(move || drop(finish.send(part.run(ready, &started)).err()))
                .map_err(LoadError::Generator)?;
            threads.push((is_ready, start, finished));
        }
        let mut waiting = Vec::with_capacity(self.threads);
        for (is_ready, start, finished) in threads {
            // A thread that could not get ready says why in its result.
            let ready = is_ready.await.is_ok();
            waiting.push((ready, start, finished));
        }
        if waiting.iter().all(|(ready, ..)| *ready) {
            let origin = Instant::now();
            for (_, start, _) in &waiting {
                start.send(origin).map_err(|_lost| LoadError::Lost)?;
            }
        }
        let mut parts = Vec::with_capacity(self.threads);
        for (_, start, finished) in waiting {
            drop(start);
            parts.push(finished.await.unwrap_or(Err(LoadError::Lost)));
        }
        sum(parts)
    }

    fn check(&self) -> Result<(), LoadError> {
        match (self.connections, self.threads) {
            (1..=CONNECTIONS_MAX, threads) if threads >= 1 && threads <= self.connections => Ok(()),
            (1..=CONNECTIONS_MAX, _) => Err(LoadError::Invalid("needs 1 thread or more, and a connection for each")),
            _ => Err(LoadError::Invalid("needs 1 to 10,000 connections")),
        }
    }
}

/// Adds up what the threads recorded. Where one failed the others were lost, so its reason comes first.
fn sum(parts: Vec<Result<Outcome, LoadError>>) -> Result<Outcome, LoadError> {
    let mut outcome = Outcome::default();
    let mut lost = None;
    for part in parts {
        match part {
            Ok(part) => {
                outcome.elapsed = outcome.elapsed.max(part.elapsed);
                outcome.merge(&part);
            }
            Err(LoadError::Lost) => lost = Some(LoadError::Lost),
            Err(error) => return Err(error),
        }
    }
    lost.map_or(Ok(outcome), Err)
}

/// Tells the generator's threads to stop when nobody waits for them any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One thread's share of a run.
struct Part {
    index: usize,
    load: Load,
    requests: Requests,
    /// Requests taken by all threads in a run bounded by their number.
    taken: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Part {
    fn run(
        self,
        ready: oneshot::Sender<()>,
        started: &std::sync::mpsc::Receiver<Instant>,
    ) -> Result<Outcome, LoadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LoadError::Generator)?;
        LocalSet::new().block_on(&runtime, async {
            let mut connections = Vec::new();
            for worker in (self.index..self.load.connections).step_by(self.load.threads) {
                let connection = Connection::open(self.load.address).await.map_err(LoadError::Unreachable)?;
                connections.push((worker, connection));
            }
            ready.send(()).map_err(|()| LoadError::Lost)?;
            let origin = started.recv().map_err(|_lost| LoadError::Lost)?;
            self.drive(origin, connections).await
        })
    }

    /// Runs every connection to its end, or until the server is given up.
    async fn drive(self, origin: Instant, connections: Vec<(usize, Connection)>) -> Result<Outcome, LoadError> {
        let run = Rc::new(Run::new(self, origin));
        let pacer = run.is_open().then(|| {
            let (plan, permits) = (run.plan(connections.len()), Arc::clone(&run.permits));
            Pacer::start(move |stop| plan.keep(&permits, stop))
        });
        let pacer = pacer.transpose().map_err(LoadError::Generator)?;
        let mut tasks = JoinSet::new();
        for (worker, connection) in connections {
            tasks.spawn_local(Rc::clone(&run).work(worker, connection));
        }
        let result = tokio::select! {
            result = finish(&mut tasks) => result,
            () = run.watch() => Ok(()),
        };
        drop(pacer);
        tasks.shutdown().await;
        result?;
        Ok(run.outcome())
    }
}

async fn finish(tasks: &mut JoinSet<Result<(), LoadError>>) -> Result<(), LoadError> {
    while let Some(task) = tasks.join_next().await {
        task.map_err(|_panicked| LoadError::Lost)??;
    }
    Ok(())
}

/// A request that may be sent now, and what becomes of its record.
#[derive(Clone, Copy)]
struct Ticket {
    due: u64,
    is_measured: bool,
}

/// What the connections of one thread share. Instants are nanoseconds since `origin`.
struct Run {
    part: Part,
    origin: Instant,
    schedule: Schedule,
    /// Where the warm-up ends.
    warm: u64,
    /// Where the measured part ends, unless it ends by number.
    end: Option<u64>,
    /// Requests of an open loop over all threads that are due in the warm-up.
    warm_up_count: u64,
    /// Requests of an open loop over all threads, warm-up included.
    scheduled: u64,
    /// Released requests of an open loop.
    permits: Arc<Semaphore>,
    share: Share,
    next: Cell<u64>,
    last_reply: Cell<u64>,
    /// Requests that wait for their reply.
    in_flight: Cell<u64>,
    records: RefCell<Records>,
}

struct Records {
    outcome: Outcome,
    /// Replies by status code; an array because this is counted once per reply.
    statuses: [u64; 600],
    last_measured: u64,
}

impl Run {
    fn new(part: Part, origin: Instant) -> Self {
        let rate_per_s = match part.load.pace {
            Pace::Open { rate_per_s } => rate_per_s.get(),
            Pace::Closed => 1,
        };
        let schedule = Schedule::new(rate_per_s, 0);
        let share = Share::new(part.index, part.load.threads);
        let warm = nanos(part.load.warm_up);
        let warm_up_count = schedule.due_before(warm);
        let (end, scheduled) = match part.load.bound {
            Bound::For(duration) => {
                let end = warm.saturating_add(nanos(duration));
                (Some(end), schedule.due_before(end))
            }
            Bound::Requests(count) => (None, warm_up_count.saturating_add(count)),
        };
        let records = Records { outcome: Outcome::default(), statuses: [0; 600], last_measured: warm };
        Self {
            part,
            origin,
            schedule,
            warm,
            end,
            warm_up_count,
            scheduled,
            permits: Arc::new(Semaphore::new(0)),
            share,
            next: Cell::new(0),
            last_reply: Cell::new(0),
            in_flight: Cell::new(0),
            records: RefCell::new(records),
        }
    }

    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    /// One connection: take a ticket, exchange, record, until there are no more tickets.
    async fn work(self: Rc<Self>, worker: usize, connection: Connection) -> Result<(), LoadError> {
        let mut usable = Some(connection);
        let mut now = self.now();
        while let Some(ticket) = self.ticket(now).await {
            let mut connection = match usable.take() {
                Some(connection) => connection,
                None => self.reconnect().await?,
            };
            let request = self.part.requests.next(worker);
            // A closed loop reads the clock once per request: what ends the last one begins the next.
            let sent = if self.is_open() { self.now() } else { ticket.due };
            self.begin(sent);
            let result = connection.exchange(&request).await;
            now = self.now();
            self.end(now);
            self.record(ticket, sent, now, &result);
            if result.is_ok_and(|reply| reply.keep_alive) {
                usable = Some(connection);
            }
        }
        Ok(())
    }

    fn begin(&self, now: u64) {
        if self.in_flight.replace(self.in_flight.get() + 1) == 0 {
            // The server's silence counts from the first request that it could have answered.
            self.last_reply.set(now);
        }
    }

    fn end(&self, now: u64) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.last_reply.set(now);
        self.records.borrow_mut().outcome.sent += 1;
    }

    fn is_open(&self) -> bool {
        matches!(self.part.load.pace, Pace::Open { .. })
    }

    /// Waits until this connection may send; `None` when the run is over.
    async fn ticket(&self, now: u64) -> Option<Ticket> {
        if self.part.stop.load(Ordering::Relaxed) {
            return None;
        }
        if self.is_open() {
            self.permits.acquire().await.ok()?.forget();
            let number = self.share.at(self.next.replace(self.next.get() + 1));
            let due = self.schedule.due_at(number);
            return (number < self.scheduled).then_some(Ticket { due, is_measured: due >= self.warm });
        }
        let is_measured = now >= self.warm;
        match self.part.load.bound {
            // Whether a reply counts is decided by when it comes.
            Bound::For(_) => self.end.is_none_or(|end| now < end).then_some(Ticket { due: now, is_measured: true }),
            Bound::Requests(_) if !is_measured => Some(Ticket { due: now, is_measured }),
            Bound::Requests(count) => {
                let number = self.part.taken.fetch_add(1, Ordering::Relaxed);
                (number < count).then_some(Ticket { due: now, is_measured })
            }
        }
    }

    fn record(&self, ticket: Ticket, sent: u64, done: u64, result: &Result<Reply, ExchangeError>) {
        let counts = match (self.part.load.pace, self.part.load.bound) {
            (Pace::Closed, Bound::For(_)) => done >= self.warm && self.end.is_none_or(|end| done <= end),
            (Pace::Closed, Bound::Requests(_)) | (Pace::Open { .. }, _) => ticket.is_measured,
        };
        if !counts {
            return;
        }
        let mut records = self.records.borrow_mut();
        records.last_measured = records.last_measured.max(done);
        match result {
            Ok(reply) => {
                records.outcome.record(ticket.due, sent, done);
                if let Some(count) = records.statuses.get_mut(usize::from(reply.status)) {
                    *count += 1;
                }
            }
            Err(error) => records.outcome.fail(error.kind(), 1),
        }
    }

    async fn reconnect(&self) -> Result<Connection, LoadError> {
        let mut attempt = 1;
        loop {
            match Connection::open(self.part.load.address).await {
                Ok(connection) => {
                    self.records.borrow_mut().outcome.reconnects += 1;
                    return Ok(connection);
                }
                Err(error) if attempt >= RECONNECT_ATTEMPTS_MAX => return Err(LoadError::Unreachable(error)),
                Err(_refused) => attempt += 1,
            }
        }
    }

    /// What the pacer has to do for this thread's connections.
    fn plan(&self, connections: usize) -> Plan {
        let Self { schedule, origin, share, .. } = *self;
        Plan { schedule, origin, count: self.scheduled, share, surplus: connections }
    }

    /// Returns when it is no use to wait any longer.
    async fn watch(&self) {
        let patience = nanos(self.part.load.patience);
        loop {
            tokio::time::sleep(WATCH_PERIOD).await;
            let now = self.now();
            let is_late = self.end.is_some_and(|end| now > end.saturating_add(patience));
            let is_silent = self.in_flight.get() > 0 && now > self.last_reply.get().saturating_add(patience);
            if is_late || is_silent || self.part.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let records = self.records.borrow();
        let mut outcome = records.outcome.clone();
        let by_status = (0_u16..).zip(records.statuses).filter(|(_, count)| *count > 0);
        outcome.statuses = by_status.collect::<BTreeMap<_, _>>();
        let answered = outcome.replies + outcome.failure_count();
        outcome.fail("unanswered", self.owed(answered));
        let last = Duration::from_nanos(records.last_measured.saturating_sub(self.warm));
        outcome.elapsed = match (self.part.load.pace, self.part.load.bound) {
            (Pace::Closed, Bound::For(duration)) => duration,
            (Pace::Open { .. }, Bound::For(duration)) => duration.max(last),
            (_, Bound::Requests(_)) => last,
        };
        outcome.generator_cpu = thread_cpu();
        outcome
    }

    /// Measured requests without a reply or a failure.
    fn owed(&self, answered: u64) -> u64 {
        if self.is_open() {
            (self.share.of(self.scheduled) - self.share.of(self.warm_up_count)).saturating_sub(answered)
        } else {
            self.in_flight.get()
        }
    }
}

/// Processor time of the calling thread as the scheduler counts it.
fn thread_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

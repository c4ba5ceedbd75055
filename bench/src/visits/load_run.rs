//! The run: one thread releases visits when they are due, another one drives the connections.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet};

use super::arrival_queue::{Arrival, ArrivalQueue};
use super::arrivals::Arrivals;
use super::client::{Client, TIMEOUT};
use super::report::LoadReport;
use super::stats::{Response, Stats, Timing, VisitEnd};
use super::{NextStep, Scenario};
use crate::load::{CONNECTIONS_MAX, LoadError};
use crate::pace::{Pacer, SLEEP_MIN};
use crate::rates::{millis, nanos};

/// Maximum number of steps of a visit.
const STEPS_MAX: usize = 16;
/// Maximum sleep between two visits, so that the thread notices a stop.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// Interval of snapshots.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

/// An open-loop load test of a server.
#[derive(Clone, Debug)]
pub struct LoadRun {
    /// Address of the server.
    pub address: SocketAddr,
    /// Number of keep-alive connections, each for one visit at a time; 1 to [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// Maximum number of visits that wait for a connection, 1 or more; further visits are dropped.
    pub queue_max: usize,
    /// Schedule of the visits.
    pub arrivals: Arrivals,
    /// Timeout of a request, and of unfinished visits after the end of the schedule.
    pub timeout: Duration,
}

/// State of a run, with the counts of the last second.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Scheduled visits per second.
    pub scheduled_per_s: f64,
    /// Visits that ended in the last second.
    pub ended: u64,
    /// Visits of the last second that ended with an unexpected response or without one.
    pub errors: u64,
    /// Visits in progress.
    pub in_progress: usize,
    /// Visits that wait for a connection.
    pub waiting: usize,
    /// Visits dropped since the start because the queue was full.
    pub dropped: u64,
    /// Median latency of the visits of the last second, without immediate failures.
    pub p50_ms: f64,
    /// 99th percentile of these latencies.
    pub p99_ms: f64,
}

impl LoadRun {
    /// Runs the schedule. Ends early when `stop` receives a value or is dropped; calls `observe` every second.
    ///
    /// # Errors
    /// [`LoadError`] when the server cannot be reached at the start, or the generator cannot start. Later failures are part
    /// of the report.
    pub async fn run(
        &self,
        scenario: Arc<dyn Scenario>,
        stop: oneshot::Receiver<()>,
        observe: impl FnMut(Snapshot) + Send + 'static,
    ) -> Result<LoadReport, LoadError> {
        if self.connections == 0 || self.connections > CONNECTIONS_MAX || self.queue_max == 0 {
            return Err(LoadError::Invalid("connections must be between 1 and 10,000, and queue_max at least 1"));
        }
        let (finish, finished) = oneshot::channel();
        let run = self.clone();
        std::thread::Builder::new()
            .name("pulse-visits".to_owned())
            // The receiver is gone when the future of the run was dropped.
            .spawn(move || drop(finish.send(run.drive(scenario, stop, observe)).err()))
            .map_err(LoadError::Generator)?;
        finished.await.unwrap_or(Err(LoadError::Lost))
    }

    fn drive(
        self,
        scenario: Arc<dyn Scenario>,
        stop: oneshot::Receiver<()>,
        observe: impl FnMut(Snapshot) + 'static,
    ) -> Result<LoadReport, LoadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LoadError::Generator)?;
        LocalSet::new().block_on(&runtime, async {
            let mut clients = Vec::with_capacity(self.connections);
            for _ in 0..self.connections {
                clients.push(Client::open(self.address, self.timeout).await.map_err(LoadError::Unreachable)?);
            }
            let run = Rc::new(Run::new(self, scenario));
            run.drive(clients, stop, observe).await
        })
    }
}

/// The queue, shared by the thread of the schedule and the connections.
struct SharedQueue {
    arrivals: Mutex<ArrivalQueue>,
    /// One permit per waiting visit.
    permits: Semaphore,
}

impl SharedQueue {
    /// Adds visits when they are due. After the last one it adds a permit per connection, so that all of them end.
    fn fill(&self, arrivals: impl Iterator<Item = u64>, origin: Instant, connections: usize, stop: &AtomicBool) {
        let mut arrivals = arrivals.peekable();
        while let Some(next) = arrivals.peek().copied() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let now = nanos(origin.elapsed());
            let mut added = 0;
            while let Some(due) = arrivals.next_if(|due| *due <= now) {
                added += usize::from(self.arrivals.lock().push(due));
            }
            self.permits.add_permits(added);
            if added == 0 && next > now {
                let sleep = Duration::from_nanos(next - now).clamp(SLEEP_MIN, SLEEP_MAX);
                std::thread::park_timeout(sleep);
            }
        }
        self.permits.add_permits(connections);
    }
}

/// State of a run. Times are nanoseconds since `origin`.
struct Run {
    plan: LoadRun,
    scenario: Arc<dyn Scenario>,
    origin: Instant,
    queue: Arc<SharedQueue>,
    stats: RefCell<Stats>,
    /// Due time of the visit of each connection.
    in_progress: Vec<Cell<Option<u64>>>,
}

impl Run {
    fn new(plan: LoadRun, scenario: Arc<dyn Scenario>) -> Self {
        let arrivals = Mutex::new(ArrivalQueue::new(plan.queue_max));
        Self {
            stats: RefCell::new(Stats::new(scenario.operations())),
            in_progress: (0..plan.connections).map(|_| Cell::new(None)).collect(),
            queue: Arc::new(SharedQueue { arrivals, permits: Semaphore::new(0) }),
            origin: Instant::now(),
            plan,
            scenario,
        }
    }

    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    async fn drive(
        self: Rc<Self>,
        clients: Vec<Client>,
        stop: oneshot::Receiver<()>,
        observe: impl FnMut(Snapshot) + 'static,
    ) -> Result<LoadReport, LoadError> {
        let (queue, due_times, origin) = (Arc::clone(&self.queue), self.plan.arrivals.due_times(), self.origin);
        let connections = clients.len();
        let pacer = Pacer::start(move |stop| queue.fill(due_times, origin, connections, stop));
        let pacer = pacer.map_err(LoadError::Generator)?;
        let watch = tokio::task::spawn_local(Rc::clone(&self).watch(observe));
        let mut tasks = JoinSet::new();
        for (index, client) in clients.into_iter().enumerate() {
            tasks.spawn_local(Rc::clone(&self).serve(index, client));
        }
        let last = tokio::time::Instant::from_std(origin) + self.plan.arrivals.duration + self.plan.timeout;
        let is_cut_short = tokio::select! {
            biased;
            lost = finish(&mut tasks) => { lost?; false }
            () = tokio::time::sleep_until(last) => false,
            // Stopped, or the sender was dropped.
            _stopped = stop => true,
        };
        let now = self.now();
        drop(pacer);
        watch.abort();
        tasks.shutdown().await;
        Ok(self.report(is_cut_short, now))
    }

    fn report(&self, is_cut_short: bool, now: u64) -> LoadReport {
        let (mut stats, queue) = (self.stats.borrow_mut(), self.queue.arrivals.lock());
        if !is_cut_short {
            stats.give_up_all(self.in_progress.iter().filter_map(Cell::get), &queue, now);
        }
        LoadReport { is_cut_short, ..stats.report(&queue, now) }
    }

    /// Runs visits on one connection, one after the other.
    async fn serve(self: Rc<Self>, index: usize, mut client: Client) {
        while let Ok(permit) = self.queue.permits.acquire().await {
            permit.forget();
            let Some(arrival) = self.queue.arrivals.lock().pop() else { return };
            if let Some(slot) = self.in_progress.get(index) {
                slot.set(Some(arrival.due));
            }
            self.stats.borrow_mut().begin_visit(arrival.due, self.now());
            let (end, done) = self.visit(arrival, &mut client).await;
            self.stats.borrow_mut().end_visit(Timing { due: arrival.due, done }, end);
            if let Some(slot) = self.in_progress.get(index) {
                slot.set(None);
            }
        }
    }

    /// Runs one visit. Returns how and when it ended.
    async fn visit(&self, arrival: Arrival, client: &mut Client) -> (VisitEnd, u64) {
        let mut due = arrival.due;
        client.body.clear();
        for step in 0..STEPS_MAX {
            let (operation, request) = match self.scenario.next(arrival.number, step, &client.body) {
                NextStep::Send { operation, request } => (operation, request),
                NextStep::Done => return (VisitEnd::Served, due),
                NextStep::Refused => return (VisitEnd::Refused, due),
                NextStep::Unexpected => return (VisitEnd::Unexpected, due),
            };
            let sent = client.send(&request).await;
            let done = self.now();
            let response = client.response(sent);
            self.stats.borrow_mut().record_response(operation, Timing { due, done }, response);
            if let Some(end) = self.end_of(response) {
                return (end, done);
            }
            due = done;
        }
        (VisitEnd::Served, due)
    }

    /// How a visit ends after a response; `None` when it continues.
    fn end_of(&self, response: Response<'_>) -> Option<VisitEnd> {
        match response.status {
            0 if response.code == TIMEOUT => Some(VisitEnd::TimedOut),
            0 => Some(VisitEnd::Failed),
            status if status < 400 => None,
            _ if self.scenario.expected_refusals().contains(&response.code) => Some(VisitEnd::Refused),
            _ => Some(VisitEnd::Unexpected),
        }
    }

    /// Calls `observe` every second.
    async fn watch(self: Rc<Self>, mut observe: impl FnMut(Snapshot)) {
        let mut seconds = tokio::time::interval(SNAPSHOT_EVERY);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let last = self.stats.borrow_mut().take_interval();
            let (waiting, dropped) = {
                let queue = self.queue.arrivals.lock();
                (queue.waiting().len(), queue.dropped())
            };
            observe(Snapshot {
                scheduled_per_s: self.plan.arrivals.scheduled_per_s(self.now()),
                ended: last.ended,
                errors: last.errors,
                in_progress: self.in_progress.iter().filter(|slot| slot.get().is_some()).count(),
                waiting,
                dropped,
                p50_ms: millis(last.visits.value_at_percentile(50.0)),
                p99_ms: millis(last.visits.value_at_percentile(99.0)),
            });
        }
    }
}

async fn finish(tasks: &mut JoinSet<()>) -> Result<(), LoadError> {
    while let Some(task) = tasks.join_next().await {
        task.map_err(|_panicked| LoadError::Lost)?;
    }
    Ok(())
}

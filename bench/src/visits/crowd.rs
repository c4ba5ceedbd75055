//! The run: a thread that lets visitors come on time, and a thread on which connections serve them.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet};

use super::arrivals::Arrivals;
use super::backlog::{Arrival, Backlog};
use super::line::{Line, TIMEOUT};
use super::report::Visited;
use super::tally::{End, Heard, Tally, Took};
use super::{Next, Scenario};
use crate::load::{CONNECTIONS_MAX, LoadError};
use crate::pace::{Pacer, SLEEP_MIN};
use crate::rates::{millis, nanos};

/// Steps of a visit at most.
const STEPS_MAX: usize = 16;
/// The longest sleep between two visitors, so that a run can be ended.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// How often somebody may look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// People who come to a server.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Where the server listens.
    pub address: SocketAddr,
    /// Keep-alive connections, each for one visitor at a time; 1 to [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// Visitors who wait for a connection at most, 1 or more; those beyond go away.
    pub waiting_max: usize,
    /// When they come.
    pub arrivals: Arrivals,
    /// How long an answer may take, and how long the run waits for late ones after the last visitor was due.
    pub patience: Duration,
}

/// What somebody who watches a run sees of the second before.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse {
    /// Visitors per second who should come now.
    pub wanted_per_s: f64,
    /// Visits that ended in this second.
    pub ended: u64,
    /// Those of them that were wrong or failed.
    pub errors: u64,
    /// Visitors whose requests are under way.
    pub under_way: usize,
    /// Visitors who wait for a connection.
    pub waiting: usize,
    /// Visitors who went away so far because too many waited.
    pub dropped: u64,
    /// Half of the visits of this second took less, failures that were known at once left out.
    pub p50_ms: f64,
    /// 99 % of them took less.
    pub p99_ms: f64,
}

impl Crowd {
    /// Lets everybody come. It ends early when `stop` says so or is dropped; `look` hears every second how it goes.
    ///
    /// # Errors
    /// [`LoadError`] when the server cannot be reached at the start or the generator cannot start. What fails later is
    /// part of the result.
    pub async fn run(
        &self,
        scenario: Arc<dyn Scenario>,
        stop: oneshot::Receiver<()>,
        look: impl FnMut(Glimpse) + Send + 'static,
    ) -> Result<Visited, LoadError> {
        if self.connections == 0 || self.connections > CONNECTIONS_MAX || self.waiting_max == 0 {
            return Err(LoadError::Invalid("needs 1 to 10,000 connections and room for 1 who waits"));
        }
        let (finish, finished) = oneshot::channel();
        let crowd = self.clone();
        std::thread::Builder::new()
            .name("pulse-visits".to_owned())
            // Nobody takes the result when the run was dropped.
            .spawn(move || drop(finish.send(crowd.drive(scenario, stop, look)).err()))
            .map_err(LoadError::Generator)?;
        finished.await.unwrap_or(Err(LoadError::Lost))
    }

    fn drive(
        self,
        scenario: Arc<dyn Scenario>,
        stop: oneshot::Receiver<()>,
        look: impl FnMut(Glimpse) + 'static,
    ) -> Result<Visited, LoadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LoadError::Generator)?;
        LocalSet::new().block_on(&runtime, async {
            let mut lines = Vec::with_capacity(self.connections);
            for _ in 0..self.connections {
                lines.push(Line::open(self.address, self.patience).await.map_err(LoadError::Unreachable)?);
            }
            let run = Rc::new(Run::new(self, scenario));
            run.drive(lines, stop, look).await
        })
    }
}

/// What the pacer and the connections share.
struct Door {
    backlog: Mutex<Backlog>,
    /// One permit for each who waits.
    permits: Semaphore,
}

impl Door {
    /// Lets visitors in when they are due; when the last one has come, everybody who serves learns that it is over.
    fn keep(&self, arrivals: impl Iterator<Item = u64>, origin: Instant, connections: usize, stop: &AtomicBool) {
        let mut arrivals = arrivals.peekable();
        while let Some(next) = arrivals.peek().copied() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let now = nanos(origin.elapsed());
            let mut stayed = 0;
            while let Some(due) = arrivals.next_if(|due| *due <= now) {
                stayed += usize::from(self.backlog.lock().offer(due));
            }
            self.permits.add_permits(stayed);
            if stayed == 0 && next > now {
                let sleep = Duration::from_nanos(next - now).clamp(SLEEP_MIN, SLEEP_MAX);
                std::thread::park_timeout(sleep);
            }
        }
        self.permits.add_permits(connections);
    }
}

/// A run. Instants are nanoseconds since `origin`.
struct Run {
    crowd: Crowd,
    scenario: Arc<dyn Scenario>,
    origin: Instant,
    door: Arc<Door>,
    tally: RefCell<Tally>,
    /// When the visitor of each connection was due.
    under_way: Vec<Cell<Option<u64>>>,
}

impl Run {
    fn new(crowd: Crowd, scenario: Arc<dyn Scenario>) -> Self {
        let backlog = Mutex::new(Backlog::new(crowd.waiting_max));
        Self {
            tally: RefCell::new(Tally::new(scenario.operations())),
            under_way: (0..crowd.connections).map(|_| Cell::new(None)).collect(),
            door: Arc::new(Door { backlog, permits: Semaphore::new(0) }),
            origin: Instant::now(),
            crowd,
            scenario,
        }
    }

    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    async fn drive(
        self: Rc<Self>,
        lines: Vec<Line>,
        stop: oneshot::Receiver<()>,
        look: impl FnMut(Glimpse) + 'static,
    ) -> Result<Visited, LoadError> {
        let (door, arrivals, origin) = (Arc::clone(&self.door), self.crowd.arrivals.instants(), self.origin);
        let connections = lines.len();
        let pacer = Pacer::start(move |stop| door.keep(arrivals, origin, connections, stop));
        let pacer = pacer.map_err(LoadError::Generator)?;
        let watch = tokio::task::spawn_local(Rc::clone(&self).watch(look));
        let mut tasks = JoinSet::new();
        for (index, line) in lines.into_iter().enumerate() {
            tasks.spawn_local(Rc::clone(&self).serve(index, line));
        }
        let last = tokio::time::Instant::from_std(origin) + self.crowd.arrivals.duration + self.crowd.patience;
        let is_cut_short = tokio::select! {
            biased;
            lost = finish(&mut tasks) => { lost?; false }
            () = tokio::time::sleep_until(last) => false,
            // Told to stop, or nobody is there any more who could tell.
            _stopped = stop => true,
        };
        let now = self.now();
        drop(pacer);
        watch.abort();
        tasks.shutdown().await;
        Ok(self.report(is_cut_short, now))
    }

    fn report(&self, is_cut_short: bool, now: u64) -> Visited {
        let (mut tally, backlog) = (self.tally.borrow_mut(), self.door.backlog.lock());
        if !is_cut_short {
            tally.give_up_all(self.under_way.iter().filter_map(Cell::get), &backlog, now);
        }
        Visited { is_cut_short, ..tally.report(&backlog, now) }
    }

    /// One connection: one visitor after the other.
    async fn serve(self: Rc<Self>, index: usize, mut line: Line) {
        while let Ok(permit) = self.door.permits.acquire().await {
            permit.forget();
            let Some(arrival) = self.door.backlog.lock().take() else { return };
            if let Some(slot) = self.under_way.get(index) {
                slot.set(Some(arrival.due));
            }
            self.tally.borrow_mut().begin(arrival.due, self.now());
            let (end, done) = self.visit(arrival, &mut line).await;
            self.tally.borrow_mut().end(Took { due: arrival.due, done }, end);
            if let Some(slot) = self.under_way.get(index) {
                slot.set(None);
            }
        }
    }

    /// One visitor: step after step until they have what they came for, or will not get it.
    async fn visit(&self, arrival: Arrival, line: &mut Line) -> (End, u64) {
        let mut due = arrival.due;
        line.body.clear();
        for step in 0..STEPS_MAX {
            let (operation, request) = match self.scenario.next(arrival.number, step, &line.body) {
                Next::Ask { operation, request } => (operation, request),
                Next::Over => return (End::Served, due),
                Next::Refused => return (End::Refused, due),
                Next::Lost => return (End::Wrong, due),
            };
            let asked = line.ask(&request).await;
            let done = self.now();
            let heard = line.heard(asked);
            self.tally.borrow_mut().hear(operation, Took { due, done }, heard);
            if let Some(end) = self.end_of(heard) {
                return (end, done);
            }
            due = done;
        }
        (End::Served, due)
    }

    /// How a visit ends after this; `None` when it goes on.
    fn end_of(&self, heard: Heard<'_>) -> Option<End> {
        match heard.status {
            0 if heard.code == TIMEOUT => Some(End::TimedOut),
            0 => Some(End::Failed),
            status if status < 400 => None,
            _ if self.scenario.right_refusals().contains(&heard.code) => Some(End::Refused),
            _ => Some(End::Wrong),
        }
    }

    /// Tells every second how it goes.
    async fn watch(self: Rc<Self>, mut look: impl FnMut(Glimpse)) {
        let mut seconds = tokio::time::interval(LOOK_EVERY);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let second = self.tally.borrow_mut().second();
            let (waiting, dropped) = {
                let backlog = self.door.backlog.lock();
                (backlog.waiting().len(), backlog.dropped())
            };
            look(Glimpse {
                wanted_per_s: self.crowd.arrivals.wanted_per_s(self.now()),
                ended: second.ended,
                errors: second.errors,
                under_way: self.under_way.iter().filter(|slot| slot.get().is_some()).count(),
                waiting,
                dropped,
                p50_ms: millis(second.visits.value_at_percentile(50.0)),
                p99_ms: millis(second.visits.value_at_percentile(99.0)),
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

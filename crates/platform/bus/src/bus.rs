//! The bus: which outboxes, which consumers, and the workers between them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pulse_contract::errors::{CONSUMER_NOT_FOUND, OVERLOADED};
use pulse_kernel::{Clock, Cx, Error, IdGenerator, Timestamp};
use pulse_store::{Database, Store};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::consumer::{Consumer, Start};
use crate::faults::Faults;
use crate::journal::{Journal, MIGRATIONS};
use crate::letters::{DeadLetter, Letters};
use crate::mode::Mode;
use crate::status::{Board, ConsumerStatus};
use crate::tail::Tail;
use crate::topic::{Classes, Durability};
use crate::worker::{Command, Settled, Source, Worker};

/// Commands to one worker that may wait; those who send more wait themselves.
const COMMANDS_MAX: usize = 16;

/// How the bus works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names this node in leases. The same node after a restart gets its leases back at once; two nodes must differ.
    pub holder: String,
    /// How long a node that fell silent keeps its consumers. Default 30 s.
    pub lease_ttl: Duration,
    /// How often outboxes are read without having been told to, for what other nodes wrote. Default 5 s.
    pub poll_every: Duration,
    /// Events that are read at once. Default 256.
    pub batch_max: u32,
    /// Events of one consumer in memory. Default 1024.
    pub open_max: usize,
    /// Events of one consumer that may be parked; then its offset stops until some are settled. Default 10,000.
    pub parked_max: usize,
    /// Where the jitter of back-offs comes from; `None` draws it from the machine.
    pub seed: Option<u64>,
    /// What deliveries suffer on purpose, in tests; nothing by default.
    pub faults: Option<Faults>,
}

impl Options {
    /// The defaults for the node that is called `holder`.
    #[must_use]
    pub fn of(holder: impl Into<String>) -> Self {
        Self {
            holder: holder.into(),
            lease_ttl: Duration::from_secs(30),
            poll_every: Duration::from_secs(5),
            batch_max: 256,
            open_max: 1_024,
            parked_max: 10_000,
            seed: None,
            faults: None,
        }
    }
}

/// What a bus is made of, before it starts.
pub struct Builder {
    options: Options,
    outboxes: Vec<Store>,
    consumers: Vec<Consumer>,
    classes: Classes,
}

/// Delivers events from the outboxes of contexts to consumers in this process. Cheap to clone.
///
/// When the last clone is dropped, deliveries stop where they are, as in a crash: nothing is lost, some events are
/// delivered again. [`Bus::stop`] lets them come to their end.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    letters: Letters,
    clock: Clock,
    parked_max: usize,
    outboxes: Vec<Store>,
    handles: Vec<Handle>,
    progress: Arc<watch::Sender<()>>,
    stop: CancellationToken,
    workers: Mutex<JoinSet<()>>,
}

/// The bus's end of a worker.
struct Handle {
    consumer: &'static str,
    journal: Journal,
    board: Arc<Board>,
    commands: mpsc::Sender<Command>,
}

impl Builder {
    /// Adds the outbox of a context.
    #[must_use]
    pub fn outbox(mut self, store: &Store) -> Self {
        self.outboxes.push(store.clone());
        self
    }

    /// Adds a consumer.
    #[must_use]
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    /// Says what a topic promises; without it, nothing of it is lost.
    #[must_use]
    pub fn topic(mut self, topic: &'static str, durability: Durability) -> Self {
        self.classes.insert(topic, durability);
        self
    }

    /// Opens the tables of the bus in `database` and starts to deliver.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    ///
    /// # Panics
    /// If two consumers have one name, or a consumer hears nothing, or a context without an outbox here.
    pub async fn start(self, database: &Database, clock: Clock, ids: Arc<IdGenerator>) -> Result<Bus, Error> {
        let (bus, workers) = self.prepare(database, clock, ids).await?;
        for worker in workers {
            bus.0.workers.lock().spawn(worker.run());
        }
        Ok(bus)
    }

    /// Everything but running the workers.
    pub(crate) async fn prepare(
        self,
        database: &Database,
        clock: Clock,
        ids: Arc<IdGenerator>,
    ) -> Result<(Bus, Vec<Worker>), Error> {
        let names: BTreeSet<&str> = self.consumers.iter().map(|consumer| consumer.name).collect();
        assert_eq!(names.len(), self.consumers.len(), "every consumer has its own name");
        let store = Store::open(database, "bus", MIGRATIONS, clock.clone(), Arc::clone(&ids)).await?;
        let options = Arc::new(self.options);
        let classes = Arc::new(self.classes);
        let progress = Arc::new(watch::Sender::new(()));
        let stop = CancellationToken::new();
        let mut workers = Vec::with_capacity(self.consumers.len());
        let tails: Vec<_> = self.outboxes.iter().map(|store| Arc::new(Tail::new(store.clone()))).collect();
        let mut handles = Vec::with_capacity(self.consumers.len());
        for consumer in self.consumers {
            let journal = Journal { store: store.clone(), consumer: consumer.name, clock: clock.clone() };
            let sources = sources_of(&consumer, &tails, &journal).await?;
            let board = Arc::new(Board::new(consumer.name, Arc::clone(&progress)));
            let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
            let worker = Worker {
                consumer: Arc::new(consumer),
                classes: Arc::clone(&classes),
                sources,
                journal: journal.clone(),
                clock: clock.clone(),
                options: Arc::clone(&options),
                board: Arc::clone(&board),
                commands: receiver,
                stop: stop.clone(),
                random: random(options.seed, handles.len()),
            };
            handles.push(Handle { consumer: journal.consumer, journal, board, commands: sender });
            workers.push(worker);
        }
        let inner = Inner {
            letters: Letters(store),
            clock,
            parked_max: options.parked_max,
            outboxes: self.outboxes,
            handles,
            progress,
            stop,
            workers: Mutex::new(JoinSet::new()),
        };
        Ok((Bus(Arc::new(inner)), workers))
    }
}

/// The outboxes that the consumer hears. Where it is new, its beginning is written down before anything else happens.
async fn sources_of(consumer: &Consumer, tails: &[Arc<Tail>], journal: &Journal) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    assert!(!consumer.sources().is_empty(), "{} hears nothing", consumer.name);
    for context in consumer.sources() {
        let tail = tails.iter().find(|tail| tail.store().context() == context);
        let Some(tail) = tail else { panic!("{} hears {context}, whose outbox is not here", consumer.name) };
        if journal.offset(context).await?.is_none() {
            let seq = match consumer.start_in(context) {
                Start::Beginning => 0,
                Start::Now => tail.store().last_event_seq().await?,
                Start::After(seq) => seq,
            };
            journal.begin_at(context, seq).await?;
        }
        sources.push(Source { context, tail: Arc::clone(tail), changes: tail.store().watch_events() });
    }
    Ok(sources)
}

fn random(seed: Option<u64>, worker: usize) -> StdRng {
    let stream = u64::try_from(worker).unwrap_or(0);
    seed.map_or_else(StdRng::from_os_rng, |seed| StdRng::seed_from_u64(seed.wrapping_add(stream)))
}

impl Bus {
    /// Begins to describe a bus.
    #[must_use]
    pub fn builder(options: Options) -> Builder {
        Builder { options, outboxes: Vec::new(), consumers: Vec::new(), classes: Classes::new() }
    }

    /// Stops: running handlers come to their end, offsets are written, leases are given back.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let mut workers = std::mem::take(&mut *self.0.workers.lock());
        while let Some(ended) = workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker of the bus broke");
            }
        }
    }

    /// What every consumer is doing (TR-38).
    #[must_use]
    pub fn status(&self) -> Vec<ConsumerStatus> {
        self.0.handles.iter().map(|handle| self.status_of(handle)).collect()
    }

    fn status_of(&self, handle: &Handle) -> ConsumerStatus {
        handle.board.status(|context| {
            let store = self.0.outboxes.iter().find(|store| store.context() == context)?;
            Some(*store.watch_events().borrow())
        })
    }

    /// Waits until nothing can happen any more without new events or the passing of time, over all consumers and what
    /// their handlers wrote. Answers what is left then, one line each: parked events, dead letters, unread outboxes.
    pub async fn settle(&self) -> Vec<String> {
        let mut before = None;
        loop {
            let mut round = Vec::with_capacity(self.0.handles.len());
            for handle in &self.0.handles {
                round.push(handle.settle().await);
            }
            // When no delivery ended anywhere between two rounds, no handler wrote an event that somebody missed.
            if before.as_ref() == Some(&round) {
                return self.leftovers();
            }
            before = Some(round);
        }
    }

    /// Waits until every consumer has come to the end of its outboxes with nothing parked. Parked events need time to
    /// pass; with a virtual clock somebody has to move it. Dead letters do not keep it waiting. Ends with [`Bus::stop`].
    pub async fn drain(&self) {
        let mut progress = self.0.progress.subscribe();
        loop {
            self.settle().await;
            if self.status().iter().all(ConsumerStatus::is_caught_up) {
                return;
            }
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                changed = progress.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What is not delivered, one line each, as far as this process knows without waiting; empty when all is done.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        self.status().iter().flat_map(leftovers_of).collect()
    }

    /// Sets the switch of a consumer, on every node and until it is set again.
    ///
    /// # Errors
    /// `CONSUMER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn set_mode(&self, consumer: &str, mode: Mode) -> Result<(), Error> {
        let handle = self.handle(consumer)?;
        handle.journal.set_mode(mode).await?;
        handle.reload().await;
        Ok(())
    }

    /// The dead letters after the one with the id `after` (0 for the first page), oldest first, of one consumer or of
    /// all; at most `limit`, which is at most [`crate::DEAD_LETTER_PAGE_MAX`].
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn dead_letters(&self, consumer: Option<&str>, after: i64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.0.letters.list(consumer, after, limit).await
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn dead_letter(&self, id: i64) -> Result<DeadLetter, Error> {
        self.0.letters.get(id).await
    }

    /// Delivers the event of a dead letter again, with all its attempts before it, at once. Later events of its key may
    /// have been handled meanwhile: replaying is the one case in which a key is out of order.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `OVERLOADED` when too much is parked, `STORE_UNAVAILABLE`.
    pub async fn replay(&self, id: i64) -> Result<(), Error> {
        self.revive(id, None).await
    }

    /// As [`Self::replay`], with another payload. The event keeps its id.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub async fn replay_edited(&self, id: i64, payload: Bytes) -> Result<(), Error> {
        self.revive(id, Some(payload)).await
    }

    async fn revive(&self, id: i64, payload: Option<Bytes>) -> Result<(), Error> {
        let letter = self.dead_letter(id).await?;
        let handle = self.handle(&letter.consumer)?;
        if handle.journal.parked_count().await? >= self.0.parked_max {
            return Err(OVERLOADED.error(format!("{} has too many parked events", letter.consumer)));
        }
        self.0.letters.replay(&self.cx(), id, payload).await?;
        handle.reload().await;
        Ok(())
    }

    /// Forgets a dead letter: its event will never be handled by its consumer.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn discard(&self, id: i64) -> Result<(), Error> {
        let letter = self.dead_letter(id).await?;
        self.0.letters.discard(&self.cx(), id).await?;
        if let Ok(handle) = self.handle(&letter.consumer) {
            handle.reload().await;
        }
        Ok(())
    }

    /// Deletes events that happened before `occurred_before` and that every consumer has settled, parked ones included:
    /// those have a copy. New consumers then begin after them.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune(&self, occurred_before: Timestamp) -> Result<u64, Error> {
        let mut pruned = 0;
        for outbox in &self.0.outboxes {
            let seq = self.0.letters.settled_by_all(outbox.context()).await?;
            pruned += outbox.prune_events(seq, occurred_before).await?;
        }
        Ok(pruned)
    }

    fn cx(&self) -> Cx {
        Cx::system("bus", self.0.clock.now())
    }

    fn handle(&self, consumer: &str) -> Result<&Handle, Error> {
        let handle = self.0.handles.iter().find(|handle| handle.consumer == consumer);
        handle.ok_or_else(|| CONSUMER_NOT_FOUND.error(format!("no consumer is called {consumer:?}")))
    }
}

impl Handle {
    /// Tells the worker that the database says something new. A worker that is gone does not mind.
    async fn reload(&self) {
        self.commands.send(Command::Reload).await.unwrap_or_default();
    }

    async fn settle(&self) -> Settled {
        let (answer, settled) = oneshot::channel();
        if self.commands.send(Command::Settle(answer)).await.is_ok()
            && let Ok(settled) = settled.await
        {
            return settled;
        }
        Settled { ended: self.board.ended() }
    }
}

/// Says what a consumer has not done, for people.
fn leftovers_of(status: &ConsumerStatus) -> Vec<String> {
    let name = status.consumer;
    let mut lines = Vec::new();
    // After a stop the last status stands; a consumer that never ran here has none.
    if !status.is_active && status.outboxes.is_empty() {
        lines.push(format!("{name}: not delivered to by this process"));
    }
    let counts = [
        (status.running_count, "running"),
        (status.open_count, "read and not settled"),
        (status.parked_count, "parked"),
        (usize::try_from(status.dead_letter_count).unwrap_or(usize::MAX), "dead letters"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let error = status.last_error.as_deref().unwrap_or("none");
        lines.push(format!("{name}: {count} {what} (last error: {error})"));
    }
    for outbox in &status.outboxes {
        if outbox.lag > 0 || !outbox.is_read {
            lines.push(format!("{name}: the outbox of {} is not read to its end", outbox.context));
        }
    }
    lines
}

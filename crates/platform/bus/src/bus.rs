//! The bus: outboxes, consumers, and a worker for each consumer.

use std::collections::BTreeSet;
use std::sync::Arc;

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

use crate::command::{Command, Drained};
use crate::consumer::{Consumer, Start};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::mode::Mode;
use crate::options::Options;
use crate::status::{ConsumerStatus, StatusBoard};
use crate::tables::{ConsumerTables, MIGRATIONS};
use crate::tail::Tail;
use crate::topic::{Classes, Durability};
use crate::worker::{Source, Worker};
use crate::worker_loop;

/// Maximum number of queued commands to one worker. Further senders wait.
const COMMANDS_MAX: usize = 16;

/// A bus before it starts.
pub struct Builder {
    options: Options,
    outboxes: Vec<Store>,
    consumers: Vec<Consumer>,
    classes: Classes,
}

/// Delivers events from the outboxes of contexts to consumers in this process. Cheap to clone.
///
/// When the last clone is dropped, deliveries stop immediately, as in a crash: no event is lost, some are delivered again.
/// [`Bus::stop`] waits for running handlers.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    dead_letters: DeadLetters,
    clock: Clock,
    blocked_max: usize,
    outboxes: Vec<Store>,
    handles: Vec<Handle>,
    progress: Arc<watch::Sender<()>>,
    stop: CancellationToken,
    workers: Mutex<JoinSet<()>>,
}

/// The part of a worker that the bus holds.
struct Handle {
    consumer: &'static str,
    tables: ConsumerTables,
    board: Arc<StatusBoard>,
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

    /// Declares the durability class of a topic. Default: [`Durability::Kept`].
    #[must_use]
    pub fn topic(mut self, topic: &'static str, durability: Durability) -> Self {
        self.classes.insert(topic, durability);
        self
    }

    /// Opens the tables of the bus in `database` and starts the deliveries.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    ///
    /// # Panics
    /// If two consumers have the same name, or a consumer subscribes to nothing or to a context without an outbox here.
    pub async fn start(self, database: &Database, clock: Clock, ids: Arc<IdGenerator>) -> Result<Bus, Error> {
        let (bus, workers) = self.prepare(database, clock, ids).await?;
        for worker in workers {
            bus.0.workers.lock().spawn(worker_loop::run(worker));
        }
        Ok(bus)
    }

    /// Prepares the bus and its workers without running them.
    pub(crate) async fn prepare(
        self,
        database: &Database,
        clock: Clock,
        ids: Arc<IdGenerator>,
    ) -> Result<(Bus, Vec<Worker>), Error> {
        crate::metrics::describe();
        let names: BTreeSet<&str> = self.consumers.iter().map(|consumer| consumer.name).collect();
        assert_eq!(names.len(), self.consumers.len(), "names of consumers must differ");
        let store = Store::open(database, "bus", MIGRATIONS, clock.clone(), Arc::clone(&ids)).await?;
        let options = Arc::new(self.options);
        let classes = Arc::new(self.classes);
        let progress = Arc::new(watch::Sender::new(()));
        let stop = CancellationToken::new();
        let mut workers = Vec::with_capacity(self.consumers.len());
        let tails: Vec<_> = self.outboxes.iter().map(|store| Arc::new(Tail::new(store.clone()))).collect();
        let mut handles = Vec::with_capacity(self.consumers.len());
        for consumer in self.consumers {
            let tables = ConsumerTables { store: store.clone(), consumer: consumer.name, clock: clock.clone() };
            let sources = sources_of(&consumer, &tails, &tables).await?;
            let board = Arc::new(StatusBoard::new(consumer.name, Arc::clone(&progress)));
            let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
            let worker = Worker {
                consumer: Arc::new(consumer),
                classes: Arc::clone(&classes),
                sources,
                tables: tables.clone(),
                clock: clock.clone(),
                options: Arc::clone(&options),
                board: Arc::clone(&board),
                commands: receiver,
                stop: stop.clone(),
                random: random(options.seed, handles.len()),
            };
            handles.push(Handle { consumer: tables.consumer, tables, board, commands: sender });
            workers.push(worker);
        }
        let inner = Inner {
            dead_letters: DeadLetters(store),
            clock,
            blocked_max: options.blocked_max,
            outboxes: self.outboxes,
            handles,
            progress,
            stop,
            workers: Mutex::new(JoinSet::new()),
        };
        Ok((Bus(Arc::new(inner)), workers))
    }
}

/// The outboxes that the consumer reads. The starting position of a new consumer is written before anything else.
async fn sources_of(consumer: &Consumer, tails: &[Arc<Tail>], tables: &ConsumerTables) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    assert!(!consumer.sources().is_empty(), "{} subscribes to nothing", consumer.name);
    for context in consumer.sources() {
        let tail = tails.iter().find(|tail| tail.store().context() == context);
        let Some(tail) = tail else { panic!("{} subscribes to {context}, whose outbox is missing", consumer.name) };
        if tables.offset(context).await?.is_none() {
            let seq = match consumer.start_in(context) {
                Start::Beginning => 0,
                Start::Now => tail.store().last_event_seq().await?,
                Start::After(seq) => seq,
            };
            tables.begin_at(context, seq).await?;
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
    /// A builder of a bus without outboxes and consumers.
    #[must_use]
    pub fn builder(options: Options) -> Builder {
        Builder { options, outboxes: Vec::new(), consumers: Vec::new(), classes: Classes::new() }
    }

    /// Stops the deliveries: waits for running handlers, writes the offsets and releases the leases.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let mut workers = std::mem::take(&mut *self.0.workers.lock());
        while let Some(ended) = workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker of the bus panicked");
            }
        }
    }

    /// Status of every consumer (TR-38).
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

    /// Waits until all consumers have handled every event that can be handled now, events of their handlers included.
    /// Returns the rest, one line each: blocked events, dead letters, unread outboxes. See [`Bus::catch_up`] for a wait until
    /// nothing is left.
    pub async fn drain(&self) -> Vec<String> {
        let mut before = None;
        loop {
            let mut round = Vec::with_capacity(self.0.handles.len());
            for handle in &self.0.handles {
                round.push(handle.drain().await);
            }
            // If no delivery ended between two rounds, no handler wrote an event that a consumer has not read.
            if before.as_ref() == Some(&round) {
                return self.leftovers();
            }
            before = Some(round);
        }
    }

    /// Waits until every consumer has handled its outboxes to the end and has no blocked events. Blocked events need time to
    /// pass; a virtual clock has to be advanced meanwhile. Does not wait for dead letters. Returns after [`Bus::stop`].
    pub async fn catch_up(&self) {
        let mut progress = self.0.progress.subscribe();
        loop {
            self.drain().await;
            if self.status().iter().all(ConsumerStatus::is_caught_up) {
                return;
            }
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                changed = progress.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Undelivered events, one line each, as far as this process knows without waiting. Empty when all are delivered.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        self.status().iter().flat_map(leftovers_of).collect()
    }

    /// Sets the mode of a consumer, on every node and until it is set again.
    ///
    /// # Errors
    /// `CONSUMER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn set_mode(&self, consumer: &str, mode: Mode) -> Result<(), Error> {
        let handle = self.handle(consumer)?;
        handle.tables.set_mode(mode).await?;
        handle.reload().await;
        Ok(())
    }

    /// Dead letters of one consumer, or of all, oldest first: at most `limit`, and at most [`crate::DEAD_LETTER_PAGE_MAX`], after
    /// the one with the ID `after`. 0 begins with the first one.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn dead_letters(&self, consumer: Option<&str>, after: i64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.0.dead_letters.list(consumer, after, limit).await
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn dead_letter(&self, id: i64) -> Result<DeadLetter, Error> {
        self.0.dead_letters.get(id).await
    }

    /// Delivers the event of a dead letter again, immediately and with all attempts. Later events of its key may have been
    /// handled meanwhile: a replay is the only case in which events of a key are out of order.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `OVERLOADED` when the consumer has too many blocked events, `STORE_UNAVAILABLE`.
    pub async fn replay(&self, id: i64) -> Result<(), Error> {
        self.replay_with(id, None).await
    }

    /// As [`Self::replay`], with another payload. The event keeps its ID.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub async fn replay_edited(&self, id: i64, payload: Bytes) -> Result<(), Error> {
        self.replay_with(id, Some(payload)).await
    }

    async fn replay_with(&self, id: i64, payload: Option<Bytes>) -> Result<(), Error> {
        let dead_letter = self.dead_letter(id).await?;
        let handle = self.handle(&dead_letter.consumer)?;
        if handle.tables.blocked_count().await? >= self.0.blocked_max {
            return Err(OVERLOADED.error(format!("{} has too many blocked events", dead_letter.consumer)));
        }
        self.0.dead_letters.replay(&self.cx(), id, payload).await?;
        handle.reload().await;
        Ok(())
    }

    /// Deletes a dead letter. Its consumer will never handle the event.
    ///
    /// # Errors
    /// `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn discard(&self, id: i64) -> Result<(), Error> {
        let dead_letter = self.dead_letter(id).await?;
        self.0.dead_letters.discard(&self.cx(), id).await?;
        if let Ok(handle) = self.handle(&dead_letter.consumer) {
            handle.reload().await;
        }
        Ok(())
    }

    /// Deletes events that happened before `occurred_before` and are below the offset of every consumer. Blocked events and
    /// dead letters are copies and stay. New consumers start after the deleted events.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn prune(&self, occurred_before: Timestamp) -> Result<u64, Error> {
        let mut pruned = 0;
        for outbox in &self.0.outboxes {
            let seq = self.0.dead_letters.settled_by_all(outbox.context()).await?;
            pruned += outbox.prune_events(seq, occurred_before).await?;
        }
        Ok(pruned)
    }

    fn cx(&self) -> Cx {
        Cx::system("bus", self.0.clock.now())
    }

    fn handle(&self, consumer: &str) -> Result<&Handle, Error> {
        let handle = self.0.handles.iter().find(|handle| handle.consumer == consumer);
        handle.ok_or_else(|| CONSUMER_NOT_FOUND.error(format!("unknown consumer {consumer:?}")))
    }
}

impl Handle {
    /// Asks the worker to reload its rows. Does nothing when the worker has ended.
    async fn reload(&self) {
        self.commands.send(Command::Reload).await.unwrap_or_default();
    }

    async fn drain(&self) -> Drained {
        let (answer, drained) = oneshot::channel();
        if self.commands.send(Command::Drain(answer)).await.is_ok()
            && let Ok(drained) = drained.await
        {
            return drained;
        }
        Drained { ended: self.board.ended() }
    }
}

/// Undelivered events of a consumer, as text.
fn leftovers_of(status: &ConsumerStatus) -> Vec<String> {
    let name = status.consumer;
    let mut lines = Vec::new();
    // A stopped consumer keeps its last status; one that never ran here has no outboxes.
    if !status.is_active && status.outboxes.is_empty() {
        lines.push(format!("{name}: not active in this process"));
    }
    let counts = [
        (status.running_count, "running"),
        (status.open_count, "read and not settled"),
        (status.blocked_count, "blocked"),
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

//! One session of a worker: from loading what is durable, under one lease, to the end of that lease.
//!
//! A loop of four steps: read the outboxes, start what may start, wait for whatever happens first, and write down what
//! follows from it before anything else starts. What is in memory only can be lost at any point: events above the
//! offset are read again, and the inbox of the handler's context recognizes those that were handled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::select_all;
use pulse_contract::errors::INTERNAL;
use pulse_kernel::{Error, Timestamp};
use pulse_store::{Lease, StoredEvent};
use rand::Rng;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::attempt::{Attempt, Failure, Finished, Tried, Verdict};
use crate::journal::{Changes, ParkedRow};
use crate::lane::{Ended, Lane, Parked, Start};
use crate::letters::DeadLetter;
use crate::mode::Mode;
use crate::status::{OutboxStatus, Outcome};
use crate::topic::{Dropped, Durability};
use crate::worker::{Command, Settled, Worker};

/// Offsets are written at the latest when one has moved this far; it bounds what a crash delivers again.
const OFFSET_STRIDE: i64 = 256;
/// A lease is renewed so often within its time that missing one renewal does no harm.
const RENEWALS: u32 = 3;

/// One outbox, as far as this session knows it.
struct Outbox {
    lane: Lane<Arc<StoredEvent>>,
    /// Dead letters above the offset at the start: they are read again and passed over.
    buried: BTreeSet<i64>,
    /// Whether there may be more to read.
    is_dirty: bool,
    /// The state of the store's change counter that was read to the end.
    read_version: Option<u64>,
    head: i64,
    saved_offset: i64,
}

/// What a session waits for.
enum Happening {
    Stop,
    Finished(Result<Finished, JoinError>),
    Command(Command),
    /// Somebody wrote into this outbox.
    Written(usize),
    /// There is something to see for [`Session::look_around`], or to read.
    Woken,
}

pub(crate) struct Session<'w> {
    worker: &'w mut Worker,
    lease: Lease,
    outboxes: Vec<Outbox>,
    running: JoinSet<Finished>,
    changes: Changes,
    mode: Mode,
    settles: Vec<oneshot::Sender<Settled>>,
    /// Whether something was handled since offsets were written; passing over foreign topics alone is no reason to write.
    is_handled_unsaved: bool,
    next_outbox: usize,
    poll_at: Timestamp,
    renew_at: Timestamp,
}

impl<'w> Session<'w> {
    /// Loads what is durable.
    pub(crate) async fn load(worker: &'w mut Worker, lease: Lease) -> Result<Self, Error> {
        let now = worker.clock.now();
        let mut outboxes = Vec::with_capacity(worker.sources.len());
        for source in &worker.sources {
            let offset = worker.journal.offset(source.context).await?.unwrap_or_default();
            let buried = worker.journal.buried_after((source.context, offset)).await?;
            outboxes.push(Outbox {
                lane: Lane::new(offset),
                buried: buried.into_iter().collect(),
                is_dirty: true,
                read_version: None,
                head: offset,
                saved_offset: offset,
            });
        }
        let poll_at = now.plus(worker.options.poll_every);
        let renew_at = now.plus(worker.options.lease_ttl / RENEWALS);
        let mut session = Self {
            worker,
            lease,
            outboxes,
            running: JoinSet::new(),
            changes: Changes::default(),
            mode: Mode::default(),
            settles: Vec::new(),
            is_handled_unsaved: false,
            next_outbox: 0,
            poll_at,
            renew_at,
        };
        session.reload().await?;
        Ok(session)
    }

    /// Delivers until the worker is stopped.
    pub(crate) async fn deliver(&mut self) -> Result<(), Error> {
        loop {
            self.look_around().await?;
            self.read().await?;
            self.start().await?;
            if self.running.is_empty() && !self.can_read() {
                self.rest().await?;
            }
            self.publish();
            match self.wait().await {
                Happening::Stop => return Ok(()),
                Happening::Finished(finished) => self.absorb(finished).await?,
                Happening::Command(command) => self.obey(command).await?,
                Happening::Written(index) => self.outboxes[index].is_dirty = true,
                Happening::Woken => {}
            }
        }
    }

    /// Sees what has changed, however busy the handlers keep us.
    async fn look_around(&mut self) -> Result<(), Error> {
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            outbox.is_dirty |= source.changes.has_changed().unwrap_or(false);
        }
        while let Ok(command) = self.worker.commands.try_recv() {
            self.obey(command).await?;
        }
        self.tick().await
    }

    /// Ends the session: running handlers come to their end, and after a regular stop what they did is written down.
    pub(crate) async fn finish(mut self, result: Result<(), Error>) -> Result<(), Error> {
        let mut last = Vec::new();
        while let Some(finished) = self.running.join_next().await {
            last.push(finished);
        }
        result?;
        for finished in last {
            self.conclude(finished)?;
        }
        self.save().await?;
        self.publish();
        self.worker.journal.store.release_lease(&self.lease).await?;
        Ok(())
    }

    /// How many more events fit: into memory, and into the parking place if every one of them fails. After a restart
    /// the outbox is read up to the last parked event in any case: those in between were read before.
    fn room(&self) -> usize {
        let open: usize = self.outboxes.iter().map(|outbox| outbox.lane.open_count()).sum();
        let parked: usize = self.outboxes.iter().map(|outbox| outbox.lane.parked_count()).sum();
        let options = &self.worker.options;
        let room = options.open_max.saturating_sub(open);
        if self.outboxes.iter().any(|outbox| outbox.lane.is_behind()) {
            return room;
        }
        room.min(options.parked_max.saturating_sub(open + parked))
    }

    fn can_read(&self) -> bool {
        self.mode != Mode::Paused && self.room() > 0 && self.outboxes.iter().any(|outbox| outbox.is_dirty)
    }

    /// Reads one batch of every outbox that may have more.
    async fn read(&mut self) -> Result<(), Error> {
        for index in 0..self.outboxes.len() {
            let limit = self.worker.options.batch_max.min(u32::try_from(self.room()).unwrap_or(u32::MAX));
            if self.mode != Mode::Paused && limit > 0 && self.outboxes[index].is_dirty {
                self.read_outbox(index, limit).await?;
            }
        }
        self.write().await
    }

    async fn read_outbox(&mut self, index: usize, limit: u32) -> Result<(), Error> {
        let source = &mut self.worker.sources[index];
        let outbox = &mut self.outboxes[index];
        let version = *source.changes.borrow_and_update();
        let read = source.tail.after(outbox.lane.read(), limit).await?;
        outbox.is_dirty = !read.is_end;
        if read.is_end {
            outbox.read_version = Some(version);
        }
        for event in read.events {
            let (seq, key) = (event.seq, event.key);
            outbox.head = outbox.head.max(seq);
            let is_wanted = self.worker.consumer.handler(source.context, &event.topic).is_some();
            if !is_wanted || outbox.buried.remove(&seq) {
                outbox.lane.read_up_to(seq);
            } else if let Some(event) = outbox.lane.accept(seq, key, event) {
                let parked = Parked { attempts: 0, due_at: Timestamp::EPOCH };
                self.changes.parked.push(ParkedRow { context: source.context, event, parked, error: String::new() });
            }
        }
        Ok(())
    }

    /// Starts what may start, as far as the consumer's concurrency goes.
    async fn start(&mut self) -> Result<(), Error> {
        let now = self.worker.clock.now();
        while self.mode != Mode::Paused && self.running.len() < self.worker.consumer.concurrency {
            let Some((index, start)) = self.next_start(now) else { break };
            match start {
                Start::Fresh { event, .. } => self.launch(index, event, 0, now),
                Start::Parked { position, key, attempts } => {
                    let place = (self.worker.sources[index].context, position);
                    match self.worker.journal.parked_event(place).await? {
                        Some(event) => self.launch(index, Arc::new(event), attempts, now),
                        // Somebody took it away; there is nothing left to deliver.
                        None => self.settle(index, position, key),
                    }
                }
            }
        }
        self.write().await
    }

    /// The outboxes take turns.
    fn next_start(&mut self, now: Timestamp) -> Option<(usize, Start<Arc<StoredEvent>>)> {
        let count = self.outboxes.len();
        (0..count).find_map(|step| {
            let index = (self.next_outbox + step) % count;
            let start = self.outboxes[index].lane.start(now)?;
            self.next_outbox = (index + 1) % count;
            Some((index, start))
        })
    }

    /// Runs the handler, unless the topic says that the event is not worth it any more.
    fn launch(&mut self, index: usize, event: Arc<StoredEvent>, attempts: u32, now: Timestamp) {
        if let Some(dropped) = self.class_of(&event).drop_before(event.occurred_at, now, self.mode) {
            return self.discard(index, &event, dropped);
        }
        let context = self.worker.sources[index].context;
        let faults = self.worker.options.faults.as_ref();
        let attempt = Attempt {
            outbox: index,
            context,
            fault: faults.and_then(|faults| faults.of((self.worker.consumer.name, context), event.seq, attempts)),
            event,
            attempts,
            is_degraded: self.mode == Mode::Degraded,
            store: self.worker.journal.store.clone(),
        };
        self.running.spawn(attempt.run(Arc::clone(&self.worker.consumer), now));
    }

    fn class_of(&self, event: &StoredEvent) -> Durability {
        self.worker.classes.get(&*event.topic).copied().unwrap_or_default()
    }

    fn discard(&mut self, index: usize, event: &StoredEvent, dropped: Dropped) {
        self.settle(index, event.seq, event.key);
        self.worker.board.count(Outcome::Dropped(dropped), None, None);
    }

    fn settle(&mut self, index: usize, seq: i64, key: i64) {
        if self.outboxes[index].lane.settle(seq, key) == Ended::Parked {
            self.changes.unparked.push((self.worker.sources[index].context, seq));
        }
        self.is_handled_unsaved = true;
    }

    /// Takes in a finished handler and all others that have finished meanwhile, and writes what follows.
    async fn absorb(&mut self, first: Result<Finished, JoinError>) -> Result<(), Error> {
        self.conclude(first)?;
        while let Some(finished) = self.running.try_join_next() {
            self.conclude(finished)?;
        }
        self.write().await
    }

    fn conclude(&mut self, finished: Result<Finished, JoinError>) -> Result<(), Error> {
        let finished = finished.map_err(|cause| INTERNAL.error("a delivery was torn off").caused_by(cause))?;
        let Finished { tried, took, verdict } = finished;
        match verdict {
            Verdict::Handled => {
                self.settle(tried.outbox, tried.event.seq, tried.event.key);
                self.worker.board.count(Outcome::Handled, Some(took), None);
            }
            Verdict::Duplicate => {
                self.settle(tried.outbox, tried.event.seq, tried.event.key);
                self.worker.board.count(Outcome::Duplicate, Some(took), None);
            }
            Verdict::Failed(failure) => {
                let outcome = self.fail(&tried, &failure);
                self.worker.board.count(outcome, Some(took), Some(&failure.error));
            }
        }
        Ok(())
    }

    /// A failed event is dropped, buried or parked, by its class and the number of attempts.
    fn fail(&mut self, tried: &Tried, failure: &Failure) -> Outcome {
        let now = self.worker.clock.now();
        if self.class_of(&tried.event) == Durability::Lossy {
            self.settle(tried.outbox, tried.event.seq, tried.event.key);
            return Outcome::Dropped(Dropped::Failed);
        }
        let random = self.worker.random.random();
        let pause = self.worker.consumer.backoff.pause_after(tried.attempts, random);
        match pause.filter(|_| !failure.is_final) {
            None => {
                self.bury(tried, failure, now);
                Outcome::Buried
            }
            Some(pause) => {
                let due_at = now.plus(pause.max(failure.retry_after));
                self.park(tried, Parked { attempts: tried.attempts, due_at }, failure);
                Outcome::Failed
            }
        }
    }

    fn bury(&mut self, tried: &Tried, failure: &Failure, now: Timestamp) {
        let Tried { outbox, event, attempts } = tried;
        self.settle(*outbox, event.seq, event.key);
        tracing::error!(
            consumer = self.worker.consumer.name,
            topic = &*event.topic,
            event.id = event.id,
            attempts,
            error = failure.error,
            "an event became a dead letter"
        );
        self.changes.letters.push(DeadLetter {
            id: self.worker.journal.next_id(now),
            consumer: self.worker.consumer.name.to_owned(),
            context: self.worker.sources[*outbox].context.to_owned(),
            event: StoredEvent::clone(event),
            attempts: *attempts,
            error: failure.error.clone(),
            failed_at: now,
        });
    }

    fn park(&mut self, tried: &Tried, parked: Parked, failure: &Failure) {
        let (context, event) = (self.worker.sources[tried.outbox].context, &tried.event);
        let rows = self.outboxes[tried.outbox].lane.park(event.seq, event.key, parked);
        if rows.is_empty() {
            self.changes.retried.push(((context, event.seq), parked, failure.error.clone()));
        }
        for (seq, waiting) in rows {
            let is_head = seq == event.seq;
            let parked = if is_head { parked } else { Parked { attempts: 0, due_at: Timestamp::EPOCH } };
            let error = if is_head { failure.error.clone() } else { String::new() };
            self.changes.parked.push(ParkedRow { context, event: waiting, parked, error });
        }
    }

    /// Writes what was decided; offsets go along, and alone only when they moved far.
    async fn write(&mut self) -> Result<(), Error> {
        let is_far = self.outboxes.iter().any(|outbox| outbox.lane.offset() - outbox.saved_offset >= OFFSET_STRIDE);
        if self.changes.is_empty() && !is_far {
            return Ok(());
        }
        self.save().await
    }

    async fn save(&mut self) -> Result<(), Error> {
        let mut changes = std::mem::take(&mut self.changes);
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            let offset = outbox.lane.offset();
            if offset != outbox.saved_offset {
                changes.offsets.push((source.context, offset));
                outbox.saved_offset = offset;
            }
        }
        self.is_handled_unsaved = false;
        if changes.is_empty() {
            return Ok(());
        }
        // After a failure the session ends, so what was taken out of it is loaded again and never half known.
        Ok(self.worker.journal.write(changes, &self.lease).await?)
    }

    /// Nothing runs, and nothing can start by itself.
    async fn rest(&mut self) -> Result<(), Error> {
        if self.is_handled_unsaved {
            self.save().await?;
        }
        if !self.settles.is_empty() {
            self.publish();
            let settled = Settled { ended: self.worker.board.ended() };
            for answer in self.settles.drain(..) {
                // Whoever asked may have gone.
                answer.send(settled).unwrap_or(());
            }
        }
        Ok(())
    }

    async fn wait(&mut self) -> Happening {
        let can_read = self.can_read();
        let can_start = self.mode != Mode::Paused && self.running.len() < self.worker.consumer.concurrency;
        let due = self.outboxes.iter().filter_map(|outbox| outbox.lane.next_due()).min().filter(|_| can_start);
        let wake_at = due.map_or(self.poll_at, |due| due.min(self.poll_at)).min(self.renew_at);
        let worker = &mut *self.worker;
        let changed = worker.sources.iter_mut().map(|source| Box::pin(source.changes.changed()));
        tokio::select! {
            biased;
            () = worker.stop.cancelled() => Happening::Stop,
            Some(finished) = self.running.join_next(), if !self.running.is_empty() => Happening::Finished(finished),
            Some(command) = worker.commands.recv() => Happening::Command(command),
            () = std::future::ready(()), if can_read => Happening::Woken,
            (Ok(()), index, _) = select_all(changed) => Happening::Written(index),
            () = worker.clock.sleep_until(wake_at) => Happening::Woken,
        }
    }

    fn notice(&mut self) {
        for outbox in &mut self.outboxes {
            outbox.is_dirty = true;
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Reload => self.reload().await,
            Command::Settle(answer) => {
                self.notice();
                self.settles.push(answer);
                Ok(())
            }
        }
    }

    /// The slow safety net: whatever other processes did is seen now.
    async fn tick(&mut self) -> Result<(), Error> {
        let now = self.worker.clock.now();
        if now >= self.renew_at {
            let ttl = self.worker.options.lease_ttl;
            self.lease = self.worker.journal.store.renew_lease(&self.lease, ttl).await?;
            self.renew_at = now.plus(ttl / RENEWALS);
        }
        if now >= self.poll_at {
            self.poll_at = now.plus(self.worker.options.poll_every);
            self.notice();
            self.reload().await?;
            self.save().await?;
        }
        Ok(())
    }

    /// Loads what operators may have changed: the mode, the parking place, the dead letters.
    async fn reload(&mut self) -> Result<(), Error> {
        let journal = &self.worker.journal;
        self.mode = journal.mode().await?;
        let rows = journal.parked(self.worker.options.parked_max.saturating_mul(2)).await?;
        let mut places: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for row in &rows {
            places.entry(&row.context).or_default().insert(row.seq);
        }
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            let kept = places.remove(source.context).unwrap_or_default();
            outbox.lane.retain_parked(|seq| kept.contains(&seq));
            for row in rows.iter().filter(|row| row.context == source.context) {
                outbox.lane.restore(row.seq, row.key, row.parked);
            }
        }
        let dead_letter_count = journal.dead_letter_count().await?;
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            outbox.head = outbox.head.max(source.tail.store().last_event_seq().await?);
        }
        self.worker.board.update(|status, _| status.dead_letter_count = dead_letter_count);
        Ok(())
    }

    fn publish(&self) {
        let outboxes: Vec<OutboxStatus> = self
            .outboxes
            .iter()
            .zip(&self.worker.sources)
            .map(|(outbox, source)| {
                let offset = outbox.lane.offset();
                let head = outbox.head.max(outbox.lane.read());
                OutboxStatus { context: source.context, offset, head, lag: head - offset, is_read: false }
            })
            .collect();
        self.worker.board.update(|status, read_versions| {
            status.is_active = true;
            status.mode = self.mode;
            status.running_count = self.running.len();
            status.open_count = self.outboxes.iter().map(|outbox| outbox.lane.open_count()).sum();
            status.parked_count = self.outboxes.iter().map(|outbox| outbox.lane.parked_count()).sum();
            status.outboxes = outboxes;
            *read_versions = self.outboxes.iter().map(|outbox| outbox.read_version).collect();
        });
    }
}

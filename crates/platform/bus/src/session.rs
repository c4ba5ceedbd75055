//! A session of a worker: from loading the durable state, under one lease, to the end of that lease.
//!
//! It loops over four steps: read the outboxes, start handlers, wait for the next input, and write the resulting changes
//! before anything else starts. The memory of a session can be lost at any point: events above the offset are read again,
//! and the inbox of the handler's context recognizes those that were handled.

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
use crate::command::{Command, Drained};
use crate::dead_letters::DeadLetter;
use crate::key_order::{Blocked, Ended, KeyOrder, Start};
use crate::mode::Mode;
use crate::status::{OutboxStatus, Outcome};
use crate::tables::{BlockedRow, Changes};
use crate::topic::{Dropped, Durability};
use crate::worker::Worker;

/// Maximum distance that an offset moves without being written. It bounds the deliveries that a crash repeats.
const OFFSET_STRIDE: i64 = 256;
/// Number of renewals per lease time, so that one missed renewal is harmless.
const RENEWALS: u32 = 3;

/// State of one outbox.
struct Outbox {
    order: KeyOrder<Arc<StoredEvent>>,
    /// Dead letters above the offset at the start. They are read again and skipped.
    dead_lettered: BTreeSet<i64>,
    /// Whether there may be more to read.
    is_dirty: bool,
    /// Value of the change counter of the store up to which the outbox was read to its end.
    read_version: Option<u64>,
    head: i64,
    saved_offset: i64,
}

/// Input of the session loop.
enum Input {
    Stop,
    Finished(Result<Finished, JoinError>),
    Command(Command),
    /// An event was written to the outbox with this index.
    Written(usize),
    /// Time for [`Session::poll`], or there is more to read.
    Woken,
}

pub(crate) struct Session<'w> {
    worker: &'w mut Worker,
    lease: Lease,
    outboxes: Vec<Outbox>,
    running: JoinSet<Finished>,
    changes: Changes,
    mode: Mode,
    drains: Vec<oneshot::Sender<Drained>>,
    /// Whether an event was settled since the offsets were written. Skipped topics alone do not cause a write.
    is_handled_unsaved: bool,
    next_outbox: usize,
    poll_at: Timestamp,
    renew_at: Timestamp,
}

impl<'w> Session<'w> {
    /// Loads the durable state.
    pub(crate) async fn load(worker: &'w mut Worker, lease: Lease) -> Result<Self, Error> {
        let now = worker.clock.now();
        let mut outboxes = Vec::with_capacity(worker.sources.len());
        for source in &worker.sources {
            let offset = worker.tables.offset(source.context).await?.unwrap_or_default();
            let dead_lettered = worker.tables.dead_lettered_after((source.context, offset)).await?;
            outboxes.push(Outbox {
                order: KeyOrder::new(offset),
                dead_lettered: dead_lettered.into_iter().collect(),
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
            drains: Vec::new(),
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
            self.poll().await?;
            self.read().await?;
            self.start().await?;
            if self.running.is_empty() && !self.can_read() {
                self.when_idle().await?;
            }
            self.publish();
            match self.wait().await {
                Input::Stop => return Ok(()),
                Input::Finished(finished) => self.collect(finished).await?,
                Input::Command(command) => self.execute(command).await?,
                Input::Written(index) => self.outboxes[index].is_dirty = true,
                Input::Woken => {}
            }
        }
    }

    /// Handles commands and timeouts, also while handlers keep the loop busy.
    async fn poll(&mut self) -> Result<(), Error> {
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            outbox.is_dirty |= source.changes.has_changed().unwrap_or(false);
        }
        while let Ok(command) = self.worker.commands.try_recv() {
            self.execute(command).await?;
        }
        self.tick().await
    }

    /// Ends the session: waits for running handlers and, after a regular stop, writes their results.
    pub(crate) async fn finish(mut self, result: Result<(), Error>) -> Result<(), Error> {
        let mut last = Vec::new();
        while let Some(finished) = self.running.join_next().await {
            last.push(finished);
        }
        result?;
        for finished in last {
            self.record(finished)?;
        }
        self.save().await?;
        self.publish();
        self.worker.tables.store.release_lease(&self.lease).await?;
        Ok(())
    }

    /// Number of events that may be read: bounded by the memory, and by the maximum of blocked events if all of them fail.
    /// After a restart the outbox is read up to the last blocked event in any case, because those events were read before.
    fn room(&self) -> usize {
        let open: usize = self.outboxes.iter().map(|outbox| outbox.order.open_count()).sum();
        let blocked: usize = self.outboxes.iter().map(|outbox| outbox.order.blocked_count()).sum();
        let options = &self.worker.options;
        let room = options.open_max.saturating_sub(open);
        if self.outboxes.iter().any(|outbox| outbox.order.is_behind()) {
            return room;
        }
        room.min(options.blocked_max.saturating_sub(open + blocked))
    }

    fn can_read(&self) -> bool {
        self.mode != Mode::Paused && self.room() > 0 && self.outboxes.iter().any(|outbox| outbox.is_dirty)
    }

    /// Reads one batch of every outbox that may have more events.
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
        let read = source.tail.after(outbox.order.read(), limit).await?;
        outbox.is_dirty = !read.is_end;
        if read.is_end {
            outbox.read_version = Some(version);
        }
        for event in read.events {
            let (seq, key) = (event.seq, event.key);
            outbox.head = outbox.head.max(seq);
            let is_wanted = self.worker.consumer.handler(source.context, &event.topic).is_some();
            if !is_wanted || outbox.dead_lettered.remove(&seq) {
                outbox.order.read_up_to(seq);
            } else if let Some(event) = outbox.order.accept(seq, key, event) {
                let blocked = Blocked { attempts: 0, due_at: Timestamp::EPOCH };
                self.changes.blocked.push(BlockedRow { context: source.context, event, blocked, error: String::new() });
            }
        }
        Ok(())
    }

    /// Starts handlers, up to the concurrency of the consumer.
    async fn start(&mut self) -> Result<(), Error> {
        let now = self.worker.clock.now();
        while self.mode != Mode::Paused && self.running.len() < self.worker.consumer.concurrency {
            let Some((index, start)) = self.next_start(now) else { break };
            match start {
                Start::Fresh { event, .. } => self.launch(index, event, 0, now),
                Start::Blocked { position, key, attempts } => {
                    let position_in_outbox = (self.worker.sources[index].context, position);
                    match self.worker.tables.blocked_event(position_in_outbox).await? {
                        Some(event) => self.launch(index, Arc::new(event), attempts, now),
                        // Its row was deleted, so there is nothing to deliver.
                        None => self.settle(index, position, key),
                    }
                }
            }
        }
        self.write().await
    }

    /// The next event to start. The outboxes take turns.
    fn next_start(&mut self, now: Timestamp) -> Option<(usize, Start<Arc<StoredEvent>>)> {
        let count = self.outboxes.len();
        (0..count).find_map(|step| {
            let index = (self.next_outbox + step) % count;
            let start = self.outboxes[index].order.start(now)?;
            self.next_outbox = (index + 1) % count;
            Some((index, start))
        })
    }

    /// Starts the handler, unless the durability class of the topic drops the event.
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
            store: self.worker.tables.store.clone(),
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
        if self.outboxes[index].order.settle(seq, key) == Ended::Blocked {
            self.changes.unblocked.push((self.worker.sources[index].context, seq));
        }
        self.is_handled_unsaved = true;
    }

    /// Records a finished handler and all others that have finished meanwhile, and writes the changes.
    async fn collect(&mut self, first: Result<Finished, JoinError>) -> Result<(), Error> {
        self.record(first)?;
        while let Some(finished) = self.running.try_join_next() {
            self.record(finished)?;
        }
        self.write().await
    }

    fn record(&mut self, finished: Result<Finished, JoinError>) -> Result<(), Error> {
        let finished =
            finished.map_err(|cause| INTERNAL.error("the task of a delivery was aborted").caused_by(cause))?;
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

    /// Drops or blocks a failed event, or makes it a dead letter, by its durability class and the number of attempts.
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
                self.dead_letter(tried, failure, now);
                Outcome::DeadLettered
            }
            Some(pause) => {
                let due_at = now.plus(pause.max(failure.retry_after));
                self.block(tried, Blocked { attempts: tried.attempts, due_at }, failure);
                Outcome::Failed
            }
        }
    }

    fn dead_letter(&mut self, tried: &Tried, failure: &Failure, now: Timestamp) {
        let Tried { outbox, event, attempts } = tried;
        self.settle(*outbox, event.seq, event.key);
        tracing::error!(
            consumer = self.worker.consumer.name,
            topic = &*event.topic,
            event.id = event.id,
            attempts,
            error = failure.error,
            "event became a dead letter; replay or discard it"
        );
        self.changes.dead_letters.push(DeadLetter {
            id: self.worker.tables.next_id(now),
            consumer: self.worker.consumer.name.to_owned(),
            context: self.worker.sources[*outbox].context.to_owned(),
            event: StoredEvent::clone(event),
            attempts: *attempts,
            error: failure.error.clone(),
            failed_at: now,
        });
    }

    fn block(&mut self, tried: &Tried, blocked: Blocked, failure: &Failure) {
        let (context, event) = (self.worker.sources[tried.outbox].context, &tried.event);
        let rows = self.outboxes[tried.outbox].order.block(event.seq, event.key, blocked);
        if rows.is_empty() {
            self.changes.retried.push(((context, event.seq), blocked, failure.error.clone()));
        }
        for (seq, waiting) in rows {
            let is_head = seq == event.seq;
            let blocked = if is_head { blocked } else { Blocked { attempts: 0, due_at: Timestamp::EPOCH } };
            let error = if is_head { failure.error.clone() } else { String::new() };
            self.changes.blocked.push(BlockedRow { context, event: waiting, blocked, error });
        }
    }

    /// Writes the pending changes with the offsets. Offsets alone are written only after they moved far.
    async fn write(&mut self) -> Result<(), Error> {
        let is_far = self.outboxes.iter().any(|outbox| outbox.order.offset() - outbox.saved_offset >= OFFSET_STRIDE);
        if self.changes.is_empty() && !is_far {
            return Ok(());
        }
        self.save().await
    }

    async fn save(&mut self) -> Result<(), Error> {
        let mut changes = std::mem::take(&mut self.changes);
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            let offset = outbox.order.offset();
            if offset != outbox.saved_offset {
                changes.offsets.push((source.context, offset));
                outbox.saved_offset = offset;
            }
        }
        self.is_handled_unsaved = false;
        if changes.is_empty() {
            return Ok(());
        }
        // After an error the session ends, and the next one loads the durable state again.
        Ok(self.worker.tables.write(changes, &self.lease).await?)
    }

    /// Called when no handler runs and none can start: writes the offsets and answers [`Command::Drain`].
    async fn when_idle(&mut self) -> Result<(), Error> {
        if self.is_handled_unsaved {
            self.save().await?;
        }
        if !self.drains.is_empty() {
            self.publish();
            let drained = Drained { ended: self.worker.board.ended() };
            for answer in self.drains.drain(..) {
                // The caller may be gone.
                answer.send(drained).unwrap_or(());
            }
        }
        Ok(())
    }

    async fn wait(&mut self) -> Input {
        let can_read = self.can_read();
        let can_start = self.mode != Mode::Paused && self.running.len() < self.worker.consumer.concurrency;
        let due = self.outboxes.iter().filter_map(|outbox| outbox.order.next_due()).min().filter(|_| can_start);
        let wake_at = due.map_or(self.poll_at, |due| due.min(self.poll_at)).min(self.renew_at);
        let worker = &mut *self.worker;
        let changed = worker.sources.iter_mut().map(|source| Box::pin(source.changes.changed()));
        tokio::select! {
            biased;
            () = worker.stop.cancelled() => Input::Stop,
            Some(finished) = self.running.join_next(), if !self.running.is_empty() => Input::Finished(finished),
            Some(command) = worker.commands.recv() => Input::Command(command),
            () = std::future::ready(()), if can_read => Input::Woken,
            (Ok(()), index, _) = select_all(changed) => Input::Written(index),
            () = worker.clock.sleep_until(wake_at) => Input::Woken,
        }
    }

    fn mark_dirty(&mut self) {
        for outbox in &mut self.outboxes {
            outbox.is_dirty = true;
        }
    }

    async fn execute(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Reload => self.reload().await,
            Command::Drain(answer) => {
                self.mark_dirty();
                self.drains.push(answer);
                Ok(())
            }
        }
    }

    /// Renews the lease and polls for changes of other processes, when their time has come.
    async fn tick(&mut self) -> Result<(), Error> {
        let now = self.worker.clock.now();
        if now >= self.renew_at {
            let ttl = self.worker.options.lease_ttl;
            self.lease = self.worker.tables.store.renew_lease(&self.lease, ttl).await?;
            self.renew_at = now.plus(ttl / RENEWALS);
        }
        if now >= self.poll_at {
            self.poll_at = now.plus(self.worker.options.poll_every);
            self.mark_dirty();
            self.reload().await?;
            self.save().await?;
        }
        Ok(())
    }

    /// Loads the rows that operators may have changed: the mode, the blocked events, the number of dead letters.
    async fn reload(&mut self) -> Result<(), Error> {
        let tables = &self.worker.tables;
        self.mode = tables.mode().await?;
        let rows = tables.blocked(self.worker.options.blocked_max.saturating_mul(2)).await?;
        let mut kept_by_context: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for row in &rows {
            kept_by_context.entry(&row.context).or_default().insert(row.seq);
        }
        for (outbox, source) in self.outboxes.iter_mut().zip(&self.worker.sources) {
            let kept = kept_by_context.remove(source.context).unwrap_or_default();
            outbox.order.retain_blocked(|seq| kept.contains(&seq));
            for row in rows.iter().filter(|row| row.context == source.context) {
                outbox.order.restore(row.seq, row.key, row.blocked);
            }
        }
        let dead_letter_count = tables.dead_letter_count().await?;
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
                let offset = outbox.order.offset();
                let head = outbox.head.max(outbox.order.read());
                OutboxStatus { context: source.context, offset, head, lag: head - offset, is_read: false }
            })
            .collect();
        self.worker.board.update(|status, read_versions| {
            status.is_active = true;
            status.mode = self.mode;
            status.running_count = self.running.len();
            status.open_count = self.outboxes.iter().map(|outbox| outbox.order.open_count()).sum();
            status.blocked_count = self.outboxes.iter().map(|outbox| outbox.order.blocked_count()).sum();
            status.outboxes = outboxes;
            *read_versions = self.outboxes.iter().map(|outbox| outbox.read_version).collect();
        });
    }
}

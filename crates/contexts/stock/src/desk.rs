//! The desk: one task per node that decides what waits together and writes it with one commit.
//!
//! However many reservations of one resource wait, they cost one guarded change of its row. Whatever the desk remembers
//! may be lost or old at any time: a change is written only on the revision that it was decided on, and a refusal rests
//! on rows that were read for it.

mod batch;
mod memory;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use pulse_contract::errors as common;
use pulse_contract::stock::v1::errors;
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::StockConfig;
use crate::domain::command::{Command, Refusal, Reply, Verb};
use crate::view;
use memory::Memory;

/// How many lines of reservations one batch holds, so that its rows are few queries and one commit of bounded size.
const LINES_MAX: usize = 2_048;
/// When somebody who found the queue full should come back.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Where commands are handed in. Cheap to clone; the task ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    queue: mpsc::Sender<Work>,
}

/// Commands that somebody waits for together, at least one, and whom to answer.
#[derive(Debug)]
struct Work {
    commands: Vec<Command>,
    cx: Cx,
    queued: Instant,
    answer: oneshot::Sender<Result<Outcomes, Error>>,
}

/// What commands came to, in their order.
pub(crate) type Outcomes = Vec<Result<Reply, Refusal>>;

impl Desk {
    /// Starts the task.
    pub(crate) fn start(store: Store, config: &StockConfig) -> Self {
        let (queue, waiting) = mpsc::channel(config.queue_max.max(1));
        let clerk = Clerk { store, memory: Memory::default(), batch_max: config.batch_max.max(1) };
        tokio::spawn(clerk.serve(waiting));
        Self { queue }
    }

    /// Has a command decided and written, and waits for the answer.
    ///
    /// # Errors
    /// The refusal of the ledger; `STOCK_BUSY` when too many wait; `DEADLINE_EXCEEDED` when it waited for too long;
    /// those of the store.
    pub(crate) async fn ask(&self, cx: &Cx, verb: Verb) -> Result<Reply, Error> {
        let outcome = self.ask_many(cx, vec![verb]).await?.pop();
        outcome.ok_or_else(|| common::INTERNAL.error("a command was not decided"))?.map_err(view::refusal)
    }

    /// Has commands decided in their order, each for itself, and waits until all are written: by one commit when no
    /// more than [`LINES_MAX`] lines are asked for. They take one place in the queue for each commit.
    ///
    /// # Errors
    /// As [`Desk::ask`]; refusals are outcomes. After `STOCK_BUSY` nothing was done; after another error a part of the
    /// commands may be written, as a whole commit each.
    pub(crate) async fn ask_many(&self, cx: &Cx, verbs: Vec<Verb>) -> Result<Outcomes, Error> {
        let pieces = pieces(verbs.into_iter().map(|verb| Command { actor: cx.actor.account(), verb }));
        let places = self.queue.try_reserve_many(pieces.len()).map_err(|none| match none {
            mpsc::error::TrySendError::Full(()) => {
                metrics::counter!("pulse_stock_refusals_total", "reason" => "busy").increment(1);
                errors::STOCK_BUSY.error("too many reservations wait; nothing was done").retry_in(RETRY_IN)
            }
            mpsc::error::TrySendError::Closed(()) => common::DRAINING.error("stock is not kept here any more"),
        })?;
        let hand_in = |(place, commands): (mpsc::Permit<'_, Work>, Vec<Command>)| {
            let (answer, answered) = oneshot::channel();
            place.send(Work { commands, cx: cx.clone(), queued: Instant::now(), answer });
            answered
        };
        let all_answered: Vec<_> = places.zip(pieces).map(hand_in).collect();
        let mut outcomes = Outcomes::new();
        for answered in all_answered {
            let ended = |gone| common::DRAINING.error("stock is not kept here any more").caused_by(gone);
            outcomes.append(&mut answered.await.map_err(ended)??);
        }
        Ok(outcomes)
    }
}

/// Cuts commands into what one commit may hold, in their order.
fn pieces(commands: impl Iterator<Item = Command>) -> Vec<Vec<Command>> {
    let mut pieces: Vec<Vec<Command>> = Vec::new();
    let mut room = 0;
    for command in commands {
        let lines = command.verb.line_count();
        match pieces.last_mut().filter(|_| room >= lines) {
            Some(piece) => {
                room -= lines;
                piece.push(command);
            }
            None => {
                room = LINES_MAX.saturating_sub(lines);
                pieces.push(vec![command]);
            }
        }
    }
    pieces
}

/// Who sits at the desk.
struct Clerk {
    store: Store,
    memory: Memory,
    batch_max: usize,
}

impl Clerk {
    async fn serve(self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::with_capacity(self.batch_max);
        while queue.recv_many(&mut waiting, self.batch_max).await > 0 {
            let now = self.store.clock().now();
            let wanted = waiting.drain(..).filter_map(|work| still_wanted(work, now));
            for batch in batches(wanted) {
                self.run(batch).await;
            }
        }
    }

    /// Decides a batch, writes it and answers everybody.
    async fn run(&self, batch: Vec<Work>) {
        match self.outcomes(&batch).await {
            Ok(outcomes) => {
                metrics::counter!("pulse_stock_batches_total").increment(1);
                let mut outcomes = outcomes.into_iter();
                for work in batch {
                    let own = outcomes.by_ref().take(work.commands.len()).collect();
                    answer(work, Ok(own));
                }
            }
            // One of them brings down all: each for itself, so that it is the only one.
            Err(error) if error.kind() == Kind::Internal && batch.len() > 1 => {
                tracing::warn!(error = error.report(), works = batch.len(), "a batch of stock goes on one by one");
                for work in batch {
                    let outcomes = self.outcomes(std::slice::from_ref(&work)).await;
                    answer(work, outcomes);
                }
            }
            Err(error) => batch.into_iter().for_each(|work| answer(work, Err(again(&error)))),
        }
    }

    /// What the commands of a batch come to, once it is written. A panic is an error too: an invariant that would have
    /// been broken ends neither the task nor the others.
    async fn outcomes(&self, batch: &[Work]) -> Result<Outcomes, Error> {
        let cx = batch_cx(batch, self.store.clock().now());
        let attempts = self.store.attempt(&cx, || batch::run(&self.store, &self.memory, &cx, batch));
        let outcome = AssertUnwindSafe(attempts).catch_unwind().await;
        let outcome =
            outcome.unwrap_or_else(|_panic| Err(common::INTERNAL.error("the ledger refused to break its invariants")));
        if outcome.is_err() {
            self.memory.clear();
        }
        outcome
    }
}

/// The command, unless nobody waits for it any more or its time is over: then nothing moves (TR-35).
fn still_wanted(work: Work, now: pulse_kernel::Timestamp) -> Option<Work> {
    metrics::histogram!("pulse_stock_wait_seconds").record(work.queued.elapsed());
    if work.answer.is_closed() {
        return None;
    }
    if work.cx.deadline < now {
        answer(work, Err(common::DEADLINE_EXCEEDED.error("it waited for too long; nothing was done")));
        return None;
    }
    Some(work)
}

/// Cuts what waits into batches, in its order. What has an idempotency key has a batch of its own, because its
/// answer is part of the commit.
fn batches(waiting: impl Iterator<Item = Work>) -> Vec<Vec<Work>> {
    let mut batches: Vec<Vec<Work>> = Vec::new();
    let mut room = 0;
    for work in waiting {
        let lines = work.commands.iter().map(|command| command.verb.line_count()).sum();
        let is_alone = work.cx.idempotency.is_some();
        match batches.last_mut().filter(|_| room >= lines && !is_alone) {
            Some(batch) => {
                room -= lines;
                batch.push(work);
            }
            None => {
                room = if is_alone { 0 } else { LINES_MAX.saturating_sub(lines) };
                batches.push(vec![work]);
            }
        }
    }
    batches
}

/// What is alone is written in its own context; several together in that of Pulse.
fn batch_cx(batch: &[Work], now: pulse_kernel::Timestamp) -> Cx {
    match batch {
        [work] if work.cx.idempotency.is_some() => Cx { now, ..work.cx.clone() },
        [work] => Cx::system("stock.desk", now).in_trace(work.cx.trace),
        _ => Cx::system("stock.desk", now),
    }
}

fn answer(work: Work, outcome: Result<Outcomes, Error>) {
    // A caller that has gone away does not need its answer; what was written stands.
    work.answer.send(outcome).unwrap_or_default();
}

/// The same error for one more of those who wait.
fn again(error: &Error) -> Error {
    let same = error.spec().error(error.detail().to_owned()).caused_by(error.report());
    match error.retry_after() {
        Some(wait) => same.retry_in(wait),
        None => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulse_kernel::Timestamp;

    fn work(lines: usize, is_keyed: bool) -> Work {
        use crate::domain::reservation::{Key, Line, Owner};
        use crate::domain::resource::{Kind, ResourceRef};
        let mut cx = Cx::system("test", Timestamp::EPOCH);
        cx.idempotency = is_keyed.then(|| {
            let key = pulse_kernel::Idempotency { scope: String::new(), key: String::new(), fingerprint: [0; 32] };
            std::sync::Arc::new(key)
        });
        let line = Line { resource: ResourceRef { id: 1, kind: Kind::Sku }, quantity: 1 };
        let verb = Verb::Confirm { key: Key { id: 1, owner: Owner::Order }, lines: vec![line; lines] };
        let commands = vec![Command { actor: None, verb }];
        Work { commands, cx, queued: Instant::now(), answer: oneshot::channel().0 }
    }

    fn sizes(waiting: Vec<Work>) -> Vec<usize> {
        batches(waiting.into_iter()).iter().map(Vec::len).collect()
    }

    #[test]
    fn commands_are_cut_into_what_one_commit_may_hold() {
        let command = |lines| work(lines, false).commands.remove(0);
        let sizes = |lines: Vec<usize>| pieces(lines.into_iter().map(command)).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![1; 1_000]), [1_000]);
        assert_eq!(sizes(vec![200; 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![LINES_MAX + 1, 1, 1]), [1, 2]);
        assert_eq!(sizes(Vec::new()), [0_usize; 0]);
    }

    #[test]
    fn what_waits_is_cut_in_its_order() {
        assert_eq!(sizes(vec![work(1, false), work(1, false), work(1, true), work(1, false)]), [2, 1, 1]);
        assert_eq!(sizes((0..30).map(|_| work(200, false)).collect()), [10, 10, 10]);
        assert_eq!(sizes(vec![work(1, true), work(1, true)]), [1, 1]);
        assert_eq!(sizes(Vec::new()), [0_usize; 0]);
    }
}

//! Batches of stock commands: one task per node decides all queued commands together and writes them with one commit.
//!
//! All reservations of one resource in a batch cost one guarded change of its row. The cache of rows may be lost or old at
//! any time: a change is written only on the revision that it was decided on, and a refusal is decided on rows that were
//! read for it.

mod batch;

use std::time::Duration;

use pulse_contract::errors as common;
use pulse_contract::stock::v1::errors;
use pulse_kernel::{Cx, Error, Kind, Timestamp};
use pulse_store::Store;
use pulse_work::{Batcher, BatcherOptions, Executor, Group, OnFailure, Worker};

use crate::StockConfig;
use crate::domain::command::{Command, Refusal, Reply, Verb};
use crate::row_cache::RowCache;
use crate::view;

/// Name of the batcher in log lines, and actor of its commits.
const NAME: &str = "stock.batcher";
/// Maximum number of reservation lines of a batch, which bounds its queries and its commit.
const LINES_MAX: usize = 2_048;
/// Delay after which a caller retries when the queue is full.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Queue of stock commands. Cheap to clone; the worker ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct StockBatcher {
    queue: Batcher<QueuedCommands, Outcomes>,
}

/// Commands of one caller, at least one.
#[derive(Debug)]
struct QueuedCommands {
    commands: Vec<Command>,
    cx: Cx,
}

/// Outcomes of commands, in their order.
pub(crate) type Outcomes = Vec<Result<Reply, Refusal>>;

impl StockBatcher {
    /// Starts the worker.
    pub(crate) fn start(store: Store, config: &StockConfig) -> Self {
        let options = BatcherOptions::new(NAME, config.queue_max, config.batch_max)
            .on_full(queue_full)
            .on_taken(|waited| metrics::histogram!("pulse_stock_queue_wait_seconds").record(waited));
        Self { queue: Batcher::start(options, BatchWorker { store, cache: RowCache::default() }) }
    }

    /// Decides a command, writes it and returns its reply.
    ///
    /// # Errors
    /// The refusal of the ledger; `STOCK_BUSY` when the queue is full; `DEADLINE_EXCEEDED` when the deadline of the caller
    /// passed in the queue; those of the store.
    pub(crate) async fn execute(&self, cx: &Cx, verb: Verb) -> Result<Reply, Error> {
        let outcome = self.execute_all(cx, vec![verb]).await?.pop();
        outcome.ok_or_else(|| common::INTERNAL.error("the command has no outcome"))?.map_err(view::refusal)
    }

    /// Decides commands in their order, independently of each other, and returns when all are written: with one commit for
    /// up to [`LINES_MAX`] lines. Each commit takes one slot of the queue.
    ///
    /// # Errors
    /// As [`StockBatcher::execute`]; refusals are outcomes. After `STOCK_BUSY` nothing was executed; after another error the
    /// commands of some commits may be written.
    pub(crate) async fn execute_all(&self, cx: &Cx, verbs: Vec<Verb>) -> Result<Outcomes, Error> {
        let pieces = pieces(verbs.into_iter().map(|verb| Command { actor: cx.actor.account(), verb }));
        let queued = pieces.into_iter().map(|commands| QueuedCommands { commands, cx: cx.clone() });
        let mut outcomes = Outcomes::new();
        for answer in self.queue.submit_all(queued)? {
            outcomes.append(&mut answer.await?);
        }
        Ok(outcomes)
    }
}

fn queue_full() -> Error {
    metrics::counter!("pulse_stock_refusals_total", "reason" => "busy").increment(1);
    errors::STOCK_BUSY.error("the stock queue is full; nothing was done").retry_in(RETRY_IN)
}

/// Splits commands into parts that fit into one commit, in their order.
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

/// Decides and writes batches.
struct BatchWorker {
    store: Store,
    cache: RowCache,
}

impl Worker for BatchWorker {
    type Job = QueuedCommands;
    type Outcome = Outcomes;

    async fn handle(&mut self, queued: &mut Group<QueuedCommands, Outcomes>) {
        let now = self.store.clock().now();
        // A command without a caller or after its deadline moves nothing (TR-35).
        queued.drop_abandoned();
        queued.answer_where(|commands| {
            let is_late = commands.cx.deadline < now;
            is_late.then(|| Err(common::DEADLINE_EXCEEDED.error("the deadline passed in the queue; nothing was done")))
        });
        while !queued.is_empty() {
            queued.execute_first(batch_len(queued.jobs()), self).await;
        }
    }
}

impl Executor for BatchWorker {
    async fn execute(&mut self, batch: &[QueuedCommands]) -> Result<Vec<Outcomes>, Error> {
        let cx = batch_cx(batch, self.store.clock().now());
        let outcomes = self.store.attempt(&cx, || batch::run(&self.store, &self.cache, &cx, batch)).await?;
        metrics::counter!("pulse_stock_batches_total").increment(1);
        let mut outcomes = outcomes.into_iter();
        Ok(batch.iter().map(|queued| outcomes.by_ref().take(queued.commands.len()).collect()).collect())
    }

    fn on_failure(&mut self, error: &Error) -> OnFailure {
        self.cache.clear();
        match error.kind() == Kind::Internal {
            true => OnFailure::ExecuteEach,
            false => OnFailure::FailAll,
        }
    }
}

/// Number of queued calls of the next batch: as many as fit into a commit. A call with an idempotency key is a batch of its
/// own, because its answer is part of the commit.
fn batch_len(queued: &[QueuedCommands]) -> usize {
    let mut lines = 0;
    let fits = |queued: &&QueuedCommands| {
        lines += queued.commands.iter().map(|command| command.verb.line_count()).sum::<usize>();
        lines <= LINES_MAX && queued.cx.idempotency.is_none()
    };
    queued.iter().take_while(fits).count().max(1)
}

/// Context of the commit of a batch: that of a single call, or that of the batcher.
fn batch_cx(batch: &[QueuedCommands], now: Timestamp) -> Cx {
    match batch {
        [queued] if queued.cx.idempotency.is_some() => Cx { now, ..queued.cx.clone() },
        [queued] => Cx::system(NAME, now).in_trace(queued.cx.trace),
        _ => Cx::system(NAME, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(lines: usize, is_keyed: bool) -> QueuedCommands {
        use crate::domain::reservation::{Key, Line, Owner};
        use crate::domain::resource::{Kind, ResourceRef};
        let mut cx = Cx::system("test", Timestamp::EPOCH);
        cx.idempotency = is_keyed.then(|| {
            let key = pulse_kernel::Idempotency { scope: String::new(), key: String::new(), fingerprint: [0; 32] };
            std::sync::Arc::new(key)
        });
        let line = Line { resource: ResourceRef { id: 1, kind: Kind::Sku }, quantity: 1 };
        let verb = Verb::Confirm { key: Key { id: 1, owner: Owner::Order }, lines: vec![line; lines] };
        QueuedCommands { commands: vec![Command { actor: None, verb }], cx }
    }

    /// Sizes of the batches of these calls.
    fn sizes(mut queued: Vec<QueuedCommands>) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !queued.is_empty() {
            let size = batch_len(&queued);
            queued.drain(..size);
            sizes.push(size);
        }
        sizes
    }

    #[test]
    fn commands_are_split_into_parts_that_fit_into_one_commit() {
        let command = |lines| queued(lines, false).commands.remove(0);
        let sizes = |lines: Vec<usize>| pieces(lines.into_iter().map(command)).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![1; 1_000]), [1_000]);
        assert_eq!(sizes(vec![200; 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![LINES_MAX + 1, 1, 1]), [1, 2]);
        assert_eq!(sizes(Vec::new()), [0_usize; 0]);
    }

    #[test]
    fn queued_calls_form_batches_in_their_order() {
        assert_eq!(sizes(vec![queued(1, false), queued(1, false), queued(1, true), queued(1, false)]), [2, 1, 1]);
        assert_eq!(sizes((0..30).map(|_| queued(200, false)).collect()), [10, 10, 10]);
        assert_eq!(sizes(vec![queued(1, true), queued(1, true)]), [1, 1]);
        assert_eq!(sizes(vec![queued(LINES_MAX + 1, false), queued(1, false)]), [1, 1]);
        assert_eq!(sizes(Vec::new()), [0_usize; 0]);
    }
}

//! The writer: group commit, in which many commits share one transaction of SQLite and one flush of the disk.
//!
//! **Invariant:** no caller gets its outcome before the flush. Rejecting a commit undoes its own statements and no others.
//! Rejections wait for the flush too, because they may depend on rows that the same group wrote.
//!
//! Few commits are rejected after they have written, and a savepoint copies every page that changes under it. So a group
//! starts without savepoints. When one of its commits has to be undone, the whole group is rolled back and written again
//! with a savepoint for each commit.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::{CachedStatement, Connection};
use tokio::sync::oneshot;

use super::values::{bind, failure, is_duplicate, prepare, query};
use crate::StoreError;
use crate::options::Options;
use crate::sql::{Row, Sql, Statement};
use crate::transaction::{Step, Transaction};

/// Maximum number of commits per group. It bounds the wait of the first one.
const GROUP_MAX: usize = 512;
/// Maximum time for which a group accepts more commits, for the same reason.
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);
/// Number of groups that are written with savepoints after one was written twice. Commits that race for the same rows are
/// rejected repeatedly; this limits the cost of writing twice to about 3 %.
const SAVEPOINT_GROUPS: u32 = 32;

/// Statistics of the writer since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Number of commits that were written.
    pub commits: u64,
    /// Number of commits that were rejected.
    pub rejected: u64,
    /// Number of transactions of SQLite, each with one flush.
    pub groups: u64,
    /// Time spent on the statements of commits.
    pub busy: Duration,
    /// Time spent on BEGIN, COMMIT and the flush.
    pub flushing: Duration,
}

impl WriterStats {
    /// Average time of the writer per commit, without the flush.
    #[must_use]
    pub fn busy_per_commit(&self) -> Duration {
        let commits = u32::try_from(self.commits + self.rejected).unwrap_or(u32::MAX).max(1);
        self.busy.checked_div(commits).unwrap_or_default()
    }
}

/// A step of the writer, for fault injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterStep {
    /// A transaction of SQLite was begun.
    Begun,
    /// One statement of a commit was executed.
    Executed,
    /// All statements of a commit were executed.
    Applied,
    /// The transaction was flushed; no caller has its outcome yet.
    Flushed,
    /// One of the callers got its outcome.
    Answered,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    rejected: AtomicU64,
    groups: AtomicU64,
    busy_ns: AtomicU64,
    flushing_ns: AtomicU64,
}

enum Job {
    Commit(Commit),
    Query(Statement, oneshot::Sender<Result<Vec<Row>, StoreError>>),
}

struct Commit {
    transaction: Transaction,
    answer: oneshot::Sender<Answer>,
}

/// The outcome and the transaction, whose memory the thread of the caller frees instead of the writer.
type Answer = (Outcome, Transaction);

type Outcome = Result<(), StoreError>;

/// The writer thread. It ends when this is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Job>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread. `confirmed` counts the groups of commits whose callers are answered.
    pub(super) fn start(
        connection: Connection,
        options: &Options,
        confirmed: &Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = bounded(options.queue_max);
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            connection,
            jobs,
            counters: Arc::clone(&counters),
            confirmed: Arc::clone(confirmed),
            flush_delay: options.flush_delay,
            on_step: options.on_writer_step.unwrap_or(|_| ()),
            savepoint_groups: Cell::new(0),
        };
        thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || worker.serve())
            .map_err(StoreError::unavailable)?;
        Ok(Self { queue, counters })
    }

    pub(super) async fn execute(&self, transaction: Transaction) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit(Commit { transaction, answer }))?;
        let (outcome, _values) = answered.await.map_err(StoreError::outcome_unknown)?;
        outcome
    }

    pub(super) async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Query(statement, answer))?;
        answered.await.map_err(StoreError::unavailable)?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::unavailable("the writer thread has ended"),
        })
    }

    pub(super) fn stats(&self) -> WriterStats {
        let counters = &self.counters;
        WriterStats {
            commits: counters.commits.load(Ordering::Relaxed),
            rejected: counters.rejected.load(Ordering::Relaxed),
            groups: counters.groups.load(Ordering::Relaxed),
            busy: Duration::from_nanos(counters.busy_ns.load(Ordering::Relaxed)),
            flushing: Duration::from_nanos(counters.flushing_ns.load(Ordering::Relaxed)),
        }
    }
}

/// The last executed statement.
struct Prepared<'c> {
    sql: Sql,
    statement: CachedStatement<'c>,
}

/// Reason why a commit interrupts its group.
enum Interruption {
    /// The commit was rejected after it had written, and only the whole group can be rolled back.
    Split(StoreError),
    /// The state of the transaction is unknown.
    Lost(StoreError),
}

/// Commits of one transaction of SQLite, with their outcomes.
type Group = Vec<(Commit, Outcome)>;

struct Worker {
    connection: Connection,
    jobs: Receiver<Job>,
    counters: Arc<Counters>,
    confirmed: Arc<AtomicU64>,
    flush_delay: Option<Duration>,
    on_step: fn(WriterStep),
    /// Number of following groups that have savepoints from the start.
    savepoint_groups: Cell<u32>,
}

impl Worker {
    fn serve(self) {
        let mut next = self.jobs.recv().ok();
        while let Some(job) = next {
            next = match job {
                Job::Query(statement, answer) => {
                    // A caller that is gone does not need its rows.
                    answer.send(query(&self.connection, &statement)).unwrap_or_default();
                    None
                }
                Job::Commit(first) => self.group(first),
            };
            next = next.or_else(|| self.jobs.recv().ok());
        }
    }

    /// Commits `first` and the queued commits after it as one group. Returns the query that ended the group, if any.
    fn group(&self, first: Commit) -> Option<Job> {
        let started = Instant::now();
        if let Err(error) = self.begin() {
            answer(first, Err(failure("BEGIN IMMEDIATE", error)));
            return None;
        }
        let begun = Instant::now();
        let mut has_savepoints = self.savepoint_groups.get() > 0;
        self.savepoint_groups.set(self.savepoint_groups.get().saturating_sub(1));
        let mut group = Group::new();
        let mut next = Some(first);
        let mut query = None;
        while let Some(commit) = next.take() {
            let applied = match has_savepoints {
                true => self.apply_in_savepoint(&commit).map_err(Interruption::Lost),
                false => self.apply(&commit),
            };
            (self.on_step)(WriterStep::Applied);
            let (outcome, fatal) = match applied {
                Ok(outcome) => (outcome, None),
                // The other commits have the same outcome when they are written again, so this one would be rejected again.
                Err(Interruption::Split(refusal)) => {
                    has_savepoints = !group.is_empty();
                    (Err(refusal), self.rewrite(&mut group).err())
                }
                Err(Interruption::Lost(error)) => (Ok(()), Some(error)),
            };
            group.push((commit, outcome));
            if let Some(error) = fatal {
                return self.abort(group, &error);
            }
            if group.len() < GROUP_MAX && begun.elapsed() < GROUP_TIME_MAX {
                match self.jobs.try_recv() {
                    Ok(Job::Commit(commit)) => next = Some(commit),
                    Ok(other) => query = Some(other),
                    Err(_) => {}
                }
            }
        }
        let applied = Instant::now();
        let flushed = self.flush();
        self.count(&group, [started, begun, applied, Instant::now()]);
        // Before the callers are answered: a caller that reads afterwards must see its write.
        self.confirmed.fetch_add(1, Ordering::AcqRel);
        for (commit, outcome) in group {
            answer(
                commit,
                flushed
                    .as_ref()
                    .map_or_else(|message| Err(StoreError::outcome_unknown(message.as_str())), |()| outcome),
            );
            (self.on_step)(WriterStep::Answered);
        }
        query
    }

    fn begin(&self) -> rusqlite::Result<()> {
        self.run("BEGIN IMMEDIATE")?;
        (self.on_step)(WriterStep::Begun);
        Ok(())
    }

    /// Rolls the group back and writes it again, with a savepoint for each commit.
    fn rewrite(&self, group: &mut Group) -> Result<(), StoreError> {
        self.roll_back();
        self.begin().map_err(|error| failure("BEGIN IMMEDIATE", error))?;
        if group.is_empty() {
            return Ok(());
        }
        self.savepoint_groups.set(SAVEPOINT_GROUPS);
        metrics::counter!("pulse_store_group_commit_splits_total").increment(1);
        for (commit, outcome) in group {
            *outcome = self.apply_in_savepoint(commit)?;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), String> {
        let outcome = self.run("COMMIT").map_err(|error| error.to_string());
        if let Err(message) = &outcome {
            tracing::error!(error = %message, "cannot flush a group of commits; their outcome is unknown");
            self.roll_back();
        }
        if let Some(delay) = self.flush_delay {
            thread::sleep(delay);
        }
        (self.on_step)(WriterStep::Flushed);
        outcome
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // Best effort: the next BEGIN fails if it did not work.
            self.run("ROLLBACK").unwrap_or_else(|error| tracing::error!(%error, "cannot roll back a group of commits"));
        }
    }

    /// Rolls the group back and fails all its commits. Rejections are replaced too: they may depend on rows that are gone.
    fn abort(&self, group: Group, cause: &StoreError) -> Option<Job> {
        self.roll_back();
        let cause = with_sources(cause);
        tracing::error!(error = %cause, "a group of commits was rolled back; its callers get STORE_UNAVAILABLE");
        for (commit, _) in group {
            answer(commit, Err(StoreError::unavailable(cause.as_str())));
        }
        None
    }

    /// Executes one commit in the group. A rejected commit that has written interrupts the group.
    fn apply(&self, commit: &Commit) -> Result<Outcome, Interruption> {
        let (mut prepared, mut has_written) = (None, false);
        let mut steps = commit.transaction.steps.iter();
        let outcome = steps.try_for_each(|step| self.step(step, &mut prepared, &mut has_written));
        match self.in_open_transaction(outcome).map_err(Interruption::Lost)? {
            Err(refusal) if has_written => Err(Interruption::Split(refusal)),
            outcome => Ok(outcome),
        }
    }

    /// Executes one commit in a savepoint of its own, so that a rejected one leaves nothing behind.
    fn apply_in_savepoint(&self, commit: &Commit) -> Result<Outcome, StoreError> {
        self.run("SAVEPOINT use_case").map_err(|error| failure("SAVEPOINT", error))?;
        let mut prepared = None;
        let mut steps = commit.transaction.steps.iter();
        let outcome = steps.try_for_each(|step| self.step(step, &mut prepared, &mut false));
        drop(prepared);
        if outcome.is_err() && !self.connection.is_autocommit() {
            self.run("ROLLBACK TO use_case").map_err(|error| failure("ROLLBACK TO", error))?;
        }
        if !self.connection.is_autocommit() {
            self.run("RELEASE use_case").map_err(|error| failure("RELEASE", error))?;
        }
        self.in_open_transaction(outcome)
    }

    /// The outcome, unless SQLite has rolled back the whole transaction, as after an I/O error or on a full disk.
    fn in_open_transaction(&self, outcome: Outcome) -> Result<Outcome, StoreError> {
        match outcome {
            outcome if !self.connection.is_autocommit() => Ok(outcome),
            Err(error) => Err(error),
            Ok(()) => Err(StoreError::unavailable("SQLite rolled the transaction back")),
        }
    }

    fn step<'c>(
        &'c self,
        step: &Step,
        prepared: &mut Option<Prepared<'c>>,
        has_written: &mut bool,
    ) -> Result<(), StoreError> {
        let outcome = self.execute(step, prepared);
        (self.on_step)(WriterStep::Executed);
        match outcome {
            Ok(rows) => {
                // A failed statement undoes itself, and a statement that changes no row has nothing to undo.
                *has_written |= rows > 0 && !step.is_query;
                step.check(rows)
            }
            Err(error) if is_duplicate(&error) => Err(step.duplicated(error)),
            Err(error) => Err(failure(step.sql.as_str(), error)),
        }
    }

    fn execute<'c>(&'c self, step: &Step, prepared: &mut Option<Prepared<'c>>) -> rusqlite::Result<u64> {
        // Consecutive rows of one insert share one text, which is looked up once.
        let statement = match prepared {
            Some(known) if known.sql.is_same(&step.sql) => {
                bind(&mut known.statement, &step.args)?;
                &mut known.statement
            }
            _ => {
                let statement = prepare(&self.connection, step.sql.as_str(), &step.args)?;
                &mut prepared.insert(Prepared { sql: step.sql.clone(), statement }).statement
            }
        };
        if step.is_query {
            let mut rows = statement.raw_query();
            let mut count = 0;
            while rows.next()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        Ok(u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX))
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }

    fn count(&self, group: &[(Commit, Outcome)], times: [Instant; 4]) {
        let [started, begun, applied, flushed] = times;
        let commits = u64::try_from(group.iter().filter(|(_, outcome)| outcome.is_ok()).count()).unwrap_or(0);
        let rejected = u64::try_from(group.len()).unwrap_or(0).saturating_sub(commits);
        let busy = applied.duration_since(begun);
        let flushing = begun.duration_since(started) + flushed.duration_since(applied);
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counters.commits.fetch_add(commits, Ordering::Relaxed);
        self.counters.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        self.counters.busy_ns.fetch_add(nanos(busy), Ordering::Relaxed);
        self.counters.flushing_ns.fetch_add(nanos(flushing), Ordering::Relaxed);
        metrics::counter!("pulse_store_commits_total").increment(commits);
        metrics::counter!("pulse_store_commits_rejected_total").increment(rejected);
        metrics::counter!("pulse_store_groups_total").increment(1);
        metrics::histogram!("pulse_store_flush_seconds").record(flushing);
    }
}

fn answer(commit: Commit, outcome: Outcome) {
    // A caller that is gone does not need its outcome; the commit stays written.
    commit.answer.send((outcome, commit.transaction)).unwrap_or_default();
}

/// The error with its causes.
fn with_sources(error: &StoreError) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;

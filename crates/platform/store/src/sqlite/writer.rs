//! The one writer: many commits share one transaction of SQLite and one flush of the disk.
//!
//! **Invariant:** nobody is answered before the flush. A commit that is refused takes back its own statements and
//! nobody else's. Refusals wait for the flush too, because they may rest on what the same group wrote.
//!
//! Most commits are not refused after they have written, and a savepoint copies every page that is changed under it. So
//! a group begins without savepoints; when one of its commits has to be taken back, the whole group is, and is written
//! once more with a savepoint for each commit.

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
use crate::database::Options;
use crate::sql::{Row, Sql, Statement};
use crate::transaction::{Step, Transaction};

/// How many commits share a transaction at most, so that the first of them does not wait for ever.
const GROUP_MAX: usize = 512;
/// How long a group takes in more commits at most, for the same reason.
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);
/// How many groups are written with savepoints after one had to be written twice: those who race for the same rows are
/// refused again and again, and this bounds what writing twice costs to a thirtieth.
const CAREFUL_GROUPS: u32 = 32;

/// What the writer has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits that were written.
    pub commits: u64,
    /// Commits that were refused.
    pub refused: u64,
    /// Transactions of SQLite, each with one flush.
    pub groups: u64,
    /// Time spent on the statements of commits.
    pub busy: Duration,
    /// Time spent on beginning, committing and flushing.
    pub flushing: Duration,
}

impl WriterStats {
    /// The writer's time per commit, the flush not counted.
    #[must_use]
    pub fn busy_per_commit(&self) -> Duration {
        let commits = u32::try_from(self.commits + self.refused).unwrap_or(u32::MAX).max(1);
        self.busy.checked_div(commits).unwrap_or_default()
    }
}

/// Where the writer stands, for those who inject faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterStep {
    /// A transaction of SQLite has begun.
    Begun,
    /// One statement of a commit was executed.
    Executed,
    /// All statements of a commit were executed.
    Applied,
    /// The transaction was flushed; nobody was answered yet.
    Flushed,
    /// One of the callers was answered.
    Answered,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    refused: AtomicU64,
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

/// The outcome, and the values, so that the caller's thread gives their memory back and not the writer.
type Answer = (Outcome, Transaction);

type Outcome = Result<(), StoreError>;

/// The writer thread; it ends when this is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Job>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread; `answered` counts the groups of commits that somebody is told of.
    pub(super) fn start(
        connection: Connection,
        options: &Options,
        answered: &Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = bounded(options.queue_max);
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            connection,
            jobs,
            counters: Arc::clone(&counters),
            answered: Arc::clone(answered),
            flush_delay: options.flush_delay,
            on_step: options.on_writer_step.unwrap_or(|_| ()),
            careful_groups: Cell::new(0),
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
            refused: counters.refused.load(Ordering::Relaxed),
            groups: counters.groups.load(Ordering::Relaxed),
            busy: Duration::from_nanos(counters.busy_ns.load(Ordering::Relaxed)),
            flushing: Duration::from_nanos(counters.flushing_ns.load(Ordering::Relaxed)),
        }
    }
}

/// The statement that was executed last.
struct Prepared<'c> {
    sql: Sql,
    statement: CachedStatement<'c>,
}

/// Why a commit is not part of its group as it stands.
enum Trouble {
    /// It was refused after it had written, and only the whole group can be taken back.
    Torn(StoreError),
    /// Nobody can say what is left of the group.
    Lost(StoreError),
}

/// Commits of one transaction of SQLite, with what became of each.
type Group = Vec<(Commit, Outcome)>;

struct Worker {
    connection: Connection,
    jobs: Receiver<Job>,
    counters: Arc<Counters>,
    answered: Arc<AtomicU64>,
    flush_delay: Option<Duration>,
    on_step: fn(WriterStep),
    /// How many of the next groups have savepoints from the start.
    careful_groups: Cell<u32>,
}

impl Worker {
    fn serve(self) {
        let mut next = self.jobs.recv().ok();
        while let Some(job) = next {
            next = match job {
                Job::Query(statement, answer) => {
                    // A caller that has gone away does not need its rows.
                    answer.send(query(&self.connection, &statement)).unwrap_or_default();
                    None
                }
                Job::Commit(first) => self.group(first),
            };
            next = next.or_else(|| self.jobs.recv().ok());
        }
    }

    /// Commits `first` and everything that waits behind it; gives back a query that it came upon.
    fn group(&self, first: Commit) -> Option<Job> {
        let started = Instant::now();
        if let Err(error) = self.begin() {
            answer(first, Err(failure("BEGIN IMMEDIATE", error)));
            return None;
        }
        let begun = Instant::now();
        let mut is_careful = self.careful_groups.get() > 0;
        self.careful_groups.set(self.careful_groups.get().saturating_sub(1));
        let mut group = Group::new();
        let mut next = Some(first);
        let mut query = None;
        while let Some(commit) = next.take() {
            let applied = match is_careful {
                true => self.apply_apart(&commit).map_err(Trouble::Lost),
                false => self.apply(&commit),
            };
            (self.on_step)(WriterStep::Applied);
            let (outcome, trouble) = match applied {
                Ok(outcome) => (outcome, None),
                // The others are the same when they are written again, so it would be refused again.
                Err(Trouble::Torn(refusal)) => {
                    is_careful = !group.is_empty();
                    (Err(refusal), self.write_anew(&mut group).err())
                }
                Err(Trouble::Lost(error)) => (Ok(()), Some(error)),
            };
            group.push((commit, outcome));
            if let Some(error) = trouble {
                return self.give_up(group, &error);
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
        // Before anybody is answered: whoever reads after its answer must see what was written.
        self.answered.fetch_add(1, Ordering::AcqRel);
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

    /// Takes the group back and writes it once more, with a savepoint for each commit.
    fn write_anew(&self, group: &mut Group) -> Result<(), StoreError> {
        self.take_back();
        self.begin().map_err(|error| failure("BEGIN IMMEDIATE", error))?;
        if group.is_empty() {
            return Ok(());
        }
        self.careful_groups.set(CAREFUL_GROUPS);
        metrics::counter!("pulse_store_groups_torn_total").increment(1);
        for (commit, outcome) in group {
            *outcome = self.apply_apart(commit)?;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), String> {
        let outcome = self.run("COMMIT").map_err(|error| error.to_string());
        if let Err(message) = &outcome {
            tracing::error!(error = %message, "a group of commits was not flushed");
            self.take_back();
        }
        if let Some(delay) = self.flush_delay {
            thread::sleep(delay);
        }
        (self.on_step)(WriterStep::Flushed);
        outcome
    }

    fn take_back(&self) {
        if !self.connection.is_autocommit() {
            // Best effort: the next BEGIN says so if it did not work.
            self.run("ROLLBACK").unwrap_or_else(|error| tracing::error!(%error, "the group was not taken back"));
        }
    }

    /// Nothing of the group is written. Refusals are taken back too: they may rest on rows that are gone now.
    fn give_up(&self, group: Group, cause: &StoreError) -> Option<Job> {
        self.take_back();
        let cause = with_sources(cause);
        tracing::error!(error = %cause, "a group of commits was taken back");
        for (commit, _) in group {
            answer(commit, Err(StoreError::unavailable(cause.as_str())));
        }
        None
    }

    /// Executes one commit inside of the group. A refused one leaves nothing behind, or the group is torn.
    fn apply(&self, commit: &Commit) -> Result<Outcome, Trouble> {
        let (mut prepared, mut has_written) = (None, false);
        let mut steps = commit.transaction.steps.iter();
        let outcome = steps.try_for_each(|step| self.step(step, &mut prepared, &mut has_written));
        match self.whole(outcome).map_err(Trouble::Lost)? {
            Err(refusal) if has_written => Err(Trouble::Torn(refusal)),
            outcome => Ok(outcome),
        }
    }

    /// The same with a savepoint of its own: a refused one leaves nothing behind.
    fn apply_apart(&self, commit: &Commit) -> Result<Outcome, StoreError> {
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
        self.whole(outcome)
    }

    /// The outcome, unless the transaction is gone: a full disk or an I/O error makes SQLite roll all of it back.
    fn whole(&self, outcome: Outcome) -> Result<Outcome, StoreError> {
        match outcome {
            outcome if !self.connection.is_autocommit() => Ok(outcome),
            Err(error) => Err(error),
            Ok(()) => Err(StoreError::unavailable("SQLite took the transaction back")),
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
                // A statement that fails takes itself back, and one that touches no row has nothing to take back.
                *has_written |= rows > 0 && !step.is_query;
                step.check(rows)
            }
            Err(error) if is_duplicate(&error) => Err(step.duplicated(error)),
            Err(error) => Err(failure(step.sql.as_str(), error)),
        }
    }

    fn execute<'c>(&'c self, step: &Step, prepared: &mut Option<Prepared<'c>>) -> rusqlite::Result<u64> {
        // The rows of one insert have one text, and it is looked up once.
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
        let refused = u64::try_from(group.len()).unwrap_or(0).saturating_sub(commits);
        let busy = applied.duration_since(begun);
        let flushing = begun.duration_since(started) + flushed.duration_since(applied);
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counters.commits.fetch_add(commits, Ordering::Relaxed);
        self.counters.refused.fetch_add(refused, Ordering::Relaxed);
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        self.counters.busy_ns.fetch_add(nanos(busy), Ordering::Relaxed);
        self.counters.flushing_ns.fetch_add(nanos(flushing), Ordering::Relaxed);
        metrics::counter!("pulse_store_commits_total").increment(commits);
        metrics::counter!("pulse_store_refused_total").increment(refused);
        metrics::counter!("pulse_store_groups_total").increment(1);
        metrics::histogram!("pulse_store_flush_seconds").record(flushing);
    }
}

fn answer(commit: Commit, outcome: Outcome) {
    // A caller that has gone away does not need its answer; the commit stands.
    commit.answer.send((outcome, commit.transaction)).unwrap_or_default();
}

/// The error and what is below it.
fn with_sources(error: &StoreError) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;

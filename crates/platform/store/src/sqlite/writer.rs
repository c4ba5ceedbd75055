//! The one writer: many commits share one transaction of SQLite and one flush of the disk.
//!
//! **Invariant:** nobody is answered before the flush. A commit that is refused takes back its own statements and
//! nobody else's. Refusals wait for the flush too, because they may rest on what the same group wrote.

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

struct Worker {
    connection: Connection,
    jobs: Receiver<Job>,
    counters: Arc<Counters>,
    answered: Arc<AtomicU64>,
    flush_delay: Option<Duration>,
    on_step: fn(WriterStep),
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
        if let Err(error) = self.run("BEGIN IMMEDIATE") {
            answer(first, Err(failure("BEGIN IMMEDIATE", error)));
            return None;
        }
        let begun = Instant::now();
        (self.on_step)(WriterStep::Begun);
        let mut group = Vec::new();
        let mut next = Some(first);
        let mut query = None;
        while let Some(commit) = next.take() {
            let applied = self.apply(&commit.transaction);
            (self.on_step)(WriterStep::Applied);
            // A full disk or an I/O error makes SQLite roll back the whole transaction.
            let is_whole = applied.is_ok() && !self.connection.is_autocommit();
            group.push((commit, applied.unwrap_or_else(Err)));
            if !is_whole {
                return self.give_up(group);
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
    fn give_up(&self, group: Vec<(Commit, Outcome)>) -> Option<Job> {
        self.take_back();
        let cause = match group.last() {
            Some((_, Err(error))) => with_sources(error),
            Some((_, Ok(()))) | None => "SQLite took the transaction back".to_owned(),
        };
        tracing::error!(error = %cause, "a group of commits was taken back");
        for (commit, _) in group {
            answer(commit, Err(StoreError::unavailable(cause.as_str())));
        }
        None
    }

    /// Executes one commit inside of the group; a refused one leaves nothing behind. When that cannot be said, it is
    /// the outer error, and the group must not be committed.
    fn apply(&self, transaction: &Transaction) -> Result<Outcome, StoreError> {
        // A lone statement that cannot be refused after the fact takes itself back.
        if let [step] = transaction.steps.as_slice()
            && step.expected.is_none()
        {
            return Ok(self.step(step, &mut None));
        }
        if let Err(error) = self.run("SAVEPOINT use_case") {
            return Ok(Err(failure("SAVEPOINT", error)));
        }
        let mut prepared = None;
        let outcome = transaction.steps.iter().try_for_each(|step| self.step(step, &mut prepared));
        drop(prepared);
        if outcome.is_err() && !self.connection.is_autocommit() {
            self.run("ROLLBACK TO use_case").map_err(|error| failure("ROLLBACK TO", error))?;
        }
        if !self.connection.is_autocommit() {
            self.run("RELEASE use_case").map_err(|error| failure("RELEASE", error))?;
        }
        Ok(outcome)
    }

    fn step<'c>(&'c self, step: &Step, prepared: &mut Option<Prepared<'c>>) -> Result<(), StoreError> {
        let outcome = self.execute(step, prepared);
        (self.on_step)(WriterStep::Executed);
        match outcome {
            Ok(rows) => step.check(rows),
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
mod tests {
    use super::*;
    use crate::transaction::Refusal;
    use crate::values;

    type Answered = oneshot::Receiver<Answer>;

    /// Executes the transactions in one group; gives back what each caller hears, and the rows.
    fn outcomes(transactions: Vec<Transaction>) -> (Vec<Outcome>, Vec<i64>) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY)").unwrap();
        let (queue, jobs) = bounded(transactions.len());
        let mut answers: Vec<Answered> = Vec::new();
        for transaction in transactions {
            let (answer, answered) = oneshot::channel();
            queue.send(Job::Commit(Commit { transaction, answer })).unwrap();
            answers.push(answered);
        }
        let Ok(Job::Commit(first)) = jobs.recv() else { panic!("there is a first one") };
        let worker = Worker {
            connection,
            jobs,
            counters: Arc::default(),
            answered: Arc::default(),
            flush_delay: None,
            on_step: |_| (),
        };
        assert!(worker.group(first).is_none());
        let heard = answers.into_iter().map(|mut answered| answered.try_recv().unwrap().0).collect();
        let statement = Statement::new("SELECT id FROM rows ORDER BY id", values![]);
        let rows = query(&worker.connection, &statement).unwrap();
        (heard, rows.iter().map(|row| row.get("id").unwrap()).collect())
    }

    fn insert(id: i64) -> Step {
        Step::new("INSERT INTO rows (id) VALUES (?)", values![id]).on_duplicate(Refusal::AlreadyDone)
    }

    /// As a full disk does: the statement ends the whole transaction.
    fn fatal(id: i64) -> Step {
        Step::new("INSERT OR ROLLBACK INTO rows (id) VALUES (?)", values![id])
    }

    fn transaction(steps: impl Into<Vec<Step>>) -> Transaction {
        Transaction { steps: steps.into() }
    }

    fn is_unavailable(outcome: &Outcome) -> bool {
        matches!(outcome, Err(StoreError::Unavailable { is_outcome_unknown: false, .. }))
    }

    #[test]
    fn a_refusal_leaves_the_others_of_its_group() {
        let group =
            [transaction([insert(1), insert(2)]), transaction([insert(3), insert(1)]), transaction([insert(4)])];
        let (heard, rows) = outcomes(group.into());
        assert!(matches!(heard.as_slice(), [Ok(()), Err(StoreError::AlreadyDone), Ok(())]), "{heard:?}");
        assert_eq!(rows, [1, 2, 4]);
    }

    /// The second was refused because of the row of the first, which is gone with the third.
    #[test]
    fn nobody_of_a_group_that_was_given_up_keeps_a_refusal() {
        for last in [transaction([fatal(1)]), transaction([insert(2), fatal(1)])] {
            let group = [transaction([insert(1)]), transaction([insert(1)]), last];
            let (heard, rows) = outcomes(group.into());
            assert!(heard.iter().all(is_unavailable), "{heard:?}");
            assert_eq!(rows, [0_i64; 0]);
        }
    }

    /// Once the savepoint is gone, what the refused commit wrote cannot be told apart from the rest.
    #[test]
    fn a_group_whose_savepoint_is_lost_is_given_up() {
        let release = || Step::new("RELEASE use_case", values![]);
        for lost in [transaction([insert(2), release(), insert(1)]), transaction([insert(2), release()])] {
            let (heard, rows) = outcomes(vec![transaction([insert(1)]), lost]);
            assert!(heard.iter().all(is_unavailable), "{heard:?}");
            assert_eq!(rows, [0_i64; 0]);
        }
    }
}

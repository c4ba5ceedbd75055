//! Benchmark of group commit against one transaction per use case, in the same folder and the same run.
//!
//! A use case writes one row, one event and one idempotency answer, and is flushed before it returns, like most of Pulse.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pulse_kernel::{Clock, Cx, IdGenerator, Idempotency};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::{Commit, Database, Migration, Options, Statement, Store, StoreError, WriterStats, values};
use pulse_contract::Event;

/// Parameters of the benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Existing folder on the file system to measure.
    pub folder: PathBuf,
    /// Number of use cases through the store.
    pub use_cases: u32,
    /// Number of use cases that run concurrently.
    pub concurrency: u32,
    /// Number of use cases that run one by one as the reference.
    pub reference_use_cases: u32,
    /// Extra delay after each flush, to simulate a slow disk.
    pub flush_delay: Option<Duration>,
}

/// Result of a run of use cases.
#[derive(Clone, Debug)]
pub struct Run {
    /// Time from the start of the first to the end of the last.
    pub elapsed: Duration,
    /// Latency of each use case, sorted.
    pub latencies: Vec<Duration>,
}

impl Run {
    /// Use cases per second.
    #[must_use]
    #[expect(clippy::float_arithmetic, reason = "a rate for display")]
    pub fn rate_per_s(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }

    /// Latency quantile, for example 990 for the 99th percentile.
    #[must_use]
    pub fn quantile(&self, per_mille: usize) -> Duration {
        let index = (self.latencies.len() * per_mille).checked_div(1_000).unwrap_or(0);
        self.latencies.get(index).or_else(|| self.latencies.last()).copied().unwrap_or_default()
    }
}

/// Results of both runs.
#[derive(Clone, Debug)]
pub struct GroupCommit {
    /// Run through the store, concurrently.
    pub grouped: Run,
    /// Run with one transaction per use case, on one connection in one thread.
    pub reference: Run,
    /// Statistics of the writer during the run.
    pub writer: WriterStats,
}

/// Runs the benchmark.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the folder cannot be written to.
pub async fn group_commit(plan: &Plan) -> Result<GroupCommit, StoreError> {
    let reference_plan = plan.clone();
    let reference = tokio::task::spawn_blocking(move || one_by_one(&reference_plan))
        .await
        .map_err(StoreError::unavailable)?
        .map_err(StoreError::unavailable)?;
    let options = Options { flush_delay: plan.flush_delay, ..Options::default() };
    let database = Database::open(&url(&plan.folder.join("grouped.db")), options).await?;
    let store = Store::open(&database, "bench", MIGRATIONS, Clock::system(), Arc::new(IdGenerator::new(1))).await?;
    let before = database.writer_stats();
    let grouped = together(&store, plan).await?;
    let after = database.writer_stats();
    let writer = WriterStats {
        commits: after.commits - before.commits,
        rejected: after.rejected - before.rejected,
        groups: after.groups - before.groups,
        busy: after.busy - before.busy,
        flushing: after.flushing - before.flushing,
    };
    Ok(GroupCommit { grouped, reference, writer })
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "notes",
    sql: "CREATE TABLE bench_notes (id BIGINT NOT NULL PRIMARY KEY, author BIGINT NOT NULL, body VARCHAR(200) NOT NULL);",
}];

const INSERT_NOTE: &str = "INSERT INTO bench_notes (id, author, body) VALUES (?, ?, ?)";
const BODY: &str = "The dumplings are worth the queue; come before noon.";

/// Event and answer of the benchmark: an encoded message of about 100 bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Noted {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(string, tag = "2")]
    body: String,
}

impl Event for Noted {
    const TOPIC: &'static str = "pulse.bench.v1.Noted";
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

async fn together(store: &Store, plan: &Plan) -> Result<Run, StoreError> {
    let started = Instant::now();
    let mut workers = JoinSet::new();
    let share = plan.use_cases.checked_div(plan.concurrency).unwrap_or(0);
    for _ in 0..plan.concurrency {
        let store = store.clone();
        workers.spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..share {
                let begun = Instant::now();
                use_case(&store).await?;
                latencies.push(begun.elapsed());
            }
            Ok::<_, StoreError>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(worker) = workers.join_next().await {
        latencies.extend(worker.map_err(StoreError::unavailable)??);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies })
}

async fn use_case(store: &Store) -> Result<(), StoreError> {
    let mut cx = Cx::system("bench", store.clock().now());
    let id = store.next_id(cx.now);
    let key = Idempotency { scope: SCOPE.to_owned(), key: format!("{id:036}"), fingerprint: [7; 32] };
    cx.idempotency = Some(Arc::new(key));
    let noted = Noted { id, body: BODY.to_owned() };
    let commit = Commit::new()
        .write(Statement::new(INSERT_NOTE, values![id, 7_i64, BODY]))
        .expect_rows(1)
        .event(id, &noted)
        .answer(&cx, &noted);
    store.commit(&cx, commit).await
}

const SCOPE: &str = "acc_7241389123412341234 /pulse.bench.v1.BenchService/CreateNote";

/// Writes the same rows into the same tables, one transaction per use case.
fn one_by_one(plan: &Plan) -> rusqlite::Result<Run> {
    let connection = Connection::open(plan.folder.join("one-by-one.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; \
         CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, author BIGINT NOT NULL, body VARCHAR(200) NOT NULL); \
         CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id BIGINT NOT NULL, topic VARCHAR(128) NOT NULL, \
            entity_key BIGINT NOT NULL, occurred_at BIGINT NOT NULL, trace BLOB, payload BLOB NOT NULL); \
         CREATE TABLE answers (scope VARCHAR(255) NOT NULL, idempotency_key VARCHAR(255) NOT NULL, \
            fingerprint BLOB NOT NULL, answer BLOB NOT NULL, created_at BIGINT NOT NULL, \
            PRIMARY KEY (scope, idempotency_key)) WITHOUT ROWID; \
         CREATE INDEX answers_created ON answers (created_at);",
    )?;
    let ids = IdGenerator::new(2);
    let started = Instant::now();
    let mut latencies = Vec::new();
    for _ in 0..plan.reference_use_cases {
        let begun = Instant::now();
        one(&connection, ids.next_id(Clock::system().now()))?;
        if let Some(delay) = plan.flush_delay {
            thread::sleep(delay);
        }
        latencies.push(begun.elapsed());
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies })
}

fn one(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let payload: Bytes = prost::Message::encode_to_vec(&Noted { id, body: BODY.to_owned() }).into();
    let run = |sql: &str, args: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(args).map(|_| ());
    run("BEGIN IMMEDIATE", &[])?;
    run("INSERT INTO notes (id, author, body) VALUES (?, ?, ?)", &[&id, &7_i64, &BODY])?;
    run(
        "INSERT INTO outbox (id, topic, entity_key, occurred_at, trace, payload) VALUES (?, ?, ?, ?, ?, ?)",
        &[&id, &Noted::TOPIC, &id, &id, &None::<i64>, &payload.as_ref()],
    )?;
    run(
        "INSERT INTO answers (scope, idempotency_key, fingerprint, answer, created_at) VALUES (?, ?, ?, ?, ?)",
        &[&SCOPE, &format!("{id:036}"), &[7_u8; 32].as_slice(), &payload.as_ref(), &id],
    )?;
    run("COMMIT", &[])
}

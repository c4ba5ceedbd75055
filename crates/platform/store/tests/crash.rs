//! The crash matrix: a child process is killed at every step of the writer and at random points. Afterwards every commit that
//! it acknowledged exists, and every commit that exists is complete.
//!
//! `PULSE_CRASH_POINTS` and `PULSE_CRASH_ROUNDS` enlarge the matrix.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]
#![expect(clippy::print_stdout, reason = "prints the size of the matrix")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use pulse_contract::{Begin, IdempotencyStore};
use pulse_kernel::{Clock, Cx, ErrorSpec, IdGenerator, Idempotency, Kind, Retry};
use pulse_store::{
    Commit, Database, Insert, Migration, Options, Statement, Store, StoreError, Timer, WriterStep, values,
};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "orders",
    sql: "CREATE TABLE c_orders (id BIGINT NOT NULL PRIMARY KEY); \
          CREATE TABLE c_lines (order_id BIGINT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (order_id, number));",
}];

static SOLD_OUT: ErrorSpec = ErrorSpec {
    code: "SOLD_OUT",
    domain: "test.pulse",
    kind: Kind::FailedPrecondition,
    retry: Retry::Never,
    title: "no",
    title_zh: "不",
    http: 409,
};

#[derive(Clone, PartialEq, prost::Message)]
struct Placed {
    #[prost(int64, tag = "1")]
    order: i64,
}

impl pulse_contract::Event for Placed {
    const TOPIC: &'static str = "pulse.crash.v1.Placed";
}

const LINES: i64 = 3;
const DATABASE: &str = "PULSE_CRASH_DATABASE";
const STOP_AT: &str = "PULSE_CRASH_STOP_AT";
const FIRST_ID: &str = "PULSE_CRASH_FIRST_ID";

/// Kills the child at the n-th step of its writer, for every n, each time on an empty database, migrations included.
#[tokio::test]
async fn nothing_is_lost_or_half_at_any_step() {
    let points = setting("PULSE_CRASH_POINTS").unwrap_or(200);
    let (mut acknowledged, mut survivors) = (0, 0);
    for stop_at in 1..=points {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crash.db");
        let mut child = Victim::start(&path, stop_at, 0);
        let acks = child.kill_when(|line, _| line == "stopped");
        acknowledged += acks.len();
        survivors += verify(&path, &acks).await;
    }
    println!("{points} steps: {acknowledged} commits acknowledged, {survivors} found");
    assert!(acknowledged > 0, "the matrix must reach the commits");
}

/// Kills the child repeatedly, after some acknowledgements, on the same database.
#[tokio::test]
async fn nothing_is_lost_or_half_at_random_points() {
    let rounds = setting("PULSE_CRASH_ROUNDS").unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crash.db");
    let mut acknowledged = BTreeSet::new();
    let mut random: u64 = 0x5EED;
    for round in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let acks_max = usize::try_from((random >> 33) % 300).unwrap();
        let mut child = Victim::start(&path, u64::MAX, round * 1_000_000);
        acknowledged.extend(child.kill_when(|_, acks| acks > acks_max));
        verify(&path, &acknowledged).await;
    }
    println!("{rounds} rounds: {} commits acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 10);
}

fn setting(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

/// A child process that commits until it is killed.
struct Victim(Child);

impl Victim {
    fn start(path: &Path, stop_at: u64, first_id: u64) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
            .env(DATABASE, path)
            .env(STOP_AT, stop_at.to_string())
            .env(FIRST_ID, first_id.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Kills the child when `is_time` accepts a line and the number of acknowledged commits. Returns the acknowledged
    /// commits.
    fn kill_when(&mut self, is_time: impl Fn(&str, usize) -> bool) -> BTreeSet<i64> {
        let mut acks = BTreeSet::new();
        let mut is_killed = false;
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            // The test harness writes the beginning of the first line.
            let line = line.trim_start_matches("test child ... ");
            if let Some(id) = line.strip_prefix("ack ") {
                acks.insert(id.parse().unwrap());
            }
            if !is_killed && is_time(line, acks.len()) {
                self.0.kill().unwrap();
                is_killed = true;
            }
        }
        assert!(is_killed, "the child ended before it was killed");
        self.0.wait().unwrap();
        acks
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It still runs after a failed assertion.
        self.0.kill().unwrap_or_default();
    }
}

/// Asserts that every acknowledged order exists and every existing order is complete. Returns their number.
async fn verify(path: &Path, acknowledged: &BTreeSet<i64>) -> usize {
    let store = open(path, None).await;
    let ids = async |sql: &'static str| -> BTreeSet<i64> {
        store.all::<(i64,)>(Statement::new(sql, values![])).await.unwrap().into_iter().map(|(id,)| id).collect()
    };
    let orders = ids("SELECT id FROM c_orders").await;
    assert!(acknowledged.is_subset(&orders), "lost: {:?}", acknowledged.difference(&orders).collect::<Vec<_>>());
    let whole = format!("SELECT order_id FROM c_lines GROUP BY order_id HAVING COUNT(*) = {LINES}");
    let with_lines: Vec<(i64,)> = store.all(Statement::composed(whole, values![])).await.unwrap();
    assert_eq!(orders, with_lines.into_iter().map(|(id,)| id).collect(), "lines");
    assert_eq!(orders, ids("SELECT DISTINCT order_id FROM c_lines").await, "no line without an order");
    assert_eq!(orders, ids("SELECT entity_key FROM c_outbox").await, "events");
    assert_eq!(orders, ids("SELECT timer_key FROM c_timers").await, "timers");
    let (answer_count,): (i64,) = store.one(Statement::new("SELECT COUNT(*) FROM c_answers", values![])).await.unwrap();
    assert_eq!(usize::try_from(answer_count).unwrap(), orders.len(), "answers");
    for id in &orders {
        let begun = store.begin(&cx_of(&store, *id)).await.unwrap();
        assert!(matches!(begun, Begin::Replay(_)), "order {id} has no answer");
    }
    assert!(orders.iter().all(|id| id % 5 != 0), "rejected orders left rows");
    let check: (String,) = store.one(Statement::new("PRAGMA integrity_check", values![])).await.unwrap();
    assert_eq!(check.0, "ok");
    orders.len()
}

async fn open(path: &Path, on_writer_step: Option<fn(WriterStep)>) -> Store {
    let options = Options { on_writer_step, ..Options::default() };
    let database = Database::open(&format!("sqlite:{}", path.display()), options).await.unwrap();
    Store::open(&database, "c", MIGRATIONS, Clock::system(), Arc::new(IdGenerator::new(0))).await.unwrap()
}

static STEPS: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicU64 = AtomicU64::new(u64::MAX);

/// The child process of the other tests, not a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    STOP.store(setting(STOP_AT).unwrap(), Ordering::SeqCst);
    let first_id = i64::try_from(setting(FIRST_ID).unwrap()).unwrap();
    let store = open(Path::new(&path), Some(stop_in_time)).await;
    let tasks = (1..=8_i64).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for count in 0.. {
                place(&store, first_id + count * 8 + task).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Blocks the writer thread until the process is killed.
fn stop_in_time(_step: WriterStep) {
    if STEPS.fetch_add(1, Ordering::SeqCst) + 1 == STOP.load(Ordering::SeqCst) {
        say("stopped");
        loop {
            std::thread::park();
        }
    }
}

/// The context of the request that places the order.
fn cx_of(store: &Store, id: i64) -> Cx {
    let mut cx = Cx::system("crash", store.clock().now());
    let key = Idempotency { scope: "crash".to_owned(), key: id.to_string(), fingerprint: [1; 32] };
    cx.idempotency = Some(Arc::new(key));
    cx
}

async fn place(store: &Store, id: i64) {
    let cx = cx_of(store, id);
    let placed = Placed { order: id };
    let lines = (0..LINES)
        .fold(Insert::into("c_lines", &["order_id", "number"]), |insert, number| insert.row(values![id, number]));
    let commit = Commit::new()
        .insert(Insert::into("c_orders", &["id"]).row(values![id]))
        .insert(lines)
        .event(id, &placed)
        .timer(Timer { kind: "c.overdue", key: id, due_at: cx.now, payload: Bytes::new() })
        .answer(&cx, &placed)
        // Every fifth order is rejected after its rows were written.
        .write(Statement::new("UPDATE c_orders SET id = id WHERE id = ? AND id % 5 <> 0", values![id]))
        .expect_rows_else(1, &SOLD_OUT);
    match store.commit(&cx, commit).await {
        Ok(()) => say(&format!("ack {id}")),
        Err(StoreError::Refused(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

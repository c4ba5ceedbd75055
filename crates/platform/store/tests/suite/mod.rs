//! What the cases have in common: an engine, nodes on it, a clock, tables and an event.

pub mod answers;
pub mod commits;
pub mod events;
pub mod leases;
pub mod migrations;
pub mod rows;
pub mod timers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Cx, ErrorSpec, IdGenerator, Kind, Retry, Timestamp};
use pulse_store::{Commit, Database, Insert, Migration, Options, Statement, Store, values};
use pulse_testkit::servers;
use tempfile::TempDir;

/// An engine of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    SqliteFile,
    SqliteMemory,
    Postgres,
    Mariadb,
}

/// What keeps the engine alive during a case.
enum Guard {
    Folder(TempDir),
    Postgres(Arc<servers::Postgres>),
    Mariadb(Arc<servers::Mariadb>),
    Nothing,
}

/// An empty database and a clock that stands still.
pub struct Fixture {
    url: String,
    database: Database,
    pub clock: VirtualClock,
    nodes: AtomicU16,
    _guard: Guard,
}

pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl Fixture {
    pub async fn new(engine: Engine) -> Self {
        let (guard, url) = match engine {
            Engine::SqliteFile => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("pulse.db").display());
                (Guard::Folder(folder), url)
            }
            Engine::SqliteMemory => (Guard::Nothing, "sqlite::memory:".to_owned()),
            Engine::Postgres => {
                let server = servers::postgres().unwrap();
                let url = server.fresh_database().unwrap();
                (Guard::Postgres(server), url)
            }
            Engine::Mariadb => {
                let server = servers::mariadb().unwrap();
                let url = server.fresh_database().unwrap();
                (Guard::Mariadb(server), url)
            }
        };
        match &guard {
            Guard::Folder(folder) => assert!(folder.path().exists()),
            Guard::Postgres(_) | Guard::Mariadb(_) | Guard::Nothing => {}
        }
        let database = Database::open(&url, options()).await.unwrap();
        let clock = VirtualClock::starting_at(NOW);
        Self { url, database, clock, nodes: AtomicU16::new(1), _guard: guard }
    }

    /// One more node on the same database, with its own connections where the engine has any.
    pub async fn database(&self) -> Database {
        if self.url.contains(":memory:") {
            return self.database.clone();
        }
        Database::open(&self.url, options()).await.unwrap()
    }

    /// The store of one more node.
    pub async fn store(&self) -> Store {
        let database = self.database().await;
        Store::open(&database, "t", MIGRATIONS, self.clock(), self.ids()).await.unwrap()
    }

    /// The URL, when another process could open it.
    pub fn shared_url(&self) -> Option<&str> {
        (!self.url.contains(":memory:")).then_some(self.url.as_str())
    }

    pub fn clock(&self) -> Clock {
        Clock::Virtual(self.clock.clone())
    }

    pub fn ids(&self) -> Arc<IdGenerator> {
        Arc::new(IdGenerator::new(self.nodes.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn cx(&self) -> Cx {
        Cx::system("test", self.clock.now())
    }
}

fn options() -> Options {
    Options { connections_max: 6, busy_timeout: Duration::from_secs(20), ..Options::default() }
}

pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "things",
    sql: "
        CREATE TABLE t_things (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(64), note {text}, data {bytes},
            score {real}, version BIGINT NOT NULL);
        CREATE UNIQUE INDEX t_things_name ON t_things (name);
    ",
}];

pub static NAME_TAKEN: ErrorSpec = spec("NAME_TAKEN");
pub static SOLD_OUT: ErrorSpec = spec("SOLD_OUT");

const fn spec(code: &'static str) -> ErrorSpec {
    ErrorSpec {
        code,
        domain: "test.pulse",
        kind: Kind::FailedPrecondition,
        retry: Retry::Never,
        title: "no",
        title_zh: "不",
        http: 409,
    }
}

/// Something happened to a thing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Happened {
    #[prost(int64, tag = "1")]
    pub thing: i64,
    #[prost(int64, tag = "2")]
    pub count: i64,
}

impl pulse_contract::Event for Happened {
    const TOPIC: &'static str = "pulse.test.v1.Happened";
}

/// A row for a thing.
pub fn thing(id: i64, name: &str, version: i64) -> Insert {
    Insert::into("t_things", &["id", "name", "version"]).row(values![id, name, version])
}

/// Puts a thing into the store.
pub async fn put(store: &Store, id: i64, name: &str, version: i64) {
    let cx = Cx::system("test", store.clock().now());
    store.commit(&cx, Commit::new().insert(thing(id, name, version))).await.unwrap();
}

/// The version of a thing.
pub async fn version(store: &Store, id: i64) -> i64 {
    let query = Statement::new("SELECT version FROM t_things WHERE id = ?", values![id]);
    store.one::<(i64,)>(query).await.unwrap().0
}

/// How many things there are.
pub async fn count(store: &Store) -> i64 {
    store.one::<(i64,)>(Statement::new("SELECT COUNT(*) FROM t_things", values![])).await.unwrap().0
}

//! Fixtures of the suite: an engine, nodes, a clock, tables and an event.

pub(crate) mod commits;
pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod leases;
pub(crate) mod migrations;
pub(crate) mod rows;
pub(crate) mod timers;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Cx, ErrorSpec, IdGenerator, Kind, Retry, Timestamp};
use pulse_store::{Commit, Database, Insert, Migration, Options, Statement, Store, values};
use pulse_testkit::servers;

/// An engine of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    SqliteFile,
    SqliteMemory,
    Postgres,
    Mariadb,
}

/// An empty database and a clock that does not move.
pub(crate) struct Fixture {
    url: String,
    database: Database,
    pub(crate) clock: VirtualClock,
    nodes: AtomicU16,
    /// The folder or the server, which is removed on drop.
    _guard: Box<dyn Any>,
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl Fixture {
    pub(crate) async fn new(engine: Engine) -> Self {
        let (url, guard): (String, Box<dyn Any>) = match engine {
            Engine::SqliteFile => {
                let folder = tempfile::tempdir().unwrap();
                (format!("sqlite:{}", folder.path().join("pulse.db").display()), Box::new(folder))
            }
            Engine::SqliteMemory => ("sqlite::memory:".to_owned(), Box::new(())),
            Engine::Postgres => {
                let server = servers::postgres().unwrap();
                (server.fresh_database().unwrap(), Box::new(server))
            }
            Engine::Mariadb => {
                let server = servers::mariadb().unwrap();
                (server.fresh_database().unwrap(), Box::new(server))
            }
        };
        let database = Database::open(&url, options()).await.unwrap();
        let clock = VirtualClock::starting_at(NOW);
        Self { url, database, clock, nodes: AtomicU16::new(1), _guard: guard }
    }

    /// The database of another node, with connections of its own where the engine has any.
    pub(crate) async fn database(&self) -> Database {
        if self.url.contains(":memory:") {
            return self.database.clone();
        }
        Database::open(&self.url, options()).await.unwrap()
    }

    /// The store of another node.
    pub(crate) async fn store(&self) -> Store {
        let database = self.database().await;
        Store::open(&database, "t", MIGRATIONS, self.clock(), self.ids()).await.unwrap()
    }

    /// The URL, if other processes can open it.
    pub(crate) fn shared_url(&self) -> Option<&str> {
        (!self.url.contains(":memory:")).then_some(self.url.as_str())
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Virtual(self.clock.clone())
    }

    pub(crate) fn ids(&self) -> Arc<IdGenerator> {
        Arc::new(IdGenerator::new(self.nodes.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::system("test", self.clock.now())
    }
}

fn options() -> Options {
    Options { connections_max: 6, busy_timeout: Duration::from_secs(20), ..Options::default() }
}

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "things",
    sql: "
        CREATE TABLE t_things (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(64), note {text}, data {bytes},
            score {real}, version BIGINT NOT NULL);
        CREATE UNIQUE INDEX t_things_name ON t_things (name);
    ",
}];

pub(crate) static NAME_TAKEN: ErrorSpec = spec("NAME_TAKEN");
pub(crate) static SOLD_OUT: ErrorSpec = spec("SOLD_OUT");

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

/// Event of a thing.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Happened {
    #[prost(int64, tag = "1")]
    pub(crate) thing: i64,
    #[prost(int64, tag = "2")]
    pub(crate) count: i64,
}

impl pulse_contract::Event for Happened {
    const TOPIC: &'static str = "pulse.test.v1.Happened";
}

/// A row for a thing.
pub(crate) fn thing(id: i64, name: &str, version: i64) -> Insert {
    Insert::into("t_things", &["id", "name", "version"]).row(values![id, name, version])
}

/// Inserts a thing.
pub(crate) async fn put(store: &Store, id: i64, name: &str, version: i64) {
    let cx = Cx::system("test", store.clock().now());
    store.commit(&cx, Commit::new().insert(thing(id, name, version))).await.unwrap();
}

/// Version of a thing.
pub(crate) async fn version(store: &Store, id: i64) -> i64 {
    let query = Statement::new("SELECT version FROM t_things WHERE id = ?", values![id]);
    store.one::<(i64,)>(query).await.unwrap().0
}

/// Number of things.
pub(crate) async fn count(store: &Store) -> i64 {
    store.one::<(i64,)>(Statement::new("SELECT COUNT(*) FROM t_things", values![])).await.unwrap().0
}

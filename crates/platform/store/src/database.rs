//! A database by URL: which engine, and how it is used.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pulse_kernel::Timestamp;

use crate::StoreError;
use crate::leases::NodeLease;
use crate::server::{Mysql, Postgres};
use crate::sql::dialect::Dialect;
use crate::sql::{Row, Statement};
use crate::sqlite::{Sqlite, WriterStats, WriterStep};
use crate::transaction::{Step, Transaction};

/// How a database is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads of SQLite, each with its own connection. Default 2.
    pub readers: usize,
    /// Connections to PostgreSQL or MariaDB. Default 16.
    pub connections_max: u32,
    /// How many reads, and how many commits, wait at most; above it callers are refused. Default 4096.
    pub queue_max: usize,
    /// How long to wait for a connection, and for a lock that another process holds. Default 5 s.
    pub busy_timeout: Duration,
    /// Whether [`crate::Store::open`] applies migrations; otherwise it refuses tables that are behind. Default true.
    pub migrate: bool,
    /// Sleeps so long after each flush of SQLite, as a slow disk would. For measurements.
    pub flush_delay: Option<Duration>,
    /// Is called on SQLite's writer thread at every step. For fault injection.
    pub on_writer_step: Option<fn(WriterStep)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 2,
            connections_max: 16,
            queue_max: 4_096,
            busy_timeout: Duration::from_secs(5),
            migrate: true,
            flush_delay: None,
            on_writer_step: None,
        }
    }
}

/// A database. Cheap to clone; it closes when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Arc<Engine>,
    pub(crate) options: Arc<Options>,
    /// Until when, in milliseconds, the node number is ours with which ids are drawn.
    node_held_until: Arc<OnceLock<Arc<AtomicI64>>>,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
    Mysql(Mysql),
}

impl Database {
    /// Opens `sqlite:PATH`, `sqlite::memory:`, `postgres://...` or `mysql://...`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when it cannot be opened or reached.
    pub async fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let engine = match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Engine::Sqlite(Sqlite::open(None, &options)?),
            Some(("sqlite", path)) => {
                Engine::Sqlite(Sqlite::open(Some(Path::new(path.trim_start_matches("//"))), &options)?)
            }
            Some(("postgres" | "postgresql", _)) => Engine::Postgres(Postgres::open(url, &options).await?),
            Some(("mysql" | "mariadb", _)) => Engine::Mysql(Mysql::open(url, &options).await?),
            Some(_) | None => return Err(StoreError::unavailable("the URL names no engine that we know")),
        };
        Ok(Self { engine: Arc::new(engine), options: Arc::new(options), node_held_until: Arc::default() })
    }

    /// From now on commits are refused with `StoreError::Fenced` while the lease of the node number is not held:
    /// ids that a lapsed node draws are never written.
    ///
    /// # Panics
    /// If it was said before.
    pub fn write_only_as(&self, node: &NodeLease) {
        let is_first = self.node_held_until.set(node.held_until()).is_ok();
        assert!(is_first, "a database is written to as one node");
    }

    /// Whether ids that were drawn by now may be written.
    pub(crate) fn check_node(&self, now: Timestamp) -> Result<(), StoreError> {
        match self.node_held_until.get() {
            Some(held_until) if now.as_millis() >= held_until.load(Ordering::Acquire) => Err(StoreError::Fenced),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether other nodes may write here too, so that news must be polled for.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match *self.engine {
            Engine::Sqlite(_) => false,
            Engine::Postgres(_) | Engine::Mysql(_) => true,
        }
    }

    /// What SQLite's writer has done; zeros on other engines.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.stats(),
            Engine::Postgres(_) | Engine::Mysql(_) => WriterStats::default(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &*self.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
            Engine::Mysql(mysql) => mysql.dialect(),
        }
    }

    pub(crate) async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.query(statement).await,
            Engine::Postgres(postgres) => postgres.query(&statement).await,
            Engine::Mysql(mysql) => mysql.query(&statement).await,
        }
    }

    pub(crate) async fn execute(&self, transaction: Transaction) -> Result<(), StoreError> {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.execute(transaction).await,
            Engine::Postgres(postgres) => postgres.execute(&transaction).await,
            Engine::Mysql(mysql) => mysql.execute(&transaction).await,
        }
    }

    /// Executes the steps of a migration, one node at a time.
    pub(crate) async fn migrate(&self, lock: &str, steps: Vec<Step>, is_resumed: bool) -> Result<(), StoreError> {
        match &*self.engine {
            Engine::Mysql(mysql) => mysql.execute_locked(lock, &steps, is_resumed).await,
            Engine::Sqlite(_) | Engine::Postgres(_) => self.execute(Transaction { steps }).await,
        }
    }

    /// Ends the connections after what is under way; later calls are refused as unavailable.
    ///
    /// SQLite closes by itself with the last clone.
    pub async fn close(&self) {
        match &*self.engine {
            Engine::Sqlite(_) => {}
            Engine::Postgres(postgres) => postgres.close().await,
            Engine::Mysql(mysql) => mysql.close().await,
        }
    }
}

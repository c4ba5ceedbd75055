//! A database by URL, on one of three engines.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use pulse_kernel::Timestamp;

use crate::StoreError;
use crate::leases::NodeLease;
use crate::options::Options;
use crate::server::{Mysql, Postgres};
use crate::sql::dialect::Dialect;
use crate::sql::{Row, Statement};
use crate::sqlite::{Sqlite, WriterStats};
use crate::transaction::{Step, Transaction};

/// A database. Cheap to clone. It closes when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Arc<Engine>,
    pub(crate) options: Arc<Options>,
    /// End of the lease of the node number that ids are drawn with, in milliseconds since the epoch.
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
        crate::metrics::describe();
        let engine = match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Engine::Sqlite(Sqlite::open(None, &options)?),
            Some(("sqlite", path)) => {
                Engine::Sqlite(Sqlite::open(Some(Path::new(path.trim_start_matches("//"))), &options)?)
            }
            Some(("postgres" | "postgresql", _)) => Engine::Postgres(Postgres::open(url, &options).await?),
            Some(("mysql" | "mariadb", _)) => Engine::Mysql(Mysql::open(url, &options).await?),
            Some(_) | None => {
                return Err(StoreError::unavailable(
                    "unknown scheme of the database URL; expected sqlite, postgres or mysql",
                ));
            }
        };
        Ok(Self { engine: Arc::new(engine), options: Arc::new(options), node_held_until: Arc::default() })
    }

    /// Rejects commits with `StoreError::Fenced` from now on while the lease of the node number is not held, so that IDs
    /// that an expired node draws are never written.
    ///
    /// # Panics
    /// If it was called before.
    pub fn write_only_as(&self, node: &NodeLease) {
        let is_first = self.node_held_until.set(node.held_until()).is_ok();
        assert!(is_first, "the node of a database is set once");
    }

    /// Checks that the lease of the node number is held, so that IDs that were drawn with it may be written.
    pub(crate) fn check_node(&self, now: Timestamp) -> Result<(), StoreError> {
        match self.node_held_until.get() {
            Some(held_until) if now.as_millis() >= held_until.load(Ordering::Acquire) => Err(StoreError::Fenced),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether other nodes may write to the database, so that their changes have to be polled.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match *self.engine {
            Engine::Sqlite(_) => false,
            Engine::Postgres(_) | Engine::Mysql(_) => true,
        }
    }

    /// Statistics of SQLite's writer. Zeros on other engines.
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

    /// Executes the steps of a migration, on one node at a time.
    pub(crate) async fn migrate(&self, lock: &str, steps: Vec<Step>, is_resumed: bool) -> Result<(), StoreError> {
        match &*self.engine {
            Engine::Mysql(mysql) => mysql.execute_locked(lock, &steps, is_resumed).await,
            Engine::Sqlite(_) | Engine::Postgres(_) => self.execute(Transaction { steps }).await,
        }
    }

    /// Closes the connections after the running statements. Later calls fail with `StoreError::Unavailable`.
    ///
    /// Does nothing on SQLite, which closes with the last clone.
    pub async fn close(&self) {
        match &*self.engine {
            Engine::Sqlite(_) => {}
            Engine::Postgres(postgres) => postgres.close().await,
            Engine::Mysql(mysql) => mysql.close().await,
        }
    }
}

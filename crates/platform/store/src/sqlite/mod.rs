//! The embedded engine: one writer thread that commits in groups, and reader threads with connections of their own.

mod checkpoint;
mod reader;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::reader::Readers;
use self::writer::Writer;
pub use self::writer::{WriterStats, WriterStep};
use crate::StoreError;
use crate::options::Options;
use crate::sql::{Row, Statement};
use crate::transaction::Transaction;

/// A SQLite database, in a file or in memory.
#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Writer,
    /// `None` for a database in memory, where the writer's connection is the only one.
    readers: Option<Readers>,
}

impl Sqlite {
    /// Opens the file `path`, or a database in memory without a path.
    pub(crate) fn open(path: Option<&Path>, options: &Options) -> Result<Self, StoreError> {
        let confirmed = Arc::default();
        let Some(path) = path else {
            let connection = Connection::open_in_memory().map_err(StoreError::unavailable)?;
            configure(&connection, options)?;
            return Ok(Self { writer: Writer::start(connection, options, &confirmed)?, readers: None });
        };
        let mut connection = Connection::open(path).map_err(StoreError::unavailable)?;
        configure(&connection, options)?;
        checkpoint::start(&mut connection, path, options)?;
        let writer = Writer::start(connection, options, &confirmed)?;
        let path: Arc<Path> = PathBuf::from(path).into();
        Ok(Self { writer, readers: Some(Readers::start(&path, options, &confirmed)?) })
    }

    pub(crate) async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match &self.readers {
            Some(readers) => readers.query(statement).await,
            None => self.writer.query(statement).await,
        }
    }

    pub(crate) async fn execute(&self, transaction: Transaction) -> Result<(), StoreError> {
        self.writer.execute(transaction).await
    }

    pub(crate) fn stats(&self) -> WriterStats {
        self.writer.stats()
    }
}

/// Settings of reading and writing connections.
fn prepare(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    connection.busy_timeout(options.busy_timeout).map_err(StoreError::unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Plans do not depend on values, so no value causes a statement to be prepared again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).map_err(StoreError::unavailable)
}

fn configure(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    prepare(connection, options)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(StoreError::unavailable)
}

/// Number of prepared statements that a connection caches.
const STATEMENTS_MAX: usize = 512;

fn open_for_reading(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(StoreError::unavailable)?;
    prepare(&connection, options)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;").map_err(StoreError::unavailable)?;
    Ok(connection)
}

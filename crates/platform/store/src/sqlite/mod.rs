//! The embedded engine: one writer thread that commits in groups, and reader threads with their own connections.

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
use crate::database::Options;
use crate::sql::{Row, Statement};
use crate::transaction::Transaction;

/// A SQLite database, in a file or in memory.
#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Writer,
    /// None in memory, where the writer's connection is the only one there is.
    readers: Option<Readers>,
}

impl Sqlite {
    /// Opens `path`, or a database in memory when there is none.
    pub(crate) fn open(path: Option<&Path>, options: &Options) -> Result<Self, StoreError> {
        let answered = Arc::default();
        let Some(path) = path else {
            let connection = Connection::open_in_memory().map_err(StoreError::unavailable)?;
            configure(&connection, options)?;
            return Ok(Self { writer: Writer::start(connection, options, &answered)?, readers: None });
        };
        let mut connection = Connection::open(path).map_err(StoreError::unavailable)?;
        configure(&connection, options)?;
        checkpoint::start(&mut connection, path, options)?;
        let writer = Writer::start(connection, options, &answered)?;
        let path: Arc<Path> = PathBuf::from(path).into();
        Ok(Self { writer, readers: Some(Readers::start(&path, options, &answered)?) })
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

/// What holds for reading and writing alike.
fn prepare(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    connection.busy_timeout(options.busy_timeout).map_err(StoreError::unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan never depends on values, so no value makes a statement be prepared anew.
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

/// How many prepared statements a connection keeps.
const STATEMENTS_MAX: usize = 512;

fn open_for_reading(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(StoreError::unavailable)?;
    prepare(&connection, options)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;").map_err(StoreError::unavailable)?;
    Ok(connection)
}

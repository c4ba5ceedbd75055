//! Reader threads: each has a connection of its own and sees at least the last commit that was confirmed.
//!
//! A read transaction starts with a check of the log, which invalidates cached pages. So one read transaction serves all
//! queries that arrive before the next commit is confirmed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{open_for_reading, values};
use crate::StoreError;
use crate::options::Options;
use crate::sql::{Row, Statement};

/// Maximum duration of a read transaction: the log grows while one is open.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_millis(50);

struct Query {
    statement: Statement,
    answer: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

/// The reader threads. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Sender<Query>,
}

impl Readers {
    /// Starts the threads. `confirmed` counts the groups of commits whose callers were answered.
    pub(super) fn start(path: &Arc<Path>, options: &Options, confirmed: &Arc<AtomicU64>) -> Result<Self, StoreError> {
        let (queue, queries) = bounded(options.queue_max);
        for number in 0..options.readers.max(1) {
            let connection = open_for_reading(path, options)?;
            let reader = Reader { connection, queries: queries.clone(), confirmed: Arc::clone(confirmed) };
            thread::Builder::new()
                .name(format!("store-read-{number}"))
                .spawn(move || reader.serve())
                .map_err(StoreError::unavailable)?;
        }
        Ok(Self { queue })
    }

    pub(super) async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Query { statement, answer }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::unavailable("the reader threads have ended"),
        })?;
        answered.await.map_err(StoreError::unavailable)?
    }
}

struct Reader {
    connection: Connection,
    queries: Receiver<Query>,
    confirmed: Arc<AtomicU64>,
}

impl Reader {
    fn serve(&self) {
        while let Ok(first) = self.queries.recv() {
            let mut next = Some(first);
            while let Some(query) = next {
                next = self.snapshot(query);
            }
        }
    }

    /// Serves `first` and the following queries in one read transaction, while it is up to date. Returns the first query
    /// that needs a new one.
    fn snapshot(&self, first: Query) -> Option<Query> {
        // Loaded before BEGIN: commits that are confirmed from now on may not be visible.
        let confirmed = self.confirmed.load(Ordering::Acquire);
        let started = Instant::now();
        if let Err(error) = self.run("BEGIN") {
            first.answer.send(Err(values::failure("BEGIN", error))).unwrap_or_default();
            return None;
        }
        self.answer(first);
        let mut left_over = None;
        while let Ok(query) = self.queries.try_recv() {
            if self.confirmed.load(Ordering::Acquire) != confirmed || started.elapsed() > SNAPSHOT_TIME_MAX {
                left_over = Some(query);
                break;
            }
            self.answer(query);
        }
        self.end();
        left_over
    }

    /// Ends the transaction, unless an error has ended it.
    fn end(&self) {
        let statements = ["COMMIT", "ROLLBACK"];
        let is_open = |_: &&str| !self.connection.is_autocommit();
        for sql in statements.into_iter().take_while(is_open) {
            // Best effort: the next BEGIN fails if neither worked.
            self.run(sql)
                .unwrap_or_else(|error| tracing::error!(%error, sql, "cannot end a read transaction of SQLite"));
        }
    }

    fn answer(&self, query: Query) {
        if !query.answer.is_closed() {
            // A caller that is gone does not need its rows.
            query.answer.send(values::query(&self.connection, &query.statement)).unwrap_or_default();
        }
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }
}

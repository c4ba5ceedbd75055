//! Reader threads: each has its own connection and sees the last commit that was answered, or a later one.
//!
//! To begin reading costs a look at the log and every page that was remembered. So one beginning serves all queries
//! that come before the next commit is answered.

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
use crate::database::Options;
use crate::sql::{Row, Statement};

/// How long one beginning serves at most: as long as somebody reads, the log grows.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_millis(50);

struct Query {
    statement: Statement,
    answer: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

/// The reader threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Sender<Query>,
}

impl Readers {
    /// Starts the threads; `answered` counts the groups of commits that somebody was told of.
    pub(super) fn start(path: &Arc<Path>, options: &Options, answered: &Arc<AtomicU64>) -> Result<Self, StoreError> {
        let (queue, queries) = bounded(options.queue_max);
        for number in 0..options.readers.max(1) {
            let connection = open_for_reading(path, options)?;
            let reader = Reader { connection, queries: queries.clone(), answered: Arc::clone(answered) };
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
    answered: Arc<AtomicU64>,
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

    /// Answers `first` and what comes after it, for as long as what is seen is up to date; gives back a query for which
    /// it is not.
    fn snapshot(&self, first: Query) -> Option<Query> {
        // Before the beginning: what is answered from now on may not be seen.
        let answered = self.answered.load(Ordering::Acquire);
        let began = Instant::now();
        if let Err(error) = self.run("BEGIN") {
            first.answer.send(Err(values::failure("BEGIN", error))).unwrap_or_default();
            return None;
        }
        self.answer(first);
        let mut left_over = None;
        while let Ok(query) = self.queries.try_recv() {
            if self.answered.load(Ordering::Acquire) != answered || began.elapsed() > SNAPSHOT_TIME_MAX {
                left_over = Some(query);
                break;
            }
            self.answer(query);
        }
        self.end();
        left_over
    }

    /// Ends the transaction, unless an error has ended it already.
    fn end(&self) {
        let ways = ["COMMIT", "ROLLBACK"];
        let is_open = |_: &&str| !self.connection.is_autocommit();
        for way in ways.into_iter().take_while(is_open) {
            // Best effort: the next BEGIN says so if neither worked.
            self.run(way).unwrap_or_else(|error| tracing::error!(%error, way, "a reader's transaction did not end"));
        }
    }

    fn answer(&self, query: Query) {
        if !query.answer.is_closed() {
            // A caller that goes away now does not need its rows.
            query.answer.send(values::query(&self.connection, &query.statement)).unwrap_or_default();
        }
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }
}

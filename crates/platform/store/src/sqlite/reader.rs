//! Reader threads: each has its own connection and sees the last commit that was answered, or a later one.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{open_for_reading, values};
use crate::StoreError;
use crate::database::Options;
use crate::sql::{Row, Statement};

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
    pub(super) fn start(path: &Arc<Path>, options: &Options) -> Result<Self, StoreError> {
        let (queue, queries) = bounded(options.queue_max);
        for number in 0..options.readers.max(1) {
            let connection = open_for_reading(path, options)?;
            let queries = queries.clone();
            thread::Builder::new()
                .name(format!("store-read-{number}"))
                .spawn(move || serve(&connection, &queries))
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

fn serve(connection: &Connection, queries: &Receiver<Query>) {
    while let Ok(query) = queries.recv() {
        if query.answer.is_closed() {
            continue;
        }
        // A caller that has gone away does not need its rows.
        query.answer.send(values::query(connection, &query.statement)).unwrap_or_default();
    }
}

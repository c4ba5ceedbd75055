//! The options of a database.

use std::time::Duration;

use crate::sqlite::WriterStep;

/// How a database is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads of SQLite, each with a connection of its own. Default: 2.
    pub readers: usize,
    /// Maximum number of connections to PostgreSQL or MariaDB. Default: 16.
    pub connections_max: u32,
    /// Maximum number of queued reads, and of queued commits. Further callers get [`crate::StoreError::Overloaded`].
    /// Default: 4,096.
    pub queue_max: usize,
    /// Time to wait for a connection, and for a lock that another process holds. Default: 5 s.
    pub busy_timeout: Duration,
    /// Whether [`crate::Store::open`] applies migrations. Otherwise it rejects tables that are behind. Default: true.
    pub migrate: bool,
    /// Time for which the answer of an idempotent request is kept. Default: 24 hours.
    pub answer_retention: Duration,
    /// Time for which the inbox knows that an event was consumed. It must be longer than events stay in the outbox.
    /// Default: 8 days.
    pub inbox_retention: Duration,
    /// Extra delay after each flush of SQLite, to simulate a slow disk in measurements. Default: none.
    pub flush_delay: Option<Duration>,
    /// Function that SQLite's writer thread calls at every step, for fault injection. Default: none.
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
            answer_retention: Duration::from_secs(86_400),
            inbox_retention: Duration::from_secs(8 * 86_400),
            flush_delay: None,
            on_writer_step: None,
        }
    }
}

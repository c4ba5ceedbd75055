//! The worker of one consumer: its consumer, its outboxes and its tables.

use std::sync::Arc;

use pulse_kernel::Clock;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::consumer::Consumer;
use crate::options::Options;
use crate::status::StatusBoard;
use crate::tables::ConsumerTables;
use crate::tail::Tail;
use crate::topic::Classes;

/// An outbox that the consumer reads.
pub(crate) struct Source {
    pub(crate) context: &'static str,
    pub(crate) tail: Arc<Tail>,
    pub(crate) changes: watch::Receiver<u64>,
}

/// The worker of one consumer. [`crate::worker_loop::run`] runs it.
pub(crate) struct Worker {
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) classes: Arc<Classes>,
    pub(crate) sources: Vec<Source>,
    pub(crate) tables: ConsumerTables,
    pub(crate) clock: Clock,
    pub(crate) options: Arc<Options>,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) stop: CancellationToken,
    pub(crate) random: StdRng,
}

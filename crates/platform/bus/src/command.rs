//! Commands from the bus to a worker.

use tokio::sync::oneshot;

/// A command to a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Reload the rows of the consumer, because an operator changed them.
    Reload,
    /// Answer when nothing is left to do until an event is written or time passes.
    Drain(oneshot::Sender<Drained>),
}

/// Answer to [`Command::Drain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Number of deliveries that had ended by then.
    pub(crate) ended: u64,
}

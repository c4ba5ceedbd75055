//! The worker of one consumer: holds its lease, and delivers as long as it does.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Clock, Error};
use pulse_store::Lease;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::bus::Options;
use crate::consumer::Consumer;
use crate::journal::Journal;
use crate::session::Session;
use crate::status::Board;
use crate::tail::Tail;
use crate::topic::Classes;

/// How long a worker pauses after the store failed it: soon, then less and less often, for ever.
const RESTART: Backoff =
    Backoff { attempts_max: u32::MAX, first: Duration::from_millis(100), longest: Duration::from_secs(10) };

/// What the bus asks of a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// An operator changed something in the database.
    Reload,
    /// Answer when nothing can happen any more without new events or the passing of time.
    Settle(oneshot::Sender<Settled>),
}

/// The answer to [`Command::Settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// How many deliveries had ended by then.
    pub(crate) ended: u64,
}

/// An outbox that the consumer reads.
pub(crate) struct Source {
    pub(crate) context: &'static str,
    pub(crate) tail: Arc<Tail>,
    pub(crate) changes: watch::Receiver<u64>,
}

/// The worker of one consumer.
pub(crate) struct Worker {
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) classes: Arc<Classes>,
    pub(crate) sources: Vec<Source>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) options: Arc<Options>,
    pub(crate) board: Arc<Board>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) stop: CancellationToken,
    pub(crate) random: StdRng,
}

impl Worker {
    /// Delivers until it is stopped. Whatever the store does, it goes on from what is durable: a failed session throws
    /// its memory away and loads anew.
    pub(crate) async fn run(mut self) {
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let pause = match self.serve().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(consumer = self.consumer.name, error = error.report(), "deliveries are interrupted");
                    metrics::counter!("pulse_bus_interruptions_total", "consumer" => self.consumer.name).increment(1);
                    RESTART.pause_after(failures, self.random.random()).unwrap_or(RESTART.longest)
                }
            };
            self.board.update(|status, _| status.is_active = false);
            self.idle(pause).await;
        }
    }

    /// One session, from taking the lease to losing it. Answers how long to wait before the next one.
    async fn serve(&mut self) -> Result<Duration, Error> {
        let Some(lease) = self.journal.acquire(&self.options.holder, self.options.lease_ttl).await? else {
            return Ok(self.options.poll_every);
        };
        self.deliver(lease).await?;
        Ok(Duration::ZERO)
    }

    async fn deliver(&mut self, lease: Lease) -> Result<(), Error> {
        let mut session = Session::load(self, lease).await?;
        let result = session.deliver().await;
        session.finish(result).await
    }

    /// Waits, and meanwhile tells whoever asks that nothing happens here.
    async fn idle(&mut self, pause: Duration) {
        let until = self.clock.now().plus(pause);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.clock.sleep_until(until) => return,
                command = self.commands.recv() => match command {
                    Some(Command::Settle(answer)) => {
                        answer.send(Settled { ended: self.board.ended() }).unwrap_or(());
                    }
                    Some(Command::Reload) => {}
                    None => return,
                },
            }
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;

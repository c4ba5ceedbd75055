//! The loop of a worker: takes the lease of its consumer and runs sessions while it holds it.

use std::time::Duration;

use pulse_kernel::Error;
use pulse_store::Lease;
use rand::Rng;

use crate::backoff::Backoff;
use crate::command::{Command, Drained};
use crate::session::Session;
use crate::worker::Worker;

/// Pauses after failed sessions. A worker never gives up.
const RESTART: Backoff =
    Backoff { attempts_max: u32::MAX, first: Duration::from_millis(100), longest: Duration::from_secs(10) };

/// Delivers until the worker is stopped. A failed session discards its memory; the next one loads the durable state.
pub(crate) async fn run(mut worker: Worker) {
    let mut failures = 0;
    while !worker.stop.is_cancelled() {
        let pause = match serve(&mut worker).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(error) => {
                failures += 1;
                let consumer = worker.consumer.name;
                tracing::warn!(consumer, error = error.report(), "delivery session failed; restarting after a pause");
                metrics::counter!("pulse_bus_session_failures_total", "consumer" => consumer).increment(1);
                RESTART.pause_after(failures, worker.random.random()).unwrap_or(RESTART.longest)
            }
        };
        worker.board.update(|status, _| status.is_active = false);
        idle(&mut worker, pause).await;
    }
}

/// Runs one session, from acquiring the lease to losing it. Returns the pause before the next one.
async fn serve(worker: &mut Worker) -> Result<Duration, Error> {
    let Some(lease) = worker.tables.acquire(&worker.options.holder, worker.options.lease_ttl).await? else {
        return Ok(worker.options.poll_every);
    };
    deliver(worker, lease).await?;
    Ok(Duration::ZERO)
}

async fn deliver(worker: &mut Worker, lease: Lease) -> Result<(), Error> {
    let mut session = Session::load(worker, lease).await?;
    let result = session.deliver().await;
    session.finish(result).await
}

/// Waits between two sessions and answers commands meanwhile.
async fn idle(worker: &mut Worker, pause: Duration) {
    let until = worker.clock.now().plus(pause);
    loop {
        tokio::select! {
            biased;
            () = worker.stop.cancelled() => return,
            () = worker.clock.sleep_until(until) => return,
            command = worker.commands.recv() => match command {
                Some(Command::Drain(answer)) => {
                    answer.send(Drained { ended: worker.board.ended() }).unwrap_or(());
                }
                Some(Command::Reload) => {}
                None => return,
            },
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;

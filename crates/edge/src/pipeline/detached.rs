//! Work that continues after its caller disconnects or its deadline passes.
//!
//! A use case must not stop between its commit and the steps that follow from it: caches and read models would keep
//! showing the old state.

use std::panic::resume_unwind;
use std::time::Duration;

use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_telemetry::in_current_trace;

use super::capacity::InFlightPermits;

/// Runs `work` to completion in a task and waits for at most `left`. The task holds `permits` until it ends.
///
/// # Errors
/// `DEADLINE_EXCEEDED` when `left` passes first.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    permits: Option<InFlightPermits>,
    left: Duration,
) -> Result<T, Error> {
    let task = tokio::spawn(in_current_trace(async move {
        let done = work.await;
        drop(permits);
        done
    }));
    match tokio::time::timeout(left, task).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ended)) => match ended.try_into_panic() {
            // A panic in the task is a panic of the call.
            Ok(panic) => resume_unwind(panic),
            Err(cancelled) => Err(errors::DRAINING.error("the node is shutting down").caused_by(cancelled)),
        },
        Err(_elapsed) => Err(deadline_exceeded()),
    }
}

/// The error of a call whose deadline has passed.
pub(crate) fn deadline_exceeded() -> Error {
    errors::DEADLINE_EXCEEDED.error("the deadline of the call passed; its outcome may be unknown")
}

//! Work that goes on when nobody waits for it any more.
//!
//! A caller that hangs up, or a deadline, must not stop a use case between its commit and what follows from it: caches
//! and lists would go on showing what was before.

use std::panic::resume_unwind;
use std::time::Duration;

use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_telemetry::in_current_trace;

use super::Places;

/// Runs `work` to its end and waits for at most `left`; `places` are taken until the end.
///
/// # Errors
/// `DEADLINE_EXCEEDED` when the time is over first.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    places: Option<Places>,
    left: Duration,
) -> Result<T, Error> {
    let task = tokio::spawn(in_current_trace(async move {
        let done = work.await;
        drop(places);
        done
    }));
    match tokio::time::timeout(left, task).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ended)) => match ended.try_into_panic() {
            // A panic in the work is one of the call.
            Ok(panic) => resume_unwind(panic),
            Err(cancelled) => Err(errors::DRAINING.error("the node is leaving").caused_by(cancelled)),
        },
        Err(_elapsed) => Err(too_late()),
    }
}

/// The answer when the time of a call is over.
pub(crate) fn too_late() -> Error {
    errors::DEADLINE_EXCEEDED.error("the time of the call is over; its outcome may be unknown")
}

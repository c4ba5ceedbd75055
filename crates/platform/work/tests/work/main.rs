//! The promises of the four patterns.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod audit;
mod batcher;
mod batcher_model;
mod sweep;
mod timer_sweep;
mod watch;

use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Timestamp};

/// A clock that stands still, and the handle that moves it.
fn stopped_clock() -> (Clock, VirtualClock) {
    let virtual_clock = VirtualClock::starting_at(Timestamp::EPOCH);
    (Clock::Virtual(virtual_clock.clone()), virtual_clock)
}

/// Lets every task of a current-thread runtime run until it waits.
async fn let_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

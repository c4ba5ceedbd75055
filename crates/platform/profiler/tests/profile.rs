//! A profile shows the function that burns the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pulse_telemetry::profile::{self, ProfileError};

#[inline(never)]
fn burn_the_time(stop: &AtomicBool) -> u64 {
    let mut state = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..1_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(7) ^ 0x5555;
        }
    }
    state
}

/// PL-52: a CPU profile is a flame graph and a pprof file, and only one is taken at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cpu_profile_finds_the_hot_function() {
    pulse_profiler::install();
    let stop = Arc::new(AtomicBool::new(false));
    let burner = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || burn_the_time(&stop)
    });
    let mut first = Box::pin(profile::cpu(Duration::from_secs(2)));
    // The first poll takes the turn.
    assert!(futures_poll_once(&mut first).await.is_none());
    assert!(matches!(profile::cpu(Duration::from_millis(1)).await, Err(ProfileError::Busy)));
    let profile = first.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    burner.join().unwrap();
    let flamegraph = String::from_utf8(profile.flamegraph).unwrap();
    assert!(flamegraph.contains("<svg") && flamegraph.contains("burn_the_time"));
    assert!(profile.pprof.windows(13).any(|bytes| bytes == b"burn_the_time"));
    profile::cpu(Duration::from_millis(1)).await.map(drop).unwrap();
    // Going away ends a profile too.
    let mut given_up = Box::pin(profile::cpu(Duration::from_secs(200)));
    assert!(futures_poll_once(&mut given_up).await.is_none());
    drop(given_up);
    profile::cpu(Duration::from_millis(1)).await.map(drop).unwrap();
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

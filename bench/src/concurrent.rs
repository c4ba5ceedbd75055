//! Measuring a function of this process: many tasks that call it again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::outcome::Outcome;
use crate::rates::nanos;

/// Calls `call(worker, number)` from `workers` tasks for `duration`, each as soon as its last call has returned.
///
/// `number` counts the calls of one worker from 0; every worker calls once at least. Runs on the runtime that this is called in. A closed loop: right
/// for throughput (group commit, import), while its percentiles are those of callers who wait for each other.
/// Only calls that return within `duration` are counted; the others are still waited for. Calls that return an
/// error are counted as `failed`.
///
/// # Errors
/// The first error that a call returned, when not a single call succeeded: then something else is wrong.
///
/// # Panics
/// When a call panics.
pub async fn run_concurrent<F, Fut, E>(workers: usize, duration: Duration, call: F) -> Result<Outcome, E>
where
    F: Fn(usize, u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Send + 'static,
{
    let shared = Arc::new((call, Mutex::new(Records { outcome: Outcome::default(), first_error: None })));
    let origin = Instant::now();
    let end = nanos(duration);
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let (call, records) = &*shared;
            let mut sent = nanos(origin.elapsed());
            let mut number = 0;
            loop {
                let result = call(worker, number).await;
                let done = nanos(origin.elapsed());
                if done <= end || result.is_err() {
                    records.lock().unwrap_or_else(PoisonError::into_inner).add(sent, done, result);
                }
                if done >= end {
                    return;
                }
                (sent, number) = (done, number + 1);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("a measured call panicked");
    }
    let mut records = shared.1.lock().unwrap_or_else(PoisonError::into_inner);
    match records.first_error.take() {
        Some(error) if records.outcome.replies == 0 => Err(error),
        _ => Ok(Outcome { elapsed: duration, ..records.outcome.clone() }),
    }
}

struct Records<E> {
    outcome: Outcome,
    first_error: Option<E>,
}

impl<E> Records<E> {
    fn add(&mut self, sent: u64, done: u64, result: Result<(), E>) {
        match result {
            Ok(()) => self.outcome.record(sent, sent, done),
            Err(error) => {
                self.outcome.fail("failed", 1);
                self.first_error.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn counts_every_call_of_every_worker() {
        let calls = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&calls);
        let outcome = run_concurrent(4, Duration::from_millis(30), move |worker, number| {
            let counter = Arc::clone(&counter);
            async move {
                assert!(worker < 4);
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                if number == 0 { Err("the first call of each worker") } else { Ok(()) }
            }
        });
        let outcome = outcome.await.unwrap();
        let all = calls.load(Ordering::Relaxed);
        assert_eq!(outcome.failures.get("failed"), Some(&4));
        // Each worker may have one call that returned after the end and is not counted.
        assert!((all - 4..=all).contains(&(outcome.replies + 4)), "{} of {all}", outcome.replies);
        assert_eq!(outcome.latency.len(), outcome.replies);
        assert_eq!(outcome.elapsed, Duration::from_millis(30));
    }

    #[tokio::test]
    async fn a_function_that_never_works_is_an_error() {
        let result = run_concurrent(2, Duration::from_millis(5), |_, _| async { Err("broken") }).await;
        assert_eq!(result.err(), Some("broken"));
    }
}

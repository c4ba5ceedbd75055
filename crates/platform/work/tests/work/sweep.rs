//! Sweeps: when the next step follows, and what stops them.

use std::sync::Arc;
use std::time::Duration;

use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_kernel::clock::VirtualClock;
use pulse_work::{Next, Step, Sweep};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::{let_tasks_run, stopped_clock};

const PAUSE: Duration = Duration::from_secs(10);

/// What a step does.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Full,
    Partial,
    Fails,
    Panics,
}

/// Keeps state between steps.
struct Sweeper {
    plan: Vec<Plan>,
    steps: mpsc::UnboundedSender<usize>,
    count: usize,
}

impl Step for Sweeper {
    async fn step(&mut self) -> Result<Next, Error> {
        let step = self.plan.get(self.count).copied().unwrap_or(Plan::Partial);
        self.count += 1;
        tokio::task::yield_now().await;
        self.steps.send(self.count).unwrap();
        match step {
            Plan::Full => Ok(Next::AtOnce),
            Plan::Partial => Ok(Next::at_once_if(false)),
            Plan::Fails => Err(errors::STORE_UNAVAILABLE.error("no database")),
            Plan::Panics => panic!("a step panics"),
        }
    }
}

fn start(
    plan: &[Plan],
    build: impl FnOnce(Sweep) -> Sweep,
) -> (mpsc::UnboundedReceiver<usize>, VirtualClock, JoinHandle<()>) {
    let (clock, hands) = stopped_clock();
    let (steps, seen) = mpsc::unbounded_channel();
    let sweeper = Sweeper { plan: plan.to_vec(), steps, count: 0 };
    let sweep = build(Sweep::every("test", clock, PAUSE));
    let task = tokio::spawn(sweep.run(sweeper));
    (seen, hands, task)
}

/// Steps so far.
async fn count(seen: &mut mpsc::UnboundedReceiver<usize>) -> usize {
    let_tasks_run().await;
    std::iter::from_fn(|| seen.try_recv().ok()).count()
}

#[tokio::test]
async fn full_batches_follow_each_other_at_once() {
    let (mut seen, hands, _task) = start(&[Plan::Full, Plan::Full, Plan::Partial], |sweep| sweep);
    assert_eq!(count(&mut seen).await, 3);
    hands.advance(PAUSE - Duration::from_millis(1));
    assert_eq!(count(&mut seen).await, 0, "the pause goes on");
    hands.advance(Duration::from_millis(1));
    assert_eq!(count(&mut seen).await, 1);
    hands.advance(PAUSE);
    assert_eq!(count(&mut seen).await, 1);
}

#[tokio::test]
async fn a_closure_is_a_step() {
    let (clock, _hands) = stopped_clock();
    let (steps, mut seen) = mpsc::unbounded_channel();
    let step = move || {
        let steps = steps.clone();
        async move {
            steps.send(1).unwrap();
            Ok(Next::AfterPause)
        }
    };
    let _task = tokio::spawn(Sweep::every("test", clock, PAUSE).run(step));
    assert_eq!(seen.recv().await, Some(1));
}

#[tokio::test]
async fn a_failure_or_a_panic_is_followed_by_a_pause_and_another_step() {
    let (mut seen, hands, _task) = start(&[Plan::Fails, Plan::Panics, Plan::Full], |sweep| sweep);
    assert_eq!(count(&mut seen).await, 1);
    hands.advance(PAUSE);
    assert_eq!(count(&mut seen).await, 1);
    hands.advance(PAUSE);
    assert_eq!(count(&mut seen).await, 2);
}

#[tokio::test]
async fn the_first_step_can_follow_a_pause() {
    let (mut seen, hands, _task) = start(&[], Sweep::delayed);
    assert_eq!(count(&mut seen).await, 0);
    hands.advance(PAUSE);
    assert_eq!(count(&mut seen).await, 1);
}

#[tokio::test]
async fn a_notification_ends_the_pause() {
    let wake = Arc::new(Notify::new());
    let (mut seen, hands, _task) = start(&[], |sweep| sweep.woken_by(Arc::clone(&wake)));
    assert_eq!(count(&mut seen).await, 1);
    wake.notify_one();
    assert_eq!(count(&mut seen).await, 1);
    assert_eq!(count(&mut seen).await, 0, "once");
    hands.advance(PAUSE);
    assert_eq!(count(&mut seen).await, 1, "the pause ends without a notification too");
}

#[tokio::test]
async fn dropping_the_future_stops_the_sweep() {
    let (mut seen, hands, task) = start(&[], |sweep| sweep);
    assert_eq!(count(&mut seen).await, 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    hands.advance(PAUSE);
    assert_eq!(seen.recv().await, None, "the step is gone");
}

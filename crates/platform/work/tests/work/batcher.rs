//! Batches: groups, order, limits, failures, the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_work::{Batcher, BatcherOptions, Executor, Group, Linger, OnFailure, Worker};
use tokio::sync::{Semaphore, oneshot};

use crate::{let_tasks_run, stopped_clock};

/// A job of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Its outcome is ten times the number.
    Number(u32),
    /// Fails every group that contains it.
    Poison,
    /// Panics in every group that contains it.
    Panic,
    /// Has no outcome.
    Forgotten,
}

/// Executes a group for each permit, and records the groups.
struct Recorder {
    permits: Arc<Semaphore>,
    groups: Arc<Mutex<Vec<Vec<Job>>>>,
    failures: Arc<AtomicU32>,
    on_failure: OnFailure,
    /// Is dropped with the worker.
    _ended: Option<oneshot::Sender<()>>,
}

impl Worker for Recorder {
    type Job = Job;
    type Outcome = u32;

    async fn handle(&mut self, group: &mut Group<Job, u32>) {
        self.permits.acquire().await.unwrap().forget();
        group.execute(self).await;
    }
}

impl Executor for Recorder {
    async fn execute(&mut self, jobs: &[Job]) -> Result<Vec<u32>, Error> {
        self.groups.lock().push(jobs.to_vec());
        tokio::task::yield_now().await;
        assert!(!jobs.contains(&Job::Panic), "a job panics");
        if jobs.contains(&Job::Poison) {
            let error = errors::STORE_UNAVAILABLE.error("disk full").with("disk", 7).retry_in(Duration::from_secs(3));
            return Err(error.caused_by("write failed"));
        }
        let outcome = |job: &Job| match job {
            Job::Number(number) => Some(number * 10),
            Job::Poison | Job::Panic | Job::Forgotten => None,
        };
        Ok(jobs.iter().filter_map(outcome).collect())
    }

    fn on_failure(&mut self, _error: &Error) -> OnFailure {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.on_failure
    }
}

/// A batcher and what its worker shows.
struct Fixture {
    batcher: Batcher<Job, u32>,
    permits: Arc<Semaphore>,
    groups: Arc<Mutex<Vec<Vec<Job>>>>,
    failures: Arc<AtomicU32>,
    ended: oneshot::Receiver<()>,
}

impl Fixture {
    fn start(options: BatcherOptions<Job>, on_failure: OnFailure) -> Self {
        let (permits, groups) = (Arc::new(Semaphore::new(0)), Arc::default());
        let failures = Arc::<AtomicU32>::default();
        let (ends, ended) = oneshot::channel();
        let recorder = Recorder {
            permits: Arc::clone(&permits),
            groups: Arc::clone(&groups),
            failures: Arc::clone(&failures),
            on_failure,
            _ended: Some(ends),
        };
        Self { batcher: Batcher::start(options, recorder), permits, groups, failures, ended }
    }

    fn groups(&self) -> Vec<Vec<Job>> {
        self.groups.lock().clone()
    }
}

fn options(queue_max: usize, group_max: usize) -> BatcherOptions<Job> {
    BatcherOptions::new("test", queue_max, group_max)
}

fn numbers(range: std::ops::Range<u32>) -> Vec<Job> {
    range.map(Job::Number).collect()
}

#[tokio::test]
async fn queued_jobs_form_groups_in_their_order() {
    let fixture = Fixture::start(options(100, 4), OnFailure::FailAll);
    let answers = fixture.batcher.submit_all(numbers(0..10).into_iter()).unwrap();
    fixture.permits.add_permits(100);
    let outcomes = futures::future::try_join_all(answers).await.unwrap();
    assert_eq!(outcomes, (0..10).map(|number| number * 10).collect::<Vec<_>>());
    assert_eq!(fixture.groups(), [numbers(0..4), numbers(4..8), numbers(8..10)]);
}

#[tokio::test]
async fn the_next_group_gathers_while_one_is_executed() {
    let fixture = Fixture::start(options(100, 100), OnFailure::FailAll);
    let first = fixture.batcher.submit(Job::Number(0)).unwrap();
    let_tasks_run().await;
    let later = fixture.batcher.submit_all(numbers(1..6).into_iter()).unwrap();
    fixture.permits.add_permits(2);
    assert_eq!(first.await.unwrap(), 0);
    assert_eq!(futures::future::try_join_all(later).await.unwrap(), [10, 20, 30, 40, 50]);
    assert_eq!(fixture.groups(), [numbers(0..1), numbers(1..6)]);
}

#[tokio::test]
async fn a_full_queue_refuses_without_executing() {
    let fixture = Fixture::start(options(3, 1).on_full(|| errors::RATE_LIMITED.error("later")), OnFailure::FailAll);
    let first = fixture.batcher.submit(Job::Number(0)).unwrap();
    let_tasks_run().await;
    // The first one was taken; there is room for three.
    let more = fixture.batcher.submit_all(numbers(1..3).into_iter()).unwrap();
    let refused = fixture.batcher.submit_all(numbers(3..5).into_iter()).unwrap_err();
    assert_eq!(refused.code(), "RATE_LIMITED", "all or none");
    let last = fixture.batcher.submit(Job::Number(5)).unwrap();
    assert_eq!(fixture.batcher.submit(Job::Number(6)).unwrap_err().code(), "RATE_LIMITED");
    let mut waiting = std::pin::pin!(fixture.batcher.call(Job::Number(7)));
    assert!(waiting.as_mut().now_or_never().is_none(), "it waits for room");
    fixture.permits.add_permits(100);
    assert_eq!(waiting.await.unwrap(), 70);
    assert_eq!((first.await.unwrap(), last.await.unwrap()), (0, 50));
    assert_eq!(futures::future::try_join_all(more).await.unwrap(), [10, 20]);
    assert_eq!(fixture.groups().concat(), [0, 1, 2, 5, 7].map(Job::Number));
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_with_overloaded_by_default() {
    let fixture = Fixture::start(options(0, 0), OnFailure::FailAll);
    let _first = fixture.batcher.submit(Job::Number(0)).unwrap();
    assert_eq!(fixture.batcher.submit(Job::Number(1)).unwrap_err().code(), "OVERLOADED");
}

#[tokio::test]
async fn one_error_reaches_every_caller_of_the_group() {
    let fixture = Fixture::start(options(100, 100), OnFailure::FailAll);
    let answers = fixture.batcher.submit_all([Job::Number(1), Job::Poison, Job::Number(2)].into_iter()).unwrap();
    fixture.permits.add_permits(100);
    for answer in answers {
        let error = answer.await.unwrap_err();
        assert_eq!((error.code(), error.detail()), ("STORE_UNAVAILABLE", "disk full"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(error.metadata(), [("disk".into(), "7".to_owned())]);
        assert!(error.report().contains("write failed"), "{}", error.report());
    }
    assert_eq!(fixture.groups().len(), 1);
    assert_eq!(fixture.failures.load(Ordering::Relaxed), 1);
    assert_eq!(fixture.batcher.call(Job::Number(3)).await.unwrap(), 30, "the next group is executed");
}

#[tokio::test]
async fn only_the_job_that_fails_the_group_fails() {
    for bad in [Job::Poison, Job::Panic] {
        let fixture = Fixture::start(options(100, 100), OnFailure::ExecuteEach);
        let jobs = [Job::Number(1), bad, Job::Number(2)];
        let mut answers = fixture.batcher.submit_all(jobs.into_iter()).unwrap().into_iter();
        fixture.permits.add_permits(100);
        assert_eq!(answers.next().unwrap().await.unwrap(), 10);
        let code = if bad == Job::Panic { "INTERNAL" } else { "STORE_UNAVAILABLE" };
        assert_eq!(answers.next().unwrap().await.unwrap_err().code(), code);
        assert_eq!(answers.next().unwrap().await.unwrap(), 20);
        assert_eq!(fixture.groups(), [jobs.to_vec(), vec![jobs[0]], vec![jobs[1]], vec![jobs[2]]]);
        assert_eq!(fixture.failures.load(Ordering::Relaxed), 2, "the group, then the job");
    }
}

#[tokio::test]
async fn a_single_job_that_fails_is_not_repeated() {
    let fixture = Fixture::start(options(100, 100), OnFailure::ExecuteEach);
    fixture.permits.add_permits(100);
    assert_eq!(fixture.batcher.call(Job::Panic).await.unwrap_err().code(), "INTERNAL");
    assert_eq!(fixture.groups().len(), 1);
}

#[tokio::test]
async fn a_job_without_an_outcome_is_a_defect() {
    for on_failure in [OnFailure::FailAll, OnFailure::ExecuteEach] {
        let fixture = Fixture::start(options(100, 100), on_failure);
        fixture.permits.add_permits(100);
        let answers = fixture.batcher.submit_all([Job::Number(1), Job::Forgotten].into_iter()).unwrap();
        let outcomes = futures::future::join_all(answers).await;
        assert_eq!(*outcomes[0].as_ref().unwrap(), 10);
        assert_eq!(outcomes[1].as_ref().unwrap_err().code(), "INTERNAL");
    }
}

/// Answers what is even, panics at 13, leaves the others.
struct Careless;

impl Worker for Careless {
    type Job = u32;
    type Outcome = u32;

    async fn handle(&mut self, group: &mut Group<u32, u32>) {
        group.drop_abandoned();
        group.answer_where(|job| {
            assert_ne!(*job, 13, "it panics");
            job.is_multiple_of(2).then_some(Ok(*job))
        });
    }
}

#[tokio::test]
async fn jobs_that_the_worker_leaves_are_answered() {
    let batcher = Batcher::start(BatcherOptions::new("test", 100, 100), Careless);
    let answers = batcher.submit_all([1, 2, 3, 4].into_iter()).unwrap();
    let codes = |outcomes: Vec<Result<u32, Error>>| -> Vec<Result<u32, &str>> {
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.code())).collect()
    };
    let outcomes = codes(futures::future::join_all(answers).await);
    assert_eq!(outcomes, [Err("INTERNAL"), Ok(2), Err("INTERNAL"), Ok(4)]);
    let answers = batcher.submit_all([5, 6, 13, 7, 8].into_iter()).unwrap();
    let outcomes = codes(futures::future::join_all(answers).await);
    let left = Err("INTERNAL");
    assert_eq!(outcomes, [left, Ok(6), left, left, left], "a panic in the middle");
    assert_eq!(batcher.call(10).await.unwrap(), 10, "the worker goes on");
}

#[tokio::test]
async fn an_abandoned_job_can_be_left_out() {
    struct Sum(Arc<Mutex<Vec<Vec<u32>>>>);
    impl Worker for Sum {
        type Job = u32;
        type Outcome = ();
        async fn handle(&mut self, group: &mut Group<u32, ()>) {
            group.drop_abandoned();
            self.0.lock().push(group.jobs().to_vec());
            group.answer_where(|_job| Some(Ok(())));
        }
    }
    let groups = Arc::<Mutex<Vec<Vec<u32>>>>::default();
    let batcher = Batcher::start(BatcherOptions::new("test", 100, 100), Sum(Arc::clone(&groups)));
    let mut answers = batcher.submit_all([1, 2, 3].into_iter()).unwrap();
    drop(answers.remove(1));
    futures::future::try_join_all(answers).await.unwrap();
    assert_eq!(*groups.lock(), [[1, 3]]);
}

#[tokio::test]
async fn what_is_queued_is_executed_before_the_task_ends() {
    let fixture = Fixture::start(options(100, 2), OnFailure::FailAll);
    let answers = fixture.batcher.submit_all(numbers(0..5).into_iter()).unwrap();
    drop((fixture.batcher.clone(), fixture.batcher));
    fixture.permits.add_permits(100);
    assert_eq!(futures::future::try_join_all(answers).await.unwrap(), [0, 10, 20, 30, 40]);
    fixture.ended.await.unwrap_err();
}

#[test]
fn callers_get_an_error_when_the_runtime_stops() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (batcher, executed, queued) = runtime.block_on(async {
        let fixture = Fixture::start(options(100, 1), OnFailure::FailAll);
        let executed = fixture.batcher.submit(Job::Number(0)).unwrap();
        let_tasks_run().await;
        let queued = fixture.batcher.submit(Job::Number(1)).unwrap();
        (fixture.batcher, executed, queued)
    });
    drop(runtime);
    for answer in [executed, queued] {
        assert_eq!(answer.now_or_never().unwrap().unwrap_err().code(), "DRAINING");
    }
    assert_eq!(batcher.submit(Job::Number(2)).unwrap_err().code(), "DRAINING");
    assert_eq!(batcher.call(Job::Number(2)).now_or_never().unwrap().unwrap_err().code(), "DRAINING");
}

#[tokio::test]
async fn the_wait_of_every_job_is_measured_once() {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let options = options(100, 3).on_taken(|_waited| {
        TAKEN.fetch_add(1, Ordering::Relaxed);
    });
    let fixture = Fixture::start(options, OnFailure::ExecuteEach);
    fixture.permits.add_permits(100);
    let answers = fixture.batcher.submit_all([Job::Number(1), Job::Poison, Job::Number(3), Job::Number(4)].into_iter());
    futures::future::join_all(answers.unwrap()).await;
    assert_eq!(TAKEN.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_group_waits_until_its_window_closes_or_its_weight_is_reached() {
    let (clock, hands) = stopped_clock();
    let weight = |job: &Job| match job {
        Job::Number(number) => usize::try_from(*number).unwrap(),
        Job::Poison | Job::Panic | Job::Forgotten => 0,
    };
    let linger = Linger { clock, window: Duration::from_secs(2), weight, weight_max: 10 };
    let fixture = Fixture::start(options(100, 4).linger(linger), OnFailure::FailAll);
    fixture.permits.add_permits(100);
    let mut answers = vec![fixture.batcher.submit(Job::Number(1)).unwrap()];
    let_tasks_run().await;
    hands.advance(Duration::from_millis(1_999));
    answers.push(fixture.batcher.submit(Job::Number(2)).unwrap());
    let_tasks_run().await;
    assert_eq!(fixture.groups(), [[Job::Number(0); 0]; 0], "the window is open");
    hands.advance(Duration::from_millis(1));
    assert_eq!(futures::future::try_join_all(answers).await.unwrap(), [10, 20]);
    // The time stands still: weight, number or nothing ends the next ones.
    let heavy = fixture.batcher.submit_all([Job::Number(3), Job::Number(7)].into_iter()).unwrap();
    assert_eq!(futures::future::try_join_all(heavy).await.unwrap(), [30, 70]);
    let many = fixture.batcher.submit_all(numbers(1..5).into_iter()).unwrap();
    assert_eq!(futures::future::try_join_all(many).await.unwrap(), [10, 20, 30, 40]);
    let last = fixture.batcher.submit(Job::Number(5)).unwrap();
    drop(fixture.batcher);
    assert_eq!(last.await.unwrap(), 50, "the end of the queue ends the wait");
    let sizes: Vec<usize> = fixture.groups.lock().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 4, 1]);
}

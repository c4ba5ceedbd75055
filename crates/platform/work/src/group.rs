//! The jobs of one group and the callers that wait for their outcomes.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use pulse_contract::errors;
use pulse_kernel::Error;
use tokio::sync::oneshot;

use crate::batcher::Worker;

/// Sender of one outcome; `None` once it was used.
type Reply<O> = Option<oneshot::Sender<Result<O, Error>>>;

/// Jobs that were taken from the queue together, in the order of their submission, with their callers.
///
/// Jobs that are still in the group when the worker returns are answered with `INTERNAL`.
#[derive(Debug)]
pub struct Group<J, O> {
    name: &'static str,
    jobs: Vec<J>,
    /// As many as `jobs`, in the same order.
    replies: Vec<Reply<O>>,
}

/// Executes the jobs of a group together.
pub trait Executor: Worker {
    /// Executes jobs as one unit: all of them, or none when the result is an error.
    ///
    /// Returns one outcome per job, in the order of `jobs`.
    fn execute(&mut self, jobs: &[Self::Job]) -> impl Future<Output = Result<Vec<Self::Outcome>, Error>> + Send;

    /// Decides what follows a failed [`Executor::execute`], and drops state that may be wrong after it. A panic counts
    /// as a failure with the code `INTERNAL`. Default: all callers get the error.
    fn on_failure(&mut self, _error: &Error) -> OnFailure {
        OnFailure::FailAll
    }
}

/// What happens to the jobs of a group that failed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Every caller gets the error.
    FailAll,
    /// Each job is executed alone, so that only the jobs that cause the failure fail. A single job is not repeated.
    ExecuteEach,
}

impl<J, O> Group<J, O> {
    pub(crate) fn with_capacity(name: &'static str, capacity: usize) -> Self {
        Self { name, jobs: Vec::with_capacity(capacity), replies: Vec::with_capacity(capacity) }
    }

    pub(crate) fn push(&mut self, job: J, reply: oneshot::Sender<Result<O, Error>>) {
        self.jobs.push(job);
        self.replies.push(Some(reply));
    }

    /// Jobs without an outcome, in the order of their submission.
    #[must_use]
    pub fn jobs(&self) -> &[J] {
        &self.jobs
    }

    /// Number of jobs without an outcome.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether every job has an outcome.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Answers the jobs for which `outcome` returns a value. The other jobs stay in the group, in their order. Jobs are
    /// visited once each, in their order.
    pub fn answer_where(&mut self, mut outcome: impl FnMut(&J) -> Option<Result<O, Error>>) {
        self.retain(|job, reply| match outcome(job) {
            Some(outcome) => {
                send(reply, outcome);
                false
            }
            None => true,
        });
    }

    /// Removes the jobs whose callers no longer wait.
    pub fn drop_abandoned(&mut self) {
        self.retain(|_job, reply| reply.as_ref().is_some_and(|reply| !reply.is_closed()));
    }

    /// Answers all jobs of the group with a copy of one error.
    pub fn fail(&mut self, error: &Error) {
        self.fail_first(self.replies.len(), error);
    }

    /// Executes all jobs of the group together and answers every caller.
    pub async fn execute<E>(&mut self, executor: &mut E)
    where
        E: Executor<Job = J, Outcome = O>,
        J: Sync,
        O: Send,
    {
        self.execute_first(self.jobs.len(), executor).await;
    }

    /// Executes the first `count` jobs together, answers their callers and removes them from the group.
    pub async fn execute_first<E>(&mut self, count: usize, executor: &mut E)
    where
        E: Executor<Job = J, Outcome = O>,
        J: Sync,
        O: Send,
    {
        let (jobs, _later) = self.jobs.split_at(count.min(self.jobs.len()));
        let count = jobs.len();
        let error = match attempt(executor, jobs).await {
            Ok(outcomes) => {
                self.replies.iter_mut().zip(outcomes).for_each(|(reply, outcome)| send(reply, Ok(outcome)));
                // An executor that returned too few outcomes leaves callers without one.
                let missing = errors::INTERNAL.error("the job was executed without an outcome");
                return self.fail_first(count, &missing);
            }
            Err(error) => error,
        };
        if executor.on_failure(&error) == OnFailure::FailAll || count <= 1 {
            return self.fail_first(count, &error);
        }
        tracing::warn!(
            error = error.report(),
            batcher = self.name,
            jobs = count,
            "batch failed; executing each job alone"
        );
        for (job, reply) in jobs.iter().zip(&mut self.replies) {
            let outcome = attempt(executor, std::slice::from_ref(job)).await.inspect_err(|error| {
                executor.on_failure(error);
            });
            let missing = || errors::INTERNAL.error("the job was executed without an outcome");
            send(reply, outcome.and_then(|mut outcomes| outcomes.pop().ok_or_else(missing)));
        }
        self.remove_first(count);
    }

    /// Answers those of the first `count` jobs that have no outcome yet, and removes all of them.
    fn fail_first(&mut self, count: usize, error: &Error) {
        let mut replies = self.replies.iter_mut().take(count).filter(|reply| reply.is_some()).peekable();
        if replies.peek().is_some() {
            let story = error.report();
            replies.for_each(|reply| send(reply, Err(copy(error, &story))));
        }
        self.remove_first(count);
    }

    fn remove_first(&mut self, count: usize) {
        self.jobs.drain(..count.min(self.jobs.len()));
        self.replies.drain(..count.min(self.replies.len()));
    }

    /// Removes the jobs for which `is_kept` is false. A panic of `is_kept` loses no reply.
    fn retain(&mut self, mut is_kept: impl FnMut(&J, &mut Reply<O>) -> bool) {
        let Self { jobs, replies, .. } = self;
        let (mut index, mut kept) = (0, 0);
        jobs.retain(|job| {
            let is_kept = replies.get_mut(index).is_some_and(|reply| is_kept(job, reply));
            if is_kept {
                replies.swap(kept, index);
                kept += 1;
            }
            index += 1;
            is_kept
        });
        replies.truncate(kept);
    }
}

/// One execution. A panic is a failure too, so that it ends neither the task nor the wait of the callers.
async fn attempt<E: Executor>(executor: &mut E, jobs: &[E::Job]) -> Result<Vec<E::Outcome>, Error> {
    let outcome = AssertUnwindSafe(executor.execute(jobs)).catch_unwind().await;
    outcome.unwrap_or_else(|_panic| Err(errors::INTERNAL.error("the execution of the job panicked")))
}

fn send<O>(reply: &mut Reply<O>, outcome: Result<O, Error>) {
    if let Some(reply) = reply.take() {
        // A caller that no longer waits needs no outcome.
        reply.send(outcome).unwrap_or_default();
    }
}

/// The same error for one more caller; its causes are kept as text.
fn copy(error: &Error, story: &str) -> Error {
    let copy = error.spec().error(error.detail().to_owned()).caused_by(story);
    let copy = copy.with_violations(error.violations().iter().cloned());
    let copy = error.metadata().iter().fold(copy, |copy, (key, value)| copy.with(key.clone(), value));
    match error.retry_after() {
        Some(wait) => copy.retry_in(wait),
        None => copy,
    }
}

//! A bounded queue whose jobs one task executes in groups.
//!
//! While one group is being executed the next one gathers: the higher the load, the larger the groups.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use pulse_contract::errors;
use pulse_kernel::{Clock, Error};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::group::Group;

/// Settings of a [`Batcher`].
#[derive(Clone, Debug)]
pub struct BatcherOptions<J> {
    name: &'static str,
    queue_max: usize,
    group_max: usize,
    on_full: fn() -> Error,
    on_taken: Option<fn(Duration)>,
    linger: Option<Linger<J>>,
}

/// How long a group waits for more jobs after its first one. Without it a group is what is queued at that moment.
#[derive(Clone, Debug)]
pub struct Linger<J> {
    /// Clock of the window.
    pub clock: Clock,
    /// Longest time between the first job of a group and the execution of the group.
    pub window: Duration,
    /// Weight of a job.
    pub weight: fn(&J) -> usize,
    /// Weight of a group at which it is executed before the end of the window.
    pub weight_max: usize,
}

impl<J> BatcherOptions<J> {
    /// At most `queue_max` jobs wait and at most `group_max` form a group, both at least 1. `name` is the value of the
    /// field `batcher` in log lines.
    #[must_use]
    pub fn new(name: &'static str, queue_max: usize, group_max: usize) -> Self {
        let on_full = || errors::OVERLOADED.error("the queue is full; nothing was done");
        let (queue_max, group_max) = (queue_max.max(1), group_max.max(1));
        Self { name, queue_max, group_max, on_full, on_taken: None, linger: None }
    }

    /// Sets the error of [`Batcher::submit`] when the queue is full. Default: `OVERLOADED`.
    #[must_use]
    pub fn on_full(self, on_full: fn() -> Error) -> Self {
        Self { on_full, ..self }
    }

    /// Sets a function that gets the time that each job waited in the queue. Default: the time is not measured.
    #[must_use]
    pub fn on_taken(self, on_taken: fn(Duration)) -> Self {
        Self { on_taken: Some(on_taken), ..self }
    }

    /// Lets each group wait for more jobs. Default: it does not wait.
    #[must_use]
    pub fn linger(self, linger: Linger<J>) -> Self {
        Self { linger: Some(linger), ..self }
    }
}

/// Handles the groups of one batcher, one after the other.
pub trait Worker: Send + 'static {
    /// What callers submit.
    type Job: Send + Sync + 'static;
    /// What callers get.
    type Outcome: Send + 'static;

    /// Answers every job of a group. [`Group::execute`] does it for an [`crate::Executor`].
    ///
    /// Jobs that are left in the group, also after a panic, are answered with `INTERNAL`.
    fn handle(&mut self, group: &mut Group<Self::Job, Self::Outcome>) -> impl Future<Output = ()> + Send;
}

/// Where jobs are submitted. Cheap to clone; the task executes what is queued and ends when the last clone is dropped.
pub struct Batcher<J, O> {
    queue: mpsc::Sender<Queued<J, O>>,
    on_full: fn() -> Error,
    is_measured: bool,
}

/// A job in the queue.
struct Queued<J, O> {
    job: J,
    /// Set when waits are measured.
    queued_at: Option<Instant>,
    reply: oneshot::Sender<Result<O, Error>>,
}

impl<J: Send + Sync + 'static, O: Send + 'static> Batcher<J, O> {
    /// Starts the task of `worker`.
    pub fn start(options: BatcherOptions<J>, worker: impl Worker<Job = J, Outcome = O>) -> Self {
        let (queue, queued) = mpsc::channel(options.queue_max);
        let batcher = Self { queue, on_full: options.on_full, is_measured: options.on_taken.is_some() };
        tokio::spawn(serve(options, worker, queued));
        batcher
    }

    /// Submits a job, which is executed from here on, whether the answer is awaited or not.
    ///
    /// # Errors
    /// That of [`BatcherOptions::on_full`] when the queue is full, `DRAINING` when the task has ended; the job is not
    /// executed.
    pub fn submit(&self, job: J) -> Result<Answer<O>, Error> {
        let (queued, answer) = self.queued(job);
        self.queue.try_send(queued).map_err(|unsent| self.refused(&unsent))?;
        Ok(answer)
    }

    /// Submits jobs in their order, all or none. Returns the answers in the same order.
    ///
    /// # Errors
    /// As [`Batcher::submit`].
    pub fn submit_all(&self, jobs: impl ExactSizeIterator<Item = J>) -> Result<Vec<Answer<O>>, Error> {
        let permits = self.queue.try_reserve_many(jobs.len()).map_err(|none| self.refused(&none))?;
        let send = |(permit, job): (mpsc::Permit<'_, Queued<J, O>>, J)| {
            let (queued, answer) = self.queued(job);
            permit.send(queued);
            answer
        };
        Ok(permits.zip(jobs).map(send).collect())
    }

    /// Waits for room in the queue, submits a job and waits for its outcome.
    ///
    /// # Errors
    /// That of the execution; `DRAINING` when the task has ended, after which the job may have been executed.
    pub async fn call(&self, job: J) -> Result<O, Error> {
        let permit = self.queue.reserve().await.map_err(|ended| stopped().caused_by(ended))?;
        let (queued, answer) = self.queued(job);
        permit.send(queued);
        answer.await
    }

    fn queued(&self, job: J) -> (Queued<J, O>, Answer<O>) {
        let (reply, outcome) = oneshot::channel();
        (Queued { job, queued_at: self.is_measured.then(Instant::now), reply }, Answer { outcome })
    }

    fn refused<T>(&self, unsent: &TrySendError<T>) -> Error {
        match unsent {
            TrySendError::Full(_) => (self.on_full)(),
            TrySendError::Closed(_) => stopped(),
        }
    }
}

/// Outcome of a submitted job. Dropping it does not withdraw the job.
#[derive(Debug)]
#[must_use = "the outcome of the job is lost"]
pub struct Answer<O> {
    outcome: oneshot::Receiver<Result<O, Error>>,
}

impl<O> Future for Answer<O> {
    type Output = Result<O, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.outcome).poll(context);
        outcome.map(|outcome| outcome.unwrap_or_else(|ended| Err(stopped().caused_by(ended))))
    }
}

fn stopped() -> Error {
    errors::DRAINING.error("the node is shutting down")
}

async fn serve<W: Worker>(
    options: BatcherOptions<W::Job>,
    mut worker: W,
    mut queue: mpsc::Receiver<Queued<W::Job, W::Outcome>>,
) {
    let mut taken = Vec::with_capacity(options.group_max);
    let mut group = Group::with_capacity(options.name, options.group_max);
    while take(&options, &mut queue, &mut taken).await > 0 {
        for Queued { job, queued_at, reply } in taken.drain(..) {
            if let (Some(on_taken), Some(queued_at)) = (options.on_taken, queued_at) {
                on_taken(queued_at.elapsed());
            }
            group.push(job, reply);
        }
        if AssertUnwindSafe(worker.handle(&mut group)).catch_unwind().await.is_err() {
            tracing::error!(batcher = options.name, jobs = group.len(), "batch worker panicked; its jobs fail");
        }
        if !group.is_empty() {
            group.fail(&errors::INTERNAL.error("the job was left without an outcome"));
        }
    }
}

/// Takes the next group from the queue; 0 when the queue has ended.
async fn take<J, O>(
    options: &BatcherOptions<J>,
    queue: &mut mpsc::Receiver<Queued<J, O>>,
    taken: &mut Vec<Queued<J, O>>,
) -> usize {
    let Some(linger) = &options.linger else { return queue.recv_many(taken, options.group_max).await };
    let Some(first) = queue.recv().await else { return 0 };
    let mut weight = (linger.weight)(&first.job);
    taken.push(first);
    let closes_at = linger.clock.now().plus(linger.window);
    let closes = linger.clock.sleep_until(closes_at);
    let mut closes = std::pin::pin!(closes);
    while weight < linger.weight_max && taken.len() < options.group_max {
        let next = tokio::select! {
            biased;
            next = queue.recv() => next,
            () = &mut closes => None,
        };
        let Some(next) = next else { break };
        weight = weight.saturating_add((linger.weight)(&next.job));
        taken.push(next);
    }
    taken.len()
}

impl<J, O> Clone for Batcher<J, O> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), on_full: self.on_full, is_measured: self.is_measured }
    }
}

impl<J, O> std::fmt::Debug for Batcher<J, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting = self.queue.max_capacity().saturating_sub(self.queue.capacity());
        f.debug_struct("Batcher").field("waiting", &waiting).finish_non_exhaustive()
    }
}

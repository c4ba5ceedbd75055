//! Random jobs, groups and failures against a model: order, and one answer for each caller.

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_work::{Batcher, BatcherOptions, Executor, Group, OnFailure, Worker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fine,
    Fails,
    Panics,
    /// Is answered before its group is executed.
    Refused,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    number: usize,
    kind: Kind,
}

/// Executes groups in parts, and records the jobs that are executed with success.
struct Ledger {
    written: Arc<Mutex<Vec<usize>>>,
    part_max: usize,
    on_failure: OnFailure,
}

impl Worker for Ledger {
    type Job = Job;
    type Outcome = usize;

    async fn handle(&mut self, group: &mut Group<Job, usize>) {
        group.drop_abandoned();
        group.answer_where(|job| (job.kind == Kind::Refused).then(|| Err(errors::DEADLINE_EXCEEDED.error("late"))));
        while !group.is_empty() {
            group.execute_first(self.part_max, self).await;
        }
    }
}

impl Executor for Ledger {
    async fn execute(&mut self, jobs: &[Job]) -> Result<Vec<usize>, Error> {
        assert!(jobs.len() <= self.part_max, "a part is too large");
        tokio::task::yield_now().await;
        assert!(jobs.iter().all(|job| job.kind != Kind::Panics), "a job panics");
        if jobs.iter().any(|job| job.kind == Kind::Fails) {
            return Err(errors::STORE_CONTENDED.error("lost"));
        }
        self.written.lock().extend(jobs.iter().map(|job| job.number));
        Ok(jobs.iter().map(|job| job.number).collect())
    }

    fn on_failure(&mut self, _error: &Error) -> OnFailure {
        self.on_failure
    }
}

fn kinds() -> impl Strategy<Value = Vec<(Kind, bool)>> {
    let kind = prop_oneof![
        6 => Just(Kind::Fine),
        1 => Just(Kind::Fails),
        1 => Just(Kind::Panics),
        1 => Just(Kind::Refused),
    ];
    prop::collection::vec((kind, prop::bool::weighted(0.1)), 0..60)
}

/// Submits the jobs, abandons some, and returns the answers of the others with the written jobs.
async fn run(
    kinds: &[(Kind, bool)],
    (group_max, part_max): (usize, usize),
    on_failure: OnFailure,
) -> (Vec<Option<Result<usize, &'static str>>>, Vec<usize>) {
    let written = Arc::<Mutex<Vec<usize>>>::default();
    let ledger = Ledger { written: Arc::clone(&written), part_max, on_failure };
    let batcher = Batcher::start(BatcherOptions::new("model", 60, group_max), ledger);
    let jobs: Vec<Job> = kinds.iter().enumerate().map(|(number, (kind, _))| Job { number, kind: *kind }).collect();
    let answers = batcher.submit_all(jobs.into_iter()).unwrap();
    let awaited = answers.into_iter().zip(kinds).map(|(answer, (_, is_abandoned))| (!is_abandoned).then_some(answer));
    let mut outcomes = Vec::new();
    for answer in awaited.collect::<Vec<_>>() {
        outcomes.push(match answer {
            Some(answer) => Some(answer.await.map_err(|error| error.code())),
            None => None,
        });
    }
    let written = written.lock().clone();
    (outcomes, written)
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// With single execution after a failure, the outcome of a job depends on nothing but the job.
    #[test]
    fn each_caller_gets_the_outcome_of_its_job(kinds in kinds(), group_max in 1..20_usize, part_max in 1..20_usize) {
        let (outcomes, written) = in_runtime(run(&kinds, (group_max, part_max), OnFailure::ExecuteEach));
        for (number, (outcome, (kind, is_abandoned))) in outcomes.iter().zip(&kinds).enumerate() {
            let expected = match kind {
                Kind::Fine => Ok(number),
                Kind::Fails => Err("STORE_CONTENDED"),
                Kind::Panics => Err("INTERNAL"),
                Kind::Refused => Err("DEADLINE_EXCEEDED"),
            };
            prop_assert_eq!(*outcome, (!is_abandoned).then_some(expected));
        }
        let expected: Vec<usize> = (0..kinds.len()).filter(|number| kinds[*number] == (Kind::Fine, false)).collect();
        prop_assert_eq!(written, expected, "in the order of submission, abandoned ones left out");
    }

    /// When a failure fails the group, an answer still says whether the job was executed.
    #[test]
    fn an_answer_is_true_also_when_groups_fail(kinds in kinds(), group_max in 1..20_usize, part_max in 1..20_usize) {
        let (outcomes, written) = in_runtime(run(&kinds, (group_max, part_max), OnFailure::FailAll));
        prop_assert!(written.is_sorted());
        let succeeded: Vec<usize> = outcomes.iter().filter_map(|outcome| outcome.and_then(Result::ok)).collect();
        prop_assert_eq!(succeeded, written);
    }
}

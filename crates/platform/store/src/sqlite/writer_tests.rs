//! Groups of commits of which some are rejected.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::transaction::Refusal;
use crate::values;

type Answered = oneshot::Receiver<Answer>;

/// Executes each group of transactions. Returns the outcomes, and the rows with the number of their changes. The first
/// `savepoint_groups` groups have savepoints from the start.
fn outcomes_of(groups: Vec<Vec<Transaction>>, savepoint_groups: u32) -> (Vec<Outcome>, BTreeMap<i64, i64>) {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, touched INTEGER DEFAULT 0)").unwrap();
    let (queue, jobs) = bounded(groups.iter().map(Vec::len).max().unwrap_or(0));
    let worker = Worker {
        connection,
        jobs,
        counters: Arc::default(),
        confirmed: Arc::default(),
        flush_delay: None,
        on_step: |_| (),
        savepoint_groups: Cell::new(savepoint_groups),
    };
    let mut outcomes = Vec::new();
    for group in groups {
        let mut answers: Vec<Answered> = Vec::new();
        for transaction in group {
            let (answer, answered) = oneshot::channel();
            queue.send(Job::Commit(Commit { transaction, answer })).unwrap();
            answers.push(answered);
        }
        let Ok(Job::Commit(first)) = worker.jobs.recv() else { panic!("there is a first one") };
        assert!(worker.group(first).is_none());
        outcomes.extend(answers.into_iter().map(|mut answered| answered.try_recv().unwrap().0));
    }
    let statement = Statement::new("SELECT id, touched FROM rows", values![]);
    let rows = query(&worker.connection, &statement).unwrap();
    (outcomes, rows.iter().map(|row| (row.get("id").unwrap(), row.get("touched").unwrap())).collect())
}

/// Executes all transactions in one group.
fn outcomes(transactions: Vec<Transaction>) -> (Vec<Outcome>, Vec<i64>) {
    let (heard, rows) = outcomes_of(vec![transactions], 0);
    (heard, rows.into_keys().collect())
}

fn insert(id: i64) -> Step {
    Step::new("INSERT INTO rows (id) VALUES (?)", values![id]).on_duplicate(Refusal::AlreadyDone)
}

/// A statement that ends the whole transaction, as a full disk does.
fn fatal(id: i64) -> Step {
    Step::new("INSERT OR ROLLBACK INTO rows (id) VALUES (?)", values![id])
}

/// Rejected when the row is missing.
fn delete(id: i64) -> Step {
    Step::new("DELETE FROM rows WHERE id = ?", values![id]).expecting(1, Refusal::Conflict)
}

/// Rejected when the row exists.
fn absent(id: i64) -> Step {
    Step::new("SELECT id FROM rows WHERE id = ?", values![id]).querying().expecting(0, Refusal::Fenced)
}

/// Rejected after it has written, unless there are two rows from `id` on.
fn touch_two(id: i64) -> Step {
    Step::new("UPDATE rows SET touched = touched + 1 WHERE id >= ?", values![id]).expecting(2, Refusal::Conflict)
}

/// Model of one of these steps: the rows after it.
fn after(mut rows: BTreeMap<i64, i64>, kind: usize, id: i64) -> Result<BTreeMap<i64, i64>, StoreError> {
    match kind {
        0 if rows.insert(id, 0).is_some() => return Err(StoreError::AlreadyDone),
        1 if rows.remove(&id).is_none() => return Err(StoreError::Conflict),
        2 if rows.contains_key(&id) => return Err(StoreError::Fenced),
        3 if rows.range(id..).count() != 2 => return Err(StoreError::Conflict),
        3 => rows.range_mut(id..).for_each(|(_, touched)| *touched += 1),
        _ => {}
    }
    Ok(rows)
}

fn transaction(steps: impl Into<Vec<Step>>) -> Transaction {
    Transaction { steps: steps.into() }
}

fn is_unavailable(outcome: &Outcome) -> bool {
    matches!(outcome, Err(StoreError::Unavailable { is_outcome_unknown: false, .. }))
}

proptest! {
    /// Outcomes and rows of a group are those of its commits one after the other, whichever are rejected.
    #[test]
    fn a_group_is_one_commit_after_the_other(
        groups in vec(vec(vec((0_usize..4, 0_i64..6), 1..4), 1..8), 1..4),
        savepoint_groups in 0_u32..3,
    ) {
        let step = |&(kind, id): &(usize, i64)| [insert, delete, absent, touch_two][kind](id);
        let one = |steps: &Vec<_>| transaction(steps.iter().map(step).collect::<Vec<_>>());
        let written = groups.iter().map(|group| group.iter().map(one).collect()).collect();
        let (heard, rows) = outcomes_of(written, savepoint_groups);
        let mut expected = BTreeMap::new();
        for (steps, heard) in groups.iter().flatten().zip(heard) {
            let done = steps.iter().try_fold(expected.clone(), |rows, &(kind, id)| after(rows, kind, id));
            prop_assert_eq!(format!("{:?}", done.as_ref().map(|_| ())), format!("{:?}", heard.as_ref()));
            expected = done.unwrap_or(expected);
        }
        prop_assert_eq!(rows, expected);
    }
}

#[test]
fn a_rejection_leaves_the_other_commits_of_its_group() {
    let group = [transaction([insert(1), insert(2)]), transaction([insert(3), insert(1)]), transaction([insert(4)])];
    let (heard, rows) = outcomes(group.into());
    assert!(matches!(heard.as_slice(), [Ok(()), Err(StoreError::AlreadyDone), Ok(())]), "{heard:?}");
    assert_eq!(rows, [1, 2, 4]);
}

/// The second commit was rejected because of the row of the first, which is gone with the third.
#[test]
fn an_aborted_group_replaces_rejections() {
    for last in [transaction([fatal(1)]), transaction([insert(2), fatal(1)])] {
        let group = [transaction([insert(1)]), transaction([insert(1)]), last];
        let (heard, rows) = outcomes(group.into());
        assert!(heard.iter().all(is_unavailable), "{heard:?}");
        assert_eq!(rows, [0_i64; 0]);
    }
}

/// Without its savepoint the rows of a rejected commit cannot be undone separately.
#[test]
fn a_group_whose_savepoint_is_lost_is_aborted() {
    let release = || Step::new("RELEASE use_case", values![]);
    for lost in [transaction([insert(2), release(), insert(1)]), transaction([insert(2), release()])] {
        let (heard, rows) = outcomes_of(vec![vec![transaction([insert(1)]), lost]], 1);
        assert!(heard.iter().all(is_unavailable), "{heard:?}");
        assert!(rows.is_empty(), "{rows:?}");
    }
}

//! The lane against a model: random interleavings of reading, failing, parking, replaying and crashing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const KEYS: i64 = 4;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn fresh(lane: &mut Lane<i64>, now: i64) -> Option<i64> {
    match lane.start(at(now)) {
        Some(Start::Fresh { position, .. }) => Some(position),
        Some(Start::Parked { position, .. }) => panic!("{position} is parked"),
        None => None,
    }
}

/// TR-62: events of one key wait for each other, other keys do not.
#[test]
fn one_event_per_key_runs() {
    let mut lane = Lane::new(0);
    for (position, key) in [(1, 7), (2, 7), (3, 8)] {
        assert_eq!(lane.accept(position, key, position), None);
    }
    assert_eq!((fresh(&mut lane, 0), fresh(&mut lane, 0), fresh(&mut lane, 0)), (Some(1), Some(3), None));
    assert_eq!(lane.settle(3, 8), Ended::Open);
    assert_eq!(lane.offset(), 0, "1 is not settled");
    assert_eq!(lane.settle(1, 7), Ended::Open);
    assert_eq!((fresh(&mut lane, 0), lane.offset()), (Some(2), 1));
    assert_eq!(lane.settle(2, 7), Ended::Open);
    assert_eq!((lane.offset(), lane.open_count()), (3, 0));
    assert!(lane.keys.is_empty(), "a key with nothing left is forgotten");
}

/// TR-62: a failing event parks its key; the offset moves on, and other keys with it.
#[test]
fn a_failing_event_parks_its_key_alone() {
    let mut lane = Lane::new(0);
    for (position, key) in [(1, 7), (2, 7), (3, 8)] {
        assert_eq!(lane.accept(position, key, position), None);
    }
    assert_eq!(fresh(&mut lane, 0), Some(1));
    let written = lane.park(1, 7, Parked { attempts: 1, due_at: at(100) });
    assert_eq!(written, vec![(1, 1), (2, 2)], "both leave the memory");
    assert_eq!((lane.parked_count(), lane.offset(), lane.next_due()), (2, 2, Some(at(100))));
    assert_eq!(lane.accept(4, 7, 4), Some(4), "later ones wait behind it");
    assert_eq!(fresh(&mut lane, 99), Some(3));
    assert_eq!(lane.start(at(99)), None);
    assert_eq!(lane.start(at(100)), Some(Start::Parked { position: 1, key: 7, attempts: 1 }));
    assert_eq!(lane.start(at(100)), None, "2 waits for 1");
    assert_eq!(lane.settle(1, 7), Ended::Parked);
    assert_eq!(lane.start(at(100)), Some(Start::Parked { position: 2, key: 7, attempts: 0 }));
}

/// What one step of the property does.
#[derive(Clone, Debug)]
enum Step {
    Read { key: i64 },
    Start,
    Succeed { which: usize },
    Fail { which: usize, pause: i64 },
    Bury { which: usize },
    Replay { which: usize },
    Wait { ms: i64 },
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0_usize..8;
    let step = prop_oneof![
        6 => (0..KEYS).prop_map(|key| Step::Read { key }),
        6 => Just(Step::Start),
        4 => which.clone().prop_map(|which| Step::Succeed { which }),
        3 => (which.clone(), 0_i64..50).prop_map(|(which, pause)| Step::Fail { which, pause }),
        1 => which.clone().prop_map(|which| Step::Bury { which }),
        1 => which.prop_map(|which| Step::Replay { which }),
        3 => (0_i64..40).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..200)
}

/// The model: an outbox, the durable rows, and what was delivered, without any cleverness.
#[derive(Default)]
struct Model {
    /// position - 1 is the index, the value is the key.
    outbox: Vec<i64>,
    offset: i64,
    /// The parking place on disk: position to attempts and time.
    rows: BTreeMap<i64, Parked>,
    buried: BTreeSet<i64>,
    settled: BTreeSet<i64>,
    replayed: BTreeSet<i64>,
    running: BTreeSet<i64>,
    now: i64,
}

impl Model {
    fn key(&self, position: i64) -> i64 {
        self.outbox[usize::try_from(position - 1).unwrap()]
    }

    fn pick(set: &BTreeSet<i64>, which: usize) -> Option<i64> {
        set.iter().nth(which % set.len().max(1)).copied()
    }

    /// Nothing of the same key that comes before may be unsettled, unless an operator took it out of the order.
    fn assert_may_start(&self, position: i64) {
        let key = self.key(position);
        assert!(!self.running.iter().any(|running| self.key(*running) == key), "two events of key {key} run");
        if self.replayed.contains(&position) {
            return;
        }
        for earlier in 1..position {
            let is_over = self.settled.contains(&earlier) || self.buried.contains(&earlier);
            let is_of_order = self.key(earlier) == key && !self.replayed.contains(&earlier);
            assert!(!is_of_order || is_over, "{position} overtakes {earlier} of key {key}");
        }
    }

    /// Every event is somewhere: settled, buried, parked on disk, or after the offset.
    fn assert_nothing_lost(&self) {
        for position in 1..=self.offset {
            let is_safe = self.settled.contains(&position)
                || self.buried.contains(&position)
                || self.rows.contains_key(&position);
            assert!(is_safe, "{position} is lost below offset {}", self.offset);
        }
    }

    fn lane(&self) -> Lane<i64> {
        let mut lane = Lane::new(self.offset);
        for (position, parked) in &self.rows {
            lane.restore(*position, self.key(*position), *parked);
        }
        lane
    }

    fn apply(&mut self, lane: &mut Lane<i64>, step: Step) {
        match step {
            Step::Read { key } => self.read(lane, key),
            Step::Start => self.start(lane),
            Step::Succeed { which } => self.end(lane, which, true),
            Step::Bury { which } => self.end(lane, which, false),
            Step::Fail { which, pause } => self.fail(lane, which, pause),
            Step::Replay { which } => self.replay(lane, which),
            Step::Wait { ms } => self.now += ms,
            Step::Crash => {
                self.running.clear();
                *lane = self.lane();
            }
        }
        self.offset = self.offset.max(lane.offset());
        self.assert_nothing_lost();
        assert_eq!(lane.parked_count(), self.rows.len());
    }

    /// Reads what the lane has not seen yet, else a new event.
    fn read(&mut self, lane: &mut Lane<i64>, key: i64) {
        if usize::try_from(lane.read()).unwrap() == self.outbox.len() {
            self.outbox.push(key);
        }
        let position = lane.read() + 1;
        if self.buried.contains(&position) {
            // After a crash the consumer knows its dead letters; what was handled is delivered again.
            lane.read_up_to(position);
        } else if lane.accept(position, self.key(position), position).is_some() {
            self.rows.insert(position, Parked { attempts: 0, due_at: Timestamp::EPOCH });
        }
    }

    fn start(&mut self, lane: &mut Lane<i64>) {
        let Some(start) = lane.start(at(self.now)) else { return };
        let position = match start {
            Start::Fresh { position, .. } => position,
            Start::Parked { position, attempts, .. } => {
                let row = self.rows[&position];
                assert!(row.due_at <= at(self.now) && row.attempts == attempts);
                position
            }
        };
        self.assert_may_start(position);
        self.running.insert(position);
    }

    fn end(&mut self, lane: &mut Lane<i64>, which: usize, is_handled: bool) {
        let Some(position) = Self::pick(&self.running, which) else { return };
        self.running.remove(&position);
        let ended = lane.settle(position, self.key(position));
        assert_eq!(ended == Ended::Parked, self.rows.remove(&position).is_some());
        if is_handled {
            self.settled.insert(position);
        } else if !self.settled.contains(&position) {
            self.buried.insert(position);
        }
    }

    fn fail(&mut self, lane: &mut Lane<i64>, which: usize, pause: i64) {
        let Some(position) = Self::pick(&self.running, which) else { return };
        self.running.remove(&position);
        let attempts = self.rows.get(&position).map_or(0, |row| row.attempts) + 1;
        let parked = Parked { attempts, due_at: at(self.now + pause) };
        let written = lane.park(position, self.key(position), parked);
        for (behind, _) in written {
            self.rows.insert(behind, Parked { attempts: 0, due_at: Timestamp::EPOCH });
        }
        self.rows.insert(position, parked);
    }

    fn replay(&mut self, lane: &mut Lane<i64>, which: usize) {
        let Some(position) = Self::pick(&self.buried, which) else { return };
        self.buried.remove(&position);
        self.replayed.insert(position);
        let parked = Parked { attempts: 0, due_at: at(self.now) };
        self.rows.insert(position, parked);
        lane.restore(position, self.key(position), parked);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// TR-62, T2: whatever happens in whatever order, keys keep their order and nothing is lost.
    #[test]
    fn any_interleaving_keeps_the_order_and_loses_nothing(steps in steps()) {
        let mut model = Model::default();
        let mut lane = model.lane();
        for step in steps {
            model.apply(&mut lane, step);
        }
        // In the end everything succeeds.
        model.now += 1_000;
        let mut rounds = 0;
        while lane.read() < i64::try_from(model.outbox.len()).unwrap() || lane.open_count() + lane.parked_count() > 0 {
            if lane.read() < i64::try_from(model.outbox.len()).unwrap() {
                model.apply(&mut lane, Step::Read { key: 0 });
            }
            model.apply(&mut lane, Step::Start);
            model.apply(&mut lane, Step::Succeed { which: 0 });
            rounds += 1;
            prop_assert!(rounds < 10_000, "the lane is stuck");
        }
        prop_assert_eq!(model.settled.len() + model.buried.len(), model.outbox.len());
        prop_assert_eq!(lane.offset(), i64::try_from(model.outbox.len()).unwrap());
    }
}

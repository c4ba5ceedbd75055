//! The order against a model: random interleavings of reading, failing, blocking, replaying and crashing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const KEYS: i64 = 4;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn fresh(order: &mut KeyOrder<i64>, now: i64) -> Option<i64> {
    match order.start(at(now)) {
        Some(Start::Fresh { position, .. }) => Some(position),
        Some(Start::Blocked { position, .. }) => panic!("{position} is blocked"),
        None => None,
    }
}

/// TR-62: events of one key wait for each other, other keys do not.
#[test]
fn one_event_per_key_runs() {
    let mut order = KeyOrder::new(0);
    for (position, key) in [(1, 7), (2, 7), (3, 8)] {
        assert_eq!(order.accept(position, key, position), None);
    }
    assert_eq!((fresh(&mut order, 0), fresh(&mut order, 0), fresh(&mut order, 0)), (Some(1), Some(3), None));
    assert_eq!(order.settle(3, 8), Ended::Open);
    assert_eq!(order.offset(), 0, "1 is not settled");
    assert_eq!(order.settle(1, 7), Ended::Open);
    assert_eq!((fresh(&mut order, 0), order.offset()), (Some(2), 1));
    assert_eq!(order.settle(2, 7), Ended::Open);
    assert_eq!((order.offset(), order.open_count()), (3, 0));
    assert!(order.keys.is_empty(), "a key without events is removed");
}

/// TR-62: a failed event blocks its key. The offset and other keys advance.
#[test]
fn a_failing_event_blocks_its_key_alone() {
    let mut order = KeyOrder::new(0);
    for (position, key) in [(1, 7), (2, 7), (3, 8)] {
        assert_eq!(order.accept(position, key, position), None);
    }
    assert_eq!(fresh(&mut order, 0), Some(1));
    let written = order.block(1, 7, Blocked { attempts: 1, due_at: at(100) });
    assert_eq!(written, vec![(1, 1), (2, 2)], "both leave the memory");
    assert_eq!((order.blocked_count(), order.offset(), order.next_due()), (2, 2, Some(at(100))));
    assert_eq!(order.accept(4, 7, 4), Some(4), "later events wait behind it");
    assert_eq!(fresh(&mut order, 99), Some(3));
    assert_eq!(order.start(at(99)), None);
    assert_eq!(order.start(at(100)), Some(Start::Blocked { position: 1, key: 7, attempts: 1 }));
    assert_eq!(order.start(at(100)), None, "2 waits for 1");
    assert_eq!(order.settle(1, 7), Ended::Blocked);
    assert_eq!(order.start(at(100)), Some(Start::Blocked { position: 2, key: 7, attempts: 0 }));
}

/// One step of the property test.
#[derive(Clone, Debug)]
enum Step {
    Read { key: i64 },
    Start,
    Succeed { which: usize },
    Fail { which: usize, pause: i64 },
    DeadLetter { which: usize },
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
        1 => which.clone().prop_map(|which| Step::DeadLetter { which }),
        1 => which.prop_map(|which| Step::Replay { which }),
        3 => (0_i64..40).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..200)
}

/// The model: an outbox, the durable rows and the delivered events, in plain sets.
#[derive(Default)]
struct Model {
    /// Key of each event; the index is its position - 1.
    outbox: Vec<i64>,
    offset: i64,
    /// Rows of blocked events, by position.
    rows: BTreeMap<i64, Blocked>,
    dead_lettered: BTreeSet<i64>,
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

    /// Earlier events of the same key must be settled, except for replayed ones.
    fn assert_may_start(&self, position: i64) {
        let key = self.key(position);
        assert!(!self.running.iter().any(|running| self.key(*running) == key), "two events of key {key} run");
        if self.replayed.contains(&position) {
            return;
        }
        for earlier in 1..position {
            let is_over = self.settled.contains(&earlier) || self.dead_lettered.contains(&earlier);
            let is_of_order = self.key(earlier) == key && !self.replayed.contains(&earlier);
            assert!(!is_of_order || is_over, "{position} overtakes {earlier} of key {key}");
        }
    }

    /// Every event is settled, a dead letter, blocked, or above the offset.
    fn assert_nothing_lost(&self) {
        for position in 1..=self.offset {
            let is_safe = self.settled.contains(&position)
                || self.dead_lettered.contains(&position)
                || self.rows.contains_key(&position);
            assert!(is_safe, "{position} is lost below offset {}", self.offset);
        }
    }

    fn order(&self) -> KeyOrder<i64> {
        let mut order = KeyOrder::new(self.offset);
        for (position, blocked) in &self.rows {
            order.restore(*position, self.key(*position), *blocked);
        }
        order
    }

    fn apply(&mut self, order: &mut KeyOrder<i64>, step: Step) {
        match step {
            Step::Read { key } => self.read(order, key),
            Step::Start => self.start(order),
            Step::Succeed { which } => self.end(order, which, true),
            Step::DeadLetter { which } => self.end(order, which, false),
            Step::Fail { which, pause } => self.fail(order, which, pause),
            Step::Replay { which } => self.replay(order, which),
            Step::Wait { ms } => self.now += ms,
            Step::Crash => {
                self.running.clear();
                *order = self.order();
            }
        }
        self.offset = self.offset.max(order.offset());
        self.assert_nothing_lost();
        assert_eq!(order.blocked_count(), self.rows.len());
    }

    /// Reads the next unread event of the outbox, or appends a new one.
    fn read(&mut self, order: &mut KeyOrder<i64>, key: i64) {
        if usize::try_from(order.read()).unwrap() == self.outbox.len() {
            self.outbox.push(key);
        }
        let position = order.read() + 1;
        if self.dead_lettered.contains(&position) {
            // After a crash the consumer knows its dead letters; handled events are delivered again.
            order.read_up_to(position);
        } else if order.accept(position, self.key(position), position).is_some() {
            self.rows.insert(position, Blocked { attempts: 0, due_at: Timestamp::EPOCH });
        }
    }

    fn start(&mut self, order: &mut KeyOrder<i64>) {
        let Some(start) = order.start(at(self.now)) else { return };
        let position = match start {
            Start::Fresh { position, .. } => position,
            Start::Blocked { position, attempts, .. } => {
                let row = self.rows[&position];
                assert!(row.due_at <= at(self.now) && row.attempts == attempts);
                position
            }
        };
        self.assert_may_start(position);
        self.running.insert(position);
    }

    fn end(&mut self, order: &mut KeyOrder<i64>, which: usize, is_handled: bool) {
        let Some(position) = Self::pick(&self.running, which) else { return };
        self.running.remove(&position);
        let ended = order.settle(position, self.key(position));
        assert_eq!(ended == Ended::Blocked, self.rows.remove(&position).is_some());
        if is_handled {
            self.settled.insert(position);
        } else if !self.settled.contains(&position) {
            self.dead_lettered.insert(position);
        }
    }

    fn fail(&mut self, order: &mut KeyOrder<i64>, which: usize, pause: i64) {
        let Some(position) = Self::pick(&self.running, which) else { return };
        self.running.remove(&position);
        let attempts = self.rows.get(&position).map_or(0, |row| row.attempts) + 1;
        let blocked = Blocked { attempts, due_at: at(self.now + pause) };
        let written = order.block(position, self.key(position), blocked);
        for (behind, _) in written {
            self.rows.insert(behind, Blocked { attempts: 0, due_at: Timestamp::EPOCH });
        }
        self.rows.insert(position, blocked);
    }

    fn replay(&mut self, order: &mut KeyOrder<i64>, which: usize) {
        let Some(position) = Self::pick(&self.dead_lettered, which) else { return };
        self.dead_lettered.remove(&position);
        self.replayed.insert(position);
        let blocked = Blocked { attempts: 0, due_at: at(self.now) };
        self.rows.insert(position, blocked);
        order.restore(position, self.key(position), blocked);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// TR-62, T2: in any interleaving, keys keep their order and no event is lost.
    #[test]
    fn any_interleaving_keeps_the_order_and_loses_nothing(steps in steps()) {
        let mut model = Model::default();
        let mut order = model.order();
        for step in steps {
            model.apply(&mut order, step);
        }
        // Finally every handler succeeds.
        model.now += 1_000;
        let mut rounds = 0;
        while order.read() < i64::try_from(model.outbox.len()).unwrap() || order.open_count() + order.blocked_count() > 0 {
            if order.read() < i64::try_from(model.outbox.len()).unwrap() {
                model.apply(&mut order, Step::Read { key: 0 });
            }
            model.apply(&mut order, Step::Start);
            model.apply(&mut order, Step::Succeed { which: 0 });
            rounds += 1;
            prop_assert!(rounds < 10_000, "no progress");
        }
        prop_assert_eq!(model.settled.len() + model.dead_lettered.len(), model.outbox.len());
        prop_assert_eq!(order.offset(), i64::try_from(model.outbox.len()).unwrap());
    }
}

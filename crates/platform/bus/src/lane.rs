//! The order of deliveries from one outbox to one consumer: pure, synchronous, no IO and no clock.
//!
//! A lane decides what may start now, what has to wait, and how far the durable offset may move.
//! **Invariants**, which `tests.rs` checks against a model:
//! one event per key is running; events of a key start in the order of their positions; every event at or below
//! [`Lane::offset`] is settled or parked; nothing else is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use pulse_kernel::Timestamp;

/// A parked event: it failed, or it waits behind one of the same key that did. Its content is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When it may be tried again.
    pub(crate) due_at: Timestamp,
}

/// What may start now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start<E> {
    /// An event that was just read.
    Fresh { position: i64, key: i64, event: E },
    /// A parked event; its content has to be loaded.
    Parked { position: i64, key: i64, attempts: u32 },
}

/// Where an event came from when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// From the outbox: the offset can move on.
    Open,
    /// From the parking place: its row goes.
    Parked,
}

/// All that is known about one key: events read and not settled, events parked, and the one that is running.
#[derive(Debug, Default)]
struct Key {
    line: VecDeque<i64>,
    parked: BTreeMap<i64, Parked>,
    running: Option<i64>,
}

impl Key {
    fn is_over(&self) -> bool {
        self.line.is_empty() && self.parked.is_empty() && self.running.is_none()
    }
}

/// The state of one lane. `E` is the content of an event.
#[derive(Debug)]
pub(crate) struct Lane<E> {
    read: i64,
    /// Read, not settled, not parked; the value is the key, and the content as long as nobody needs it elsewhere.
    open: BTreeMap<i64, (i64, E)>,
    keys: HashMap<i64, Key>,
    /// Heads of lines whose key is free.
    ready: BTreeSet<i64>,
    /// Parked heads whose key is free and has no line, by the time at which they are due.
    due: BTreeSet<(Timestamp, i64, i64)>,
    /// The same for those beyond what was read, which is so after a restart: events of their key may come before them.
    ahead: BTreeSet<(i64, i64)>,
    parked_count: usize,
    is_turn_of_parked: bool,
}

impl<E: Clone> Lane<E> {
    /// A lane that goes on after `offset`.
    pub(crate) fn new(offset: i64) -> Self {
        Self {
            read: offset,
            open: BTreeMap::new(),
            keys: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            ahead: BTreeSet::new(),
            parked_count: 0,
            is_turn_of_parked: false,
        }
    }

    /// Up to where the outbox was read.
    pub(crate) fn read(&self) -> i64 {
        self.read
    }

    /// Every event up to here is settled or durably parked.
    pub(crate) fn offset(&self) -> i64 {
        self.open.first_key_value().map_or(self.read, |(position, _)| position - 1)
    }

    /// How many events are read and not settled.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// How many events are parked.
    pub(crate) fn parked_count(&self) -> usize {
        self.parked_count
    }

    /// When the next parked event is due, if its key is free.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due_at, _, _)| *due_at)
    }

    /// Whether parked events wait for the outbox to be read up to them.
    pub(crate) fn is_behind(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Everything up to `position` that was not accepted is of no interest.
    pub(crate) fn read_up_to(&mut self, position: i64) {
        self.read = self.read.max(position);
        while let Some((_, key)) = self.ahead.first().copied().filter(|(position, _)| *position <= self.read) {
            self.ahead.pop_first();
            self.list(key);
        }
    }

    /// Takes an event from the outbox. When its key is parked, the event has to be parked behind it: it is given back.
    #[must_use = "an event that is given back has to be written to the parking place"]
    pub(crate) fn accept(&mut self, position: i64, key: i64, event: E) -> Option<E> {
        debug_assert!(position > self.read, "the outbox is read forward");
        self.unlist(key);
        let entry = self.keys.entry(key).or_default();
        // After a restart its own row may be there already, or those of later events of its key.
        let is_new = !entry.parked.contains_key(&position);
        let given_back = if entry.parked.is_empty() {
            entry.line.push_back(position);
            self.open.insert(position, (key, event));
            None
        } else {
            entry.parked.entry(position).or_insert(Parked { attempts: 0, due_at: Timestamp::EPOCH });
            self.parked_count += usize::from(is_new);
            is_new.then_some(event)
        };
        self.list(key);
        self.read_up_to(position);
        given_back
    }

    /// Takes what the database says about a parked event: at the start, and when an operator changed it.
    pub(crate) fn restore(&mut self, position: i64, key: i64, parked: Parked) {
        self.unlist(key);
        let entry = self.keys.entry(key).or_default();
        if entry.parked.insert(position, parked).is_none() {
            self.parked_count += 1;
        }
        self.list(key);
    }

    /// The next event that may start at `now`. Fresh and parked ones take turns, so that neither starves the other.
    pub(crate) fn start(&mut self, now: Timestamp) -> Option<Start<E>> {
        self.is_turn_of_parked = !self.is_turn_of_parked;
        if self.is_turn_of_parked {
            self.start_parked(now).or_else(|| self.start_fresh())
        } else {
            self.start_fresh().or_else(|| self.start_parked(now))
        }
    }

    fn start_fresh(&mut self) -> Option<Start<E>> {
        let position = self.ready.first().copied()?;
        let (key, event) = self.open.get(&position).map(|(key, event)| (*key, event.clone()))?;
        self.run(key, position);
        Some(Start::Fresh { position, key, event })
    }

    fn start_parked(&mut self, now: Timestamp) -> Option<Start<E>> {
        let (_, position, key) = self.due.first().copied().filter(|(due_at, _, _)| *due_at <= now)?;
        let attempts = self.keys.get(&key)?.parked.get(&position)?.attempts;
        self.run(key, position);
        Some(Start::Parked { position, key, attempts })
    }

    /// The running event of `key` came to its end: handled, dropped or buried.
    pub(crate) fn settle(&mut self, position: i64, key: i64) -> Ended {
        self.stop(key, position);
        let ended = if self.open.remove(&position).is_some() {
            self.leave_line(key, position);
            Ended::Open
        } else {
            self.leave_parking(key, position);
            Ended::Parked
        };
        self.list(key);
        ended
    }

    /// The running event of `key` failed and is parked until it is due, and with it all that was read behind it.
    /// Answers the events that have to be written to the parking place anew.
    #[must_use = "parked events have to be written to the parking place"]
    pub(crate) fn park(&mut self, position: i64, key: i64, parked: Parked) -> Vec<(i64, E)> {
        self.stop(key, position);
        let entry = self.keys.entry(key).or_default();
        let behind = std::mem::take(&mut entry.line);
        if entry.parked.insert(position, parked).is_none() {
            self.parked_count += 1;
        }
        for waiting in &behind {
            if *waiting != position {
                entry.parked.insert(*waiting, Parked { attempts: 0, due_at: Timestamp::EPOCH });
                self.parked_count += 1;
            }
        }
        self.list(key);
        behind.into_iter().filter_map(|at| self.open.remove(&at).map(|(_, event)| (at, event))).collect()
    }

    /// Forgets parked events that are no longer in the database; those that are running end by themselves.
    pub(crate) fn retain_parked(&mut self, mut is_kept: impl FnMut(i64) -> bool) {
        let gone: Vec<(i64, i64)> = self
            .keys
            .iter()
            .flat_map(|(key, entry)| entry.parked.keys().map(|position| (*key, *position)))
            .filter(|(_, position)| !is_kept(*position))
            .collect();
        for (key, position) in gone {
            if self.keys.get(&key).is_some_and(|entry| entry.running != Some(position)) {
                self.unlist(key);
                self.leave_parking(key, position);
                self.list(key);
            }
        }
    }

    fn run(&mut self, key: i64, position: i64) {
        self.unlist(key);
        let entry = self.keys.entry(key).or_default();
        debug_assert!(entry.running.is_none(), "one event per key runs");
        entry.running = Some(position);
    }

    fn stop(&mut self, key: i64, position: i64) {
        let entry = self.keys.entry(key).or_default();
        assert_eq!(entry.running.take(), Some(position), "only a running event ends");
    }

    fn leave_line(&mut self, key: i64, position: i64) {
        if let Some(entry) = self.keys.get_mut(&key) {
            debug_assert_eq!(entry.line.front(), Some(&position), "what runs is the head of its line");
            entry.line.pop_front();
        }
    }

    fn leave_parking(&mut self, key: i64, position: i64) {
        if self.keys.get_mut(&key).is_some_and(|entry| entry.parked.remove(&position).is_some()) {
            self.parked_count -= 1;
        }
    }

    /// Puts the head of the key where `start` finds it; a key with nothing left is forgotten.
    fn list(&mut self, key: i64) {
        let Some(entry) = self.keys.get(&key) else { return };
        if entry.is_over() {
            self.keys.remove(&key);
        } else if entry.running.is_none() {
            if let Some(position) = entry.line.front() {
                self.ready.insert(*position);
            } else if let Some((position, parked)) = entry.parked.first_key_value() {
                if *position <= self.read {
                    self.due.insert((parked.due_at, *position, key));
                } else {
                    self.ahead.insert((*position, key));
                }
            }
        }
    }

    /// Takes back what [`Self::list`] did.
    fn unlist(&mut self, key: i64) {
        let Some(entry) = self.keys.get(&key) else { return };
        if let Some(position) = entry.line.front() {
            self.ready.remove(position);
        }
        if let Some((position, parked)) = entry.parked.first_key_value() {
            self.due.remove(&(parked.due_at, *position, key));
            self.ahead.remove(&(*position, key));
        }
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;

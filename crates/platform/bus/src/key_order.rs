//! The order of deliveries from one outbox to one consumer. Synchronous, without IO and without a clock.
//!
//! It decides which events may start, which have to wait, and how far the durable offset may move. An event is settled when
//! it was handled, dropped, or became a dead letter.
//!
//! **Invariants**, which `key_order_tests.rs` checks against a model: one event per key runs at a time; events of a key start
//! in the order of their positions; every event at or below [`KeyOrder::offset`] is settled or blocked.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use pulse_kernel::Timestamp;

/// A blocked event: it failed, or it waits behind a failed event of the same key. Its content is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// Number of attempts.
    pub(crate) attempts: u32,
    /// Instant of the next attempt.
    pub(crate) due_at: Timestamp,
}

/// An event that may start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start<E> {
    /// An event in memory.
    Fresh { position: i64, key: i64, event: E },
    /// A blocked event, whose content has to be loaded.
    Blocked { position: i64, key: i64, attempts: u32 },
}

/// Former state of a settled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was open: the offset may move.
    Open,
    /// It was blocked: its row has to be deleted.
    Blocked,
}

/// State of one key: its open events, its blocked events, and the running one.
#[derive(Debug, Default)]
struct Key {
    open: VecDeque<i64>,
    blocked: BTreeMap<i64, Blocked>,
    running: Option<i64>,
}

impl Key {
    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.blocked.is_empty() && self.running.is_none()
    }
}

/// The order of deliveries from one outbox. `E` is the content of an event.
#[derive(Debug)]
pub(crate) struct KeyOrder<E> {
    read: i64,
    /// Events that were read and are neither settled nor blocked, with key and content.
    open: BTreeMap<i64, (i64, E)>,
    keys: HashMap<i64, Key>,
    /// First open events of keys without a running event.
    ready: BTreeSet<i64>,
    /// First blocked events of keys without open and running events, by their due time.
    due: BTreeSet<(Timestamp, i64, i64)>,
    /// The same, for blocked events beyond the read position, as after a restart: earlier events of their key may follow.
    ahead: BTreeSet<(i64, i64)>,
    blocked_count: usize,
    is_turn_of_blocked: bool,
}

impl<E: Clone> KeyOrder<E> {
    /// An order that continues after `offset`.
    pub(crate) fn new(offset: i64) -> Self {
        Self {
            read: offset,
            open: BTreeMap::new(),
            keys: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            ahead: BTreeSet::new(),
            blocked_count: 0,
            is_turn_of_blocked: false,
        }
    }

    /// Read position in the outbox.
    pub(crate) fn read(&self) -> i64 {
        self.read
    }

    /// Durable offset: every event up to here is settled or blocked.
    pub(crate) fn offset(&self) -> i64 {
        self.open.first_key_value().map_or(self.read, |(position, _)| position - 1)
    }

    /// Number of open events: read and not settled.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Number of blocked events.
    pub(crate) fn blocked_count(&self) -> usize {
        self.blocked_count
    }

    /// Due time of the next blocked event that can start.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due_at, _, _)| *due_at)
    }

    /// Whether blocked events are beyond the read position.
    pub(crate) fn is_behind(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Skips the events up to `position` that were not accepted.
    pub(crate) fn read_up_to(&mut self, position: i64) {
        self.read = self.read.max(position);
        while let Some((_, key)) = self.ahead.first().copied().filter(|(position, _)| *position <= self.read) {
            self.ahead.pop_first();
            self.index(key);
        }
    }

    /// Accepts an event from the outbox. Returns the event when its key has blocked events: it is blocked behind them.
    #[must_use = "a returned event has to be written as blocked"]
    pub(crate) fn accept(&mut self, position: i64, key: i64, event: E) -> Option<E> {
        debug_assert!(position > self.read, "the outbox is read in ascending order");
        self.unindex(key);
        let entry = self.keys.entry(key).or_default();
        // After a restart its own row may exist, or rows of later events of its key.
        let is_new = !entry.blocked.contains_key(&position);
        let newly_blocked = if entry.blocked.is_empty() {
            entry.open.push_back(position);
            self.open.insert(position, (key, event));
            None
        } else {
            entry.blocked.entry(position).or_insert(Blocked { attempts: 0, due_at: Timestamp::EPOCH });
            self.blocked_count += usize::from(is_new);
            is_new.then_some(event)
        };
        self.index(key);
        self.read_up_to(position);
        newly_blocked
    }

    /// Sets a blocked event from its row: at the start, and after an operator changed it.
    pub(crate) fn restore(&mut self, position: i64, key: i64, blocked: Blocked) {
        self.unindex(key);
        let entry = self.keys.entry(key).or_default();
        if entry.blocked.insert(position, blocked).is_none() {
            self.blocked_count += 1;
        }
        self.index(key);
    }

    /// The next event that may start at `now`. Open and blocked events take turns, so that neither starves the other.
    pub(crate) fn start(&mut self, now: Timestamp) -> Option<Start<E>> {
        self.is_turn_of_blocked = !self.is_turn_of_blocked;
        if self.is_turn_of_blocked {
            self.start_blocked(now).or_else(|| self.start_fresh())
        } else {
            self.start_fresh().or_else(|| self.start_blocked(now))
        }
    }

    fn start_fresh(&mut self) -> Option<Start<E>> {
        let position = self.ready.first().copied()?;
        let (key, event) = self.open.get(&position).map(|(key, event)| (*key, event.clone()))?;
        self.run(key, position);
        Some(Start::Fresh { position, key, event })
    }

    fn start_blocked(&mut self, now: Timestamp) -> Option<Start<E>> {
        let (_, position, key) = self.due.first().copied().filter(|(due_at, _, _)| *due_at <= now)?;
        let attempts = self.keys.get(&key)?.blocked.get(&position)?.attempts;
        self.run(key, position);
        Some(Start::Blocked { position, key, attempts })
    }

    /// Settles the running event of `key`: it was handled, dropped, or became a dead letter.
    pub(crate) fn settle(&mut self, position: i64, key: i64) -> Ended {
        self.stop(key, position);
        let ended = if self.open.remove(&position).is_some() {
            self.remove_open(key, position);
            Ended::Open
        } else {
            self.remove_blocked(key, position);
            Ended::Blocked
        };
        self.index(key);
        ended
    }

    /// Blocks the running event of `key`, which failed, and all open events of the key behind it. Returns the events that
    /// were open.
    #[must_use = "returned events have to be written as blocked"]
    pub(crate) fn block(&mut self, position: i64, key: i64, blocked: Blocked) -> Vec<(i64, E)> {
        self.stop(key, position);
        let entry = self.keys.entry(key).or_default();
        let behind = std::mem::take(&mut entry.open);
        if entry.blocked.insert(position, blocked).is_none() {
            self.blocked_count += 1;
        }
        for waiting in &behind {
            if *waiting != position {
                entry.blocked.insert(*waiting, Blocked { attempts: 0, due_at: Timestamp::EPOCH });
                self.blocked_count += 1;
            }
        }
        self.index(key);
        behind.into_iter().filter_map(|at| self.open.remove(&at).map(|(_, event)| (at, event))).collect()
    }

    /// Removes blocked events whose row is gone. A running one stays until its handler ends.
    pub(crate) fn retain_blocked(&mut self, mut is_kept: impl FnMut(i64) -> bool) {
        let gone: Vec<(i64, i64)> = self
            .keys
            .iter()
            .flat_map(|(key, entry)| entry.blocked.keys().map(|position| (*key, *position)))
            .filter(|(_, position)| !is_kept(*position))
            .collect();
        for (key, position) in gone {
            if self.keys.get(&key).is_some_and(|entry| entry.running != Some(position)) {
                self.unindex(key);
                self.remove_blocked(key, position);
                self.index(key);
            }
        }
    }

    fn run(&mut self, key: i64, position: i64) {
        self.unindex(key);
        let entry = self.keys.entry(key).or_default();
        debug_assert!(entry.running.is_none(), "one event per key runs");
        entry.running = Some(position);
    }

    fn stop(&mut self, key: i64, position: i64) {
        let entry = self.keys.entry(key).or_default();
        assert_eq!(entry.running.take(), Some(position), "only a running event ends");
    }

    fn remove_open(&mut self, key: i64, position: i64) {
        if let Some(entry) = self.keys.get_mut(&key) {
            debug_assert_eq!(entry.open.front(), Some(&position), "the running event is the first of its key");
            entry.open.pop_front();
        }
    }

    fn remove_blocked(&mut self, key: i64, position: i64) {
        if self.keys.get_mut(&key).is_some_and(|entry| entry.blocked.remove(&position).is_some()) {
            self.blocked_count -= 1;
        }
    }

    /// Indexes the first event of the key for [`Self::start`]. Removes a key without events.
    fn index(&mut self, key: i64) {
        let Some(entry) = self.keys.get(&key) else { return };
        if entry.is_idle() {
            self.keys.remove(&key);
        } else if entry.running.is_none() {
            if let Some(position) = entry.open.front() {
                self.ready.insert(*position);
            } else if let Some((position, blocked)) = entry.blocked.first_key_value() {
                if *position <= self.read {
                    self.due.insert((blocked.due_at, *position, key));
                } else {
                    self.ahead.insert((*position, key));
                }
            }
        }
    }

    /// Undoes [`Self::index`].
    fn unindex(&mut self, key: i64) {
        let Some(entry) = self.keys.get(&key) else { return };
        if let Some(position) = entry.open.front() {
            self.ready.remove(position);
        }
        if let Some((position, blocked)) = entry.blocked.first_key_value() {
            self.due.remove(&(blocked.due_at, *position, key));
            self.ahead.remove(&(*position, key));
        }
    }
}

#[cfg(test)]
#[path = "key_order_tests.rs"]
mod tests;

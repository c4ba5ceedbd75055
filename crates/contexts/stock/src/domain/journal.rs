//! The journal: why quantities changed, and how to read it backwards.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;

use super::reservation::Key;
use super::resource::ResourceRef;

/// Why quantities changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// Units were spoken for.
    Reserve,
    /// Units left.
    Confirm,
    /// Reserved units are free again.
    Release,
    /// Reserved units are free again, because nobody confirmed in time.
    Expire,
    /// Units that had left came back.
    Return,
    /// Units arrived.
    Replenish,
    /// Somebody counted.
    Adjust,
    /// Units went to another resource.
    TransferOut,
    /// Units came from another resource.
    TransferIn,
    /// The resource was made with these.
    Open,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Of which resource.
    pub resource: ResourceRef,
    /// The version of the resource that it made; versions have no gaps.
    pub version: i64,
    /// Why.
    pub kind: MovementKind,
    /// How `on_hand` changed.
    pub on_hand_delta: i64,
    /// How `reserved` changed.
    pub reserved_delta: i64,
    /// `on_hand` after it.
    pub on_hand: i64,
    /// `reserved` after it.
    pub reserved: i64,
    /// The reservation that caused it.
    pub key: Option<Key>,
    /// Who caused it; nobody for Pulse itself.
    pub actor: Option<AccountId>,
    /// What people said about it.
    pub note: String,
    /// When.
    pub moved_at: Timestamp,
}

/// Units that a reservation held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldUnits {
    /// Whose.
    pub key: Key,
    /// How many.
    pub quantity: i64,
    /// Since when.
    pub since: Timestamp,
}

/// Finds who held units at an instant by walking the journal of a resource backwards from there.
#[derive(Debug, Default)]
pub struct Holders {
    by_key: BTreeMap<Key, HeldUnits>,
    is_complete: bool,
}

impl Holders {
    /// Takes in the next older movement.
    pub fn step_back(&mut self, movement: &Movement) {
        if let Some(key) = movement.key {
            let units = self.by_key.entry(key).or_insert(HeldUnits { key, quantity: 0, since: movement.moved_at });
            units.quantity += movement.reserved_delta;
            units.since = movement.moved_at;
        }
        // Nobody held anything before it, so nothing older matters.
        self.is_complete |= movement.reserved == movement.reserved_delta;
    }

    /// Whether older movements cannot matter any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Those who held units, largest first, at most `limit`.
    #[must_use]
    pub fn largest(self, limit: usize) -> Vec<HeldUnits> {
        let mut held: Vec<HeldUnits> = self.by_key.into_values().filter(|units| units.quantity > 0).collect();
        held.sort_by_key(|units| (std::cmp::Reverse(units.quantity), units.since, units.key));
        held.truncate(limit);
        held
    }
}

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A version is missing, or there twice.
    Gap {
        /// The version that should have come.
        expected: i64,
        /// The one that came.
        found: i64,
    },
    /// The quantities after a movement are not those before it and what moved.
    Broken {
        /// The version of the movement.
        version: i64,
    },
    /// Less than nothing was reserved.
    Negative {
        /// The version of the movement.
        version: i64,
    },
}

/// Adds a journal up, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The last version.
    pub version: i64,
    /// `on_hand` after it.
    pub on_hand: i64,
    /// `reserved` after it.
    pub reserved: i64,
    /// When it was.
    pub moved_at: Timestamp,
}

impl Replay {
    /// Takes in the next movement, and says what is wrong with it.
    #[must_use]
    pub fn step(&mut self, movement: &Movement) -> Option<Fault> {
        let before = *self;
        *self = Self {
            version: movement.version,
            on_hand: movement.on_hand,
            reserved: movement.reserved,
            moved_at: movement.moved_at,
        };
        let version = movement.version;
        if version != before.version + 1 {
            return Some(Fault::Gap { expected: before.version + 1, found: version });
        }
        if movement.on_hand != before.on_hand + movement.on_hand_delta
            || movement.reserved != before.reserved + movement.reserved_delta
        {
            return Some(Fault::Broken { version });
        }
        (movement.reserved < 0).then_some(Fault::Negative { version })
    }
}

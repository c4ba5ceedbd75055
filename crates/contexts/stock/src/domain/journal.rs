//! Journal of movements, and its evaluation: active reservations at an instant, replay of quantities.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;

use super::reservation::Key;
use super::resource::ResourceRef;

/// Reason of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// Units were reserved.
    Reserve,
    /// Units left the stock.
    Confirm,
    /// Reserved units became available.
    Release,
    /// Reserved units became available because the reservation expired.
    Expire,
    /// Units that had left the stock returned.
    Return,
    /// Units were added.
    Replenish,
    /// The quantity was corrected, for example after a stocktake.
    Adjust,
    /// Units were transferred to another resource.
    TransferOut,
    /// Units were transferred from another resource.
    TransferIn,
    /// Initial quantity of a new stock record.
    Open,
}

/// Row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The resource.
    pub resource: ResourceRef,
    /// Version of the resource after the movement. Versions have no gaps.
    pub version: i64,
    /// Reason.
    pub kind: MovementKind,
    /// Change of `on_hand`.
    pub on_hand_delta: i64,
    /// Change of `reserved`.
    pub reserved_delta: i64,
    /// `on_hand` after the movement.
    pub on_hand: i64,
    /// `reserved` after the movement.
    pub reserved: i64,
    /// Reservation that caused the movement.
    pub key: Option<Key>,
    /// Account that caused the movement; `None` for Pulse itself.
    pub actor: Option<AccountId>,
    /// Note of the account.
    pub note: String,
    /// Time of the movement; does not decrease with the version.
    pub moved_at: Timestamp,
}

/// Units of a reservation that was active at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldUnits {
    /// Key of the reservation.
    pub key: Key,
    /// Number of units.
    pub quantity: i64,
    /// Time of the first reservation of these units.
    pub since: Timestamp,
}

/// Finds the active reservations at an instant by reading the journal of a resource backwards from there.
#[derive(Debug, Default)]
pub struct Holders {
    by_key: BTreeMap<Key, HeldUnits>,
    is_complete: bool,
}

impl Holders {
    /// Processes the next older movement.
    pub fn step_back(&mut self, movement: &Movement) {
        if let Some(key) = movement.key {
            let units = self.by_key.entry(key).or_insert(HeldUnits { key, quantity: 0, since: movement.moved_at });
            units.quantity += movement.reserved_delta;
            units.since = movement.moved_at;
        }
        // Nothing was reserved before this movement, so older ones are irrelevant.
        self.is_complete |= movement.reserved == movement.reserved_delta;
    }

    /// Returns whether older movements are irrelevant.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns the reservations with the most units, at most `limit`, largest first.
    #[must_use]
    pub fn largest(self, limit: usize) -> Vec<HeldUnits> {
        let mut held: Vec<HeldUnits> = self.by_key.into_values().filter(|units| units.quantity > 0).collect();
        held.sort_by_key(|units| (std::cmp::Reverse(units.quantity), units.since, units.key));
        held.truncate(limit);
        held
    }
}

/// Inconsistency of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A version is missing or duplicate.
    Gap {
        /// Expected version.
        expected: i64,
        /// Found version.
        found: i64,
    },
    /// The quantities after a movement differ from the previous quantities plus its changes.
    Broken {
        /// Version of the movement.
        version: i64,
    },
    /// The reserved quantity is negative.
    Negative {
        /// Version of the movement.
        version: i64,
    },
}

/// Replay of a journal, oldest movement first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Version of the last movement.
    pub version: i64,
    /// `on_hand` after it.
    pub on_hand: i64,
    /// `reserved` after it.
    pub reserved: i64,
    /// Time of the last movement.
    pub moved_at: Timestamp,
}

impl Replay {
    /// Processes the next movement and returns its inconsistency, if any.
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

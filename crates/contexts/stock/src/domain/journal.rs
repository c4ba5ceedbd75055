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

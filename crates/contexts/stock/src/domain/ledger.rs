//! Resources and reservations of a batch in memory, and the changes of the batch.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};

use super::journal::{Movement, MovementKind};
use super::reservation::{Key, Reservation};
use super::resource::{Resource, ResourceRef};

/// Loaded rows of a batch and their changes. Commands are decided one after the other, each on the result of the previous
/// ones.
#[derive(Debug)]
pub struct Ledger {
    pub(super) now: Timestamp,
    resources: BTreeMap<ResourceRef, Slot<Resource>>,
    reservations: BTreeMap<Key, Slot<Reservation>>,
    movements: Vec<Movement>,
    signals: Vec<Signal>,
    timers: BTreeMap<Key, Option<Timestamp>>,
}

/// Row as it was loaded and as it is now; `None` if the row does not exist.
#[derive(Debug)]
struct Slot<T> {
    was: Option<T>,
    is: Option<T>,
}

impl<T: Clone> Slot<T> {
    fn of(row: Option<T>) -> Self {
        Self { was: row.clone(), is: row }
    }
}

/// Event of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The available quantity has fallen to the warning line.
    RanLow {
        /// Shop of the resource.
        shop: ShopId,
        /// The resource.
        resource: ResourceRef,
        /// Number of available units.
        available: i64,
        /// Warning line, in units.
        warning_line: i64,
    },
    /// A resource is available again.
    IsBack {
        /// Shop of the resource.
        shop: ShopId,
        /// The resource.
        resource: ResourceRef,
        /// Number of available units.
        available: i64,
    },
    /// A reservation has expired.
    Expired(Key),
}

/// Row before and after a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<K, T> {
    /// Key of the row.
    pub key: K,
    /// Loaded row; `None` if the batch creates it.
    pub was: Option<T>,
    /// Row to write.
    pub is: T,
}

/// Changes of a batch. Rows are in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changed resources.
    pub resources: Vec<Changed<ResourceRef, Resource>>,
    /// Changed reservations.
    pub reservations: Vec<Changed<Key, Reservation>>,
    /// New rows of the journal.
    pub movements: Vec<Movement>,
    /// Events to publish.
    pub signals: Vec<Signal>,
    /// Expiry timers to set; `None` for timers to cancel.
    pub timers: BTreeMap<Key, Option<Timestamp>>,
}

impl Changes {
    /// Returns whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.reservations.is_empty() && self.timers.is_empty()
    }
}

/// Cause of a movement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause<'a> {
    pub(super) kind: MovementKind,
    pub(super) key: Option<Key>,
    pub(super) actor: Option<AccountId>,
    pub(super) note: &'a str,
}

impl Ledger {
    /// Creates a ledger without rows. `now` is the time of the batch.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            resources: BTreeMap::new(),
            reservations: BTreeMap::new(),
            movements: Vec::new(),
            signals: Vec::new(),
            timers: BTreeMap::new(),
        }
    }

    /// Adds a loaded resource; `None` if it has no row.
    pub fn load_resource(&mut self, resource: ResourceRef, row: Option<Resource>) {
        self.resources.insert(resource, Slot::of(row));
    }

    /// Adds a loaded reservation; `None` if it has no row.
    pub fn load_reservation(&mut self, key: Key, row: Option<Reservation>) {
        self.reservations.insert(key, Slot::of(row));
    }

    /// Returns the resources that have a row now.
    pub fn resources(&self) -> impl Iterator<Item = (ResourceRef, &Resource)> {
        self.resources.iter().filter_map(|(resource, slot)| Some((*resource, slot.is.as_ref()?)))
    }

    /// Returns the current state of a resource.
    ///
    /// # Panics
    /// If the resource was not loaded.
    pub(super) fn resource(&self, resource: ResourceRef) -> Option<&Resource> {
        self.resources.get(&resource).expect("a command's resources are loaded before it").is.as_ref()
    }

    /// Returns the current state of a reservation.
    ///
    /// # Panics
    /// If the reservation was not loaded.
    pub(super) fn reservation(&self, key: Key) -> Option<&Reservation> {
        self.reservations.get(&key).expect("a command's reservation is loaded before it").is.as_ref()
    }

    /// Replaces a resource without a movement.
    pub(super) fn put_resource(&mut self, resource: ResourceRef, row: Resource) {
        self.resources.get_mut(&resource).expect("a command's resources are loaded before it").is = Some(row);
    }

    /// Adds or replaces a reservation.
    pub(super) fn put_reservation(&mut self, key: Key, row: Reservation) {
        self.reservations.get_mut(&key).expect("a command's reservation is loaded before it").is = Some(row);
    }

    /// Changes the quantities of a resource and adds the movement to the journal.
    ///
    /// # Panics
    /// If the reserved quantity would become negative, or would exceed the quantity on hand although overselling was never
    /// allowed. Such a change would violate the invariants of the ledger, and is not written.
    pub(super) fn move_units(&mut self, resource: ResourceRef, (on_hand, reserved): (i64, i64), cause: Cause<'_>) {
        let slot = self.resources.get_mut(&resource).expect("a command's resources are loaded before it");
        let row = slot.is.as_mut().expect("units of a resource without a row never move");
        let before = row.available();
        row.on_hand += on_hand;
        row.reserved += reserved;
        row.version += 1;
        row.moved_at = row.moved_at.max(self.now);
        assert!(row.reserved >= 0, "the reserved quantity of {resource:?} would be negative: {}", row.reserved);
        assert!(
            row.was_oversell_allowed || row.available() >= 0 || row.available() >= before,
            "the reserved quantity of {resource:?} would exceed the quantity on hand: {row:?}"
        );
        self.movements.push(Movement {
            resource,
            version: row.version,
            kind: cause.kind,
            on_hand_delta: on_hand,
            reserved_delta: reserved,
            on_hand: row.on_hand,
            reserved: row.reserved,
            key: cause.key,
            actor: cause.actor,
            note: cause.note.to_owned(),
            moved_at: row.moved_at,
        });
        let (shop, available, warning_line) = (row.shop, row.available(), row.rules.warning_line);
        if before > warning_line && row.is_low() {
            self.signals.push(Signal::RanLow { shop, resource, available, warning_line });
        }
        if before <= 0 && available > 0 && !row.is_halted && cause.kind != MovementKind::Open {
            self.signals.push(Signal::IsBack { shop, resource, available });
        }
    }

    /// Adds an event.
    pub(super) fn emit(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// Sets the expiry timer of a reservation.
    pub(super) fn set_timer(&mut self, key: Key, at: Timestamp) {
        self.timers.insert(key, Some(at));
    }

    /// Cancels the expiry timer of a reservation.
    pub(super) fn cancel_timer(&mut self, key: Key) {
        let is_new = self.reservations.get(&key).is_some_and(|slot| slot.was.is_none());
        if is_new && self.timers.remove(&key).is_some() {
            // The timer was set by this batch and is not stored yet.
            return;
        }
        self.timers.insert(key, None);
    }

    /// Returns the changes to write.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        Changes {
            resources: changed(self.resources).map(increment_revision).collect(),
            reservations: changed(self.reservations).collect(),
            movements: self.movements,
            signals: self.signals,
            timers: self.timers,
        }
    }
}

fn changed<K, T: PartialEq>(slots: BTreeMap<K, Slot<T>>) -> impl Iterator<Item = Changed<K, T>> {
    slots.into_iter().filter_map(|(key, slot)| match slot {
        Slot { was, is: Some(is) } if was.as_ref() != Some(&is) => Some(Changed { key, was, is }),
        Slot { .. } => None,
    })
}

fn increment_revision(mut changed: Changed<ResourceRef, Resource>) -> Changed<ResourceRef, Resource> {
    changed.is.revision += 1;
    changed
}

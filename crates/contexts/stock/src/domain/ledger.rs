//! The resources and reservations of a batch in memory, and what the batch changes about them.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};

use super::journal::{Movement, MovementKind};
use super::reservation::{Key, Reservation};
use super::resource::{Resource, ResourceRef};

/// What was loaded for a batch, and what has become of it. Commands are decided one after the other, each on what the
/// ones before have left.
#[derive(Debug)]
pub struct Ledger {
    pub(super) now: Timestamp,
    resources: BTreeMap<ResourceRef, Slot<Resource>>,
    reservations: BTreeMap<Key, Slot<Reservation>>,
    movements: Vec<Movement>,
    signals: Vec<Signal>,
    alarms: BTreeMap<Key, Option<Timestamp>>,
}

/// A row as it was loaded and as it is now; none where there is no row.
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

/// Something that others want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A resource has fallen to its warning line.
    RanLow {
        /// Whose.
        shop: ShopId,
        /// Which.
        resource: ResourceRef,
        /// What is available.
        available: i64,
        /// The line.
        warning_line: i64,
    },
    /// A resource has units again.
    IsBack {
        /// Whose.
        shop: ShopId,
        /// Which.
        resource: ResourceRef,
        /// What is available.
        available: i64,
    },
    /// Nobody confirmed a reservation in time.
    Expired(Key),
}

/// A row before and after a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<K, T> {
    /// Which.
    pub key: K,
    /// As it was loaded; none when it is made.
    pub was: Option<T>,
    /// As it is to be written.
    pub is: T,
}

/// Everything that a batch changes. Rows are in the order in which they are to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The resources.
    pub resources: Vec<Changed<ResourceRef, Resource>>,
    /// The reservations.
    pub reservations: Vec<Changed<Key, Reservation>>,
    /// The lines of the journal.
    pub movements: Vec<Movement>,
    /// What others want to know.
    pub signals: Vec<Signal>,
    /// When reservations are to be looked at again; none for not any more.
    pub alarms: BTreeMap<Key, Option<Timestamp>>,
}

impl Changes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.reservations.is_empty() && self.alarms.is_empty()
    }
}

/// Why quantities move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause<'a> {
    pub(super) kind: MovementKind,
    pub(super) key: Option<Key>,
    pub(super) actor: Option<AccountId>,
    pub(super) note: &'a str,
}

impl Ledger {
    /// An empty one; the batch happens at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            resources: BTreeMap::new(),
            reservations: BTreeMap::new(),
            movements: Vec::new(),
            signals: Vec::new(),
            alarms: BTreeMap::new(),
        }
    }

    /// Takes in a resource as it was read; none when there is no row.
    pub fn load_resource(&mut self, resource: ResourceRef, row: Option<Resource>) {
        self.resources.insert(resource, Slot::of(row));
    }

    /// Takes in a reservation as it was read; none when there is no row.
    pub fn load_reservation(&mut self, key: Key, row: Option<Reservation>) {
        self.reservations.insert(key, Slot::of(row));
    }

    /// Every resource that has a row now.
    pub fn resources(&self) -> impl Iterator<Item = (ResourceRef, &Resource)> {
        self.resources.iter().filter_map(|(resource, slot)| Some((*resource, slot.is.as_ref()?)))
    }

    /// A resource as it is now.
    ///
    /// # Panics
    /// When it was not loaded: whether there is a row is not known then.
    pub(super) fn resource(&self, resource: ResourceRef) -> Option<&Resource> {
        self.resources.get(&resource).expect("a command's resources are loaded before it").is.as_ref()
    }

    /// A reservation as it is now.
    ///
    /// # Panics
    /// When it was not loaded.
    pub(super) fn reservation(&self, key: Key) -> Option<&Reservation> {
        self.reservations.get(&key).expect("a command's reservation is loaded before it").is.as_ref()
    }

    /// Puts a resource, as it is from now on, without a movement.
    pub(super) fn put(&mut self, resource: ResourceRef, row: Resource) {
        self.resources.get_mut(&resource).expect("a command's resources are loaded before it").is = Some(row);
    }

    /// Puts a reservation as it is from now on.
    pub(super) fn keep(&mut self, key: Key, row: Reservation) {
        self.reservations.get_mut(&key).expect("a command's reservation is loaded before it").is = Some(row);
    }

    /// Moves units of a resource that has a row, and writes it into the journal.
    ///
    /// # Panics
    /// When less than nothing would be reserved, or more than there is where that was never allowed: what would break
    /// the ledger is not written, whoever asks for it.
    pub(super) fn shift(&mut self, resource: ResourceRef, (on_hand, reserved): (i64, i64), cause: Cause<'_>) {
        let slot = self.resources.get_mut(&resource).expect("a command's resources are loaded before it");
        let row = slot.is.as_mut().expect("units of a resource without a row never move");
        let before = row.available();
        row.on_hand += on_hand;
        row.reserved += reserved;
        row.version += 1;
        row.moved_at = row.moved_at.max(self.now);
        assert!(row.reserved >= 0, "less than nothing of {resource:?} would be reserved: {}", row.reserved);
        assert!(
            row.was_oversell_allowed || row.available() >= 0 || row.available() >= before,
            "more of {resource:?} would be spoken for than there is: {row:?}"
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

    /// Tells others something.
    pub(super) fn tell(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// Looks at the reservation again then.
    pub(super) fn wake(&mut self, key: Key, at: Timestamp) {
        self.alarms.insert(key, Some(at));
    }

    /// Does not look at the reservation again.
    pub(super) fn sleep(&mut self, key: Key) {
        let is_new = self.reservations.get(&key).is_some_and(|slot| slot.was.is_none());
        if is_new && self.alarms.remove(&key).is_some() {
            // It was to be set by this batch: there is nothing to take away.
            return;
        }
        self.alarms.insert(key, None);
    }

    /// What is to be written.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        Changes {
            resources: changed(self.resources).map(grow_revision).collect(),
            reservations: changed(self.reservations).collect(),
            movements: self.movements,
            signals: self.signals,
            alarms: self.alarms,
        }
    }
}

fn changed<K, T: PartialEq>(slots: BTreeMap<K, Slot<T>>) -> impl Iterator<Item = Changed<K, T>> {
    slots.into_iter().filter_map(|(key, slot)| match slot {
        Slot { was, is: Some(is) } if was.as_ref() != Some(&is) => Some(Changed { key, was, is }),
        Slot { .. } => None,
    })
}

fn grow_revision(mut changed: Changed<ResourceRef, Resource>) -> Changed<ResourceRef, Resource> {
    changed.is.revision += 1;
    changed
}

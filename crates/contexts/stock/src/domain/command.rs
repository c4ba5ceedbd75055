//! Commands of the ledger, and its replies.

use std::collections::BTreeSet;

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};

use super::reservation::{Key, Line, LineOutcome, State};
use super::resource::{Moment, Resource, ResourceRef, Rules};

/// Command to the ledger.
#[derive(Clone, Debug)]
pub struct Command {
    /// Account of the caller; `None` for Pulse itself.
    pub actor: Option<AccountId>,
    /// Requested change.
    pub verb: Verb,
}

/// Requested change.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Reserves all lines or none.
    Reserve {
        /// Key of the reservation.
        key: Key,
        /// Requested units.
        lines: Vec<Line>,
        /// Time at which the reservation expires. `None` means never.
        expires_at: Option<Timestamp>,
        /// Step of the order; at payment, lines with deduction at payment are reserved as well.
        moment: Moment,
    },
    /// Confirms a reservation: its units leave the stock.
    Confirm {
        /// Key of the reservation.
        key: Key,
        /// Lines to deduct if no reservation with the key is active. If empty, nothing is deducted then.
        lines: Vec<Line>,
    },
    /// Releases a reservation: reserved units become available, confirmed units return to the stock.
    Release {
        /// Key of the reservation.
        key: Key,
    },
    /// Expires a reservation whose time has passed.
    Expire {
        /// Key of the reservation.
        key: Key,
    },
    /// Adds units.
    Replenish(Change),
    /// Adds units, and creates the stock record with default rules if it is missing.
    ReplenishNew(Change),
    /// Corrects the quantity on hand.
    Adjust(Change),
    /// Moves available units to another resource of the shop.
    Transfer {
        /// Source, quantity and note.
        change: Change,
        /// Target.
        to: ResourceRef,
    },
    /// Creates the stock record of a resource, or changes its rules.
    Put {
        /// Owner of the resource; 0 for the platform.
        shop: ShopId,
        /// The resource.
        resource: ResourceRef,
        /// Rules of the resource.
        rules: Rules,
        /// Quantity on hand of a new record; ignored for an existing one.
        on_hand: i64,
    },
    /// Halts the sales of a resource (86), or resumes them.
    Halt {
        /// Shop of the resource.
        shop: ShopId,
        /// The resource.
        resource: ResourceRef,
        /// Whether the resource is out.
        is_out: bool,
        /// Version of the event. A version that is not newer than the last one changes nothing.
        out_version: i64,
    },
}

/// Change of the quantity on hand.
#[derive(Clone, Debug)]
pub struct Change {
    /// Shop of the resource.
    pub shop: ShopId,
    /// The resource.
    pub resource: ResourceRef,
    /// Number of units; negative for a reduction.
    pub quantity: i64,
    /// Reason, as free text.
    pub note: String,
}

impl Verb {
    /// Returns the key of the affected reservation.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Reserve { key, .. } | Self::Confirm { key, .. } | Self::Release { key } | Self::Expire { key } => {
                Some(*key)
            }
            Self::Replenish(_)
            | Self::ReplenishNew(_)
            | Self::Adjust(_)
            | Self::Transfer { .. }
            | Self::Put { .. }
            | Self::Halt { .. } => None,
        }
    }

    /// Adds the resources of the command to `into`, without those of an existing reservation.
    pub fn name_resources(&self, into: &mut BTreeSet<ResourceRef>) {
        match self {
            Self::Reserve { lines, .. } | Self::Confirm { lines, .. } => {
                into.extend(lines.iter().map(|line| line.resource));
            }
            Self::Release { .. } | Self::Expire { .. } => {}
            Self::Replenish(change) | Self::ReplenishNew(change) | Self::Adjust(change) => {
                into.insert(change.resource);
            }
            Self::Transfer { change, to } => into.extend([change.resource, *to]),
            Self::Put { resource, .. } | Self::Halt { resource, .. } => {
                into.insert(*resource);
            }
        }
    }

    /// Returns the lines of the command.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        match self {
            Self::Reserve { lines, .. } | Self::Confirm { lines, .. } => lines,
            Self::Release { .. }
            | Self::Expire { .. }
            | Self::Replenish(_)
            | Self::ReplenishNew(_)
            | Self::Adjust(_)
            | Self::Transfer { .. }
            | Self::Put { .. }
            | Self::Halt { .. } => &[],
        }
    }

    /// Returns the size of the command in lines, at least 1.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines().len().max(1)
    }
}

/// Reply of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Result of a reservation.
    Reservation(ReservationResult),
    /// Resource after the change.
    Stock(ResourceRef, Resource),
    /// Both resources after a transfer.
    Transfer([(ResourceRef, Resource); 2]),
    /// No data.
    Empty,
}

/// Result of a command on a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationResult {
    /// Key of the reservation.
    pub key: Key,
    /// State of the reservation. `None` if it was refused; a refusal is not stored.
    pub state: Option<State>,
    /// Lines with their outcomes.
    pub lines: Vec<LineOutcome>,
    /// Time at which the reservation expires. `None` means never.
    pub expires_at: Option<Timestamp>,
}

/// Reason of a refusal. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The resource has no stock record, or belongs to another shop.
    NotFound,
    /// Fewer units are available than the command removes.
    Short {
        /// Number of available units.
        available: i64,
    },
    /// The quantity would exceed [`QUANTITY_MAX`](super::resource::QUANTITY_MAX).
    TooMuch,
    /// Source and target of a transfer are the same, or belong to different shops.
    TransferInvalid,
    /// The key was used for other lines.
    KeyReused,
    /// No reservation has the key, and the command has no lines.
    ReservationNotFound,
}

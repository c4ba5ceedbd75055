//! What can be asked of the ledger, and what it answers.

use std::collections::BTreeSet;

use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};

use super::reservation::{JudgedLine, Key, Line, State};
use super::resource::{Moment, Resource, ResourceRef, Rules};

/// Somebody wants something of the ledger.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who; nobody for Pulse itself.
    pub actor: Option<AccountId>,
    /// What.
    pub verb: Verb,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Reserve every line or none.
    Reserve {
        /// For whom.
        key: Key,
        /// What.
        lines: Vec<Line>,
        /// Until when.
        expires_at: Option<Timestamp>,
        /// Whether lines that are taken at payment are reserved as well.
        moment: Moment,
    },
    /// Take out what is reserved.
    Confirm {
        /// Whose.
        key: Key,
        /// What to take when nothing is held under the key any more.
        lines: Vec<Line>,
    },
    /// Give back what is reserved or taken.
    Release {
        /// Whose.
        key: Key,
    },
    /// Give back what nobody confirmed in time.
    Expire {
        /// Whose.
        key: Key,
    },
    /// Add units.
    Replenish(Change),
    /// Adds units. A resource that is not counted is counted from now on, with default rules.
    ReplenishNew(Change),
    /// Correct what is on hand.
    Adjust(Change),
    /// Move available units to another resource of the shop.
    Transfer {
        /// From where, how many, why.
        change: Change,
        /// Where to.
        to: ResourceRef,
    },
    /// Make a resource, or give it other rules.
    Put {
        /// Whose; 0 for the platform.
        shop: ShopId,
        /// Which.
        resource: ResourceRef,
        /// How it is given out.
        rules: Rules,
        /// What is there when it is made.
        on_hand: i64,
    },
    /// It is out (86), or back.
    Halt {
        /// Whose.
        shop: ShopId,
        /// Which.
        resource: ResourceRef,
        /// Out, or back.
        is_out: bool,
        /// Older news than the last that was heard change nothing.
        out_version: i64,
    },
}

/// How many units of a resource of a shop come or go, and why.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose.
    pub shop: ShopId,
    /// Which.
    pub resource: ResourceRef,
    /// How many.
    pub quantity: i64,
    /// Why, for people.
    pub note: String,
}

impl Verb {
    /// The reservation that it is about.
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

    /// Adds the resources that it names itself; those of a reservation that exists come on top.
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

    /// The lines that it asks for.
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

    /// How much work it is, in lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines().len().max(1)
    }
}

/// What the ledger answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What is held, or why not.
    Reservation(Told),
    /// A resource after it.
    Stock(ResourceRef, Resource),
    /// Both resources after a transfer.
    Transfer([(ResourceRef, Resource); 2]),
    /// There is nothing to be said.
    Noted,
}

/// What is told about a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whose.
    pub key: Key,
    /// In which state; none when it was refused and left no trace.
    pub state: Option<State>,
    /// What is held, or why not.
    pub lines: Vec<JudgedLine>,
    /// When it expires by itself.
    pub expires_at: Option<Timestamp>,
}

/// Why the ledger says no. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nobody counts the resource, or it is of another shop.
    NotFound,
    /// Less is available than is to be taken away.
    Short {
        /// What is available.
        available: i64,
    },
    /// More than any count may be.
    TooMuch,
    /// From a resource to itself, or to another shop.
    TransferInvalid,
    /// The key holds other lines.
    KeyReused,
    /// No reservation has the key, and no lines say what to take.
    ReservationNotFound,
}

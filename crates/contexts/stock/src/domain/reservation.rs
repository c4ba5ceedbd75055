//! Reservations: units that are set aside for an owner, under a key that the owner chooses.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;

use super::resource::{LineStatus, ResourceRef};

/// Kind of the owner of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// An order.
    Order,
    /// A coupon that is being issued.
    Coupon,
    /// A flash sale.
    Sale,
    /// An external system.
    External,
}

/// Key of a reservation. Rows are changed in the order of keys, so that concurrent commits do not deadlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// ID of the owner, for example of the order.
    pub id: i64,
    /// Kind of the owner.
    pub owner: Owner,
}

/// Quantity of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The resource.
    pub resource: ResourceRef,
    /// Number of units.
    pub quantity: i64,
}

/// Line with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineOutcome {
    /// Requested units.
    pub line: Line,
    /// Outcome.
    pub status: LineStatus,
    /// Number of available units if the line was refused; otherwise 0.
    pub available: i64,
}

/// State of a reservation. A refused reservation has no row and no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The units are reserved until the reservation is confirmed, released or expired.
    Active,
    /// The units have left the stock.
    Confirmed,
    /// The units are available again. The key cannot be reserved again.
    Released,
    /// The units are available again because the reservation was not confirmed in time.
    Expired,
}

/// Reservation in any state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// State.
    pub state: State,
    /// Lines with their outcomes. The units of lines with the outcome `Ok` are reserved or deducted.
    pub lines: Vec<LineOutcome>,
    /// Time at which the reservation expires. `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Time of the first use of the key.
    pub created_at: Timestamp,
}

impl Reservation {
    /// Returns the reserved or deducted units by resource.
    #[must_use]
    pub fn units(&self) -> BTreeMap<ResourceRef, i64> {
        sum(self.lines.iter().filter(|outcome| outcome.status == LineStatus::Ok).map(|outcome| &outcome.line))
    }

    /// Returns the units by resource that are due at payment.
    #[must_use]
    pub fn at_payment(&self) -> BTreeMap<ResourceRef, i64> {
        sum(self
            .lines
            .iter()
            .filter(|outcome| outcome.status == LineStatus::DeferredToPayment)
            .map(|outcome| &outcome.line))
    }

    /// Returns whether these lines request the same units.
    #[must_use]
    pub fn is_for(&self, lines: &[Line]) -> bool {
        sum(self.lines.iter().map(|outcome| &outcome.line)) == sum(lines)
    }
}

/// Returns the demand of all lines by resource (R02).
pub fn sum<'a>(lines: impl IntoIterator<Item = &'a Line>) -> BTreeMap<ResourceRef, i64> {
    let mut demand = BTreeMap::new();
    for line in lines {
        *demand.entry(line.resource).or_insert(0) += line.quantity;
    }
    demand
}

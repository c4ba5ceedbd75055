//! Reservations: units that are held for somebody, under a key that whoever holds them has chosen.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;

use super::resource::{LineStatus, ResourceRef};

/// Who holds a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// An order.
    Order,
    /// A coupon that is being given out.
    Coupon,
    /// A sale that holds its allotment.
    Sale,
    /// Somebody outside.
    External,
}

/// Identifies a reservation. In the order in which rows are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which one of the owner's.
    pub id: i64,
    /// Who holds it.
    pub owner: Owner,
}

/// So many units of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Of which resource.
    pub resource: ResourceRef,
    /// How many.
    pub quantity: i64,
}

/// A line and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedLine {
    /// What was asked for.
    pub line: Line,
    /// What became of it.
    pub status: LineStatus,
    /// What was available when it was refused; 0 otherwise.
    pub available: i64,
}

/// In which state a reservation is. One that was refused has no row and no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Held until confirmed, released or expired.
    Active,
    /// The units have left the stock.
    Confirmed,
    /// Given back, and never to be reserved again.
    Released,
    /// Given back because nobody confirmed in time.
    Expired,
}

/// Units that are held for somebody, or were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// In which state.
    pub state: State,
    /// What is held: each line with `Ok` holds its units, or has taken them.
    pub lines: Vec<JudgedLine>,
    /// When it expires by itself.
    pub expires_at: Option<Timestamp>,
    /// When the key was first used.
    pub created_at: Timestamp,
}

impl Reservation {
    /// How many units of each resource it holds, or has taken.
    #[must_use]
    pub fn units(&self) -> BTreeMap<ResourceRef, i64> {
        sum(self.lines.iter().filter(|judged| judged.status == LineStatus::Ok).map(|judged| &judged.line))
    }

    /// How many units of each resource are still to be taken when the order is paid.
    #[must_use]
    pub fn at_payment(&self) -> BTreeMap<ResourceRef, i64> {
        sum(self
            .lines
            .iter()
            .filter(|judged| judged.status == LineStatus::DeferredToPayment)
            .map(|judged| &judged.line))
    }

    /// Whether these lines ask for the same.
    #[must_use]
    pub fn is_for(&self, lines: &[Line]) -> bool {
        sum(self.lines.iter().map(|judged| &judged.line)) == sum(lines)
    }
}

/// The demand of all lines together, by resource (R02).
pub fn sum<'a>(lines: impl IntoIterator<Item = &'a Line>) -> BTreeMap<ResourceRef, i64> {
    let mut demand = BTreeMap::new();
    for line in lines {
        *demand.entry(line.resource).or_insert(0) += line.quantity;
    }
    demand
}

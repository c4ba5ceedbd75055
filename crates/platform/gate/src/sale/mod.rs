//! The gate of a flash sale: one buyer, one admission, never more units than there are.
//!
//! A [`SaleGate`] decides in memory or in Redis; it is the fast half of an admission. The durable half is a row with a
//! unique key, written before anybody hears of the decision, and the count of units beside it is what a buyer is
//! promised. Whatever the gate knows can be lost and is loaded again from those rows.

mod memory;

use crate::Answer;

pub use memory::MemorySaleGate;

/// Somebody wants units of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which sale; positive.
    pub sale: i64,
    /// Who; positive.
    pub buyer: i64,
    /// What the admission is called when there is one; positive, never used before.
    pub admission: i64,
    /// How many units; at least 1.
    pub units: u32,
}

/// What a gate says to one buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The units are theirs.
    Admitted,
    /// They were admitted before, under this name.
    Duplicate {
        /// The first admission of the buyer.
        admission: i64,
    },
    /// Fewer units are free than were asked for.
    SoldOut,
    /// The gate does not know the sale, or is still loading it.
    NoSale,
}

/// A buyer who was admitted before the gate was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub buyer: i64,
    /// Under which name.
    pub admission: i64,
    /// How many units they have; 0 when they gave them back.
    pub units: u32,
}

/// How a sale stands at its gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Units that can still be had; below zero when more were taken away than were free.
    pub free: i64,
    /// Buyers who were admitted, those who gave their units back included.
    pub buyers: u64,
}

/// Decides who gets units of a sale. One engine keeps its numbers in this process, another in Redis.
///
/// **Laws:** each call is atomic for its sale; the units of all buyers and the free ones sum to what was opened and
/// added; a buyer has one admission for ever, until it is [revoked](SaleGate::revoke). The errors are those of the
/// engine below (`Unavailable`); the one in memory has none.
pub trait SaleGate: Send + Sync + 'static {
    /// Gives the units to the buyer, unless they were admitted before or too few are free.
    fn admit(&self, ask: Ask) -> Answer<'_, Verdict>;

    /// Undoes an admission that was never made durable: the buyer may ask again. Says whether there was one with this
    /// name.
    fn revoke(&self, ask: Ask) -> Answer<'_, bool>;

    /// Takes the units of an admission back, so that somebody else gets them; the buyer stays known. Says whether they
    /// still had them: the second time changes nothing.
    fn give_back(&self, ask: Ask) -> Answer<'_, bool>;

    /// Begins to load a sale; whatever was known of it is forgotten, and until it is opened nobody is admitted.
    fn prepare(&self, sale: i64) -> Answer<'_, ()>;

    /// Adds buyers to a sale that is being loaded.
    fn load(&self, sale: i64, known: &[Known]) -> Answer<'_, ()>;

    /// Opens a sale that was loaded, with so many free units.
    fn open(&self, sale: i64, free: u64) -> Answer<'_, ()>;

    /// Adds units to a sale that is open, or takes some away.
    fn add(&self, sale: i64, units: i64) -> Answer<'_, ()>;

    /// Forgets a sale.
    fn close(&self, sale: i64) -> Answer<'_, ()>;

    /// How a sale stands; `None` when it is not open here.
    fn standing(&self, sale: i64) -> Answer<'_, Option<Standing>>;
}

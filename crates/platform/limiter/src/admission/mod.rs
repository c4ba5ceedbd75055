//! The engine of a flash sale: one buyer, one admission, never more units than there are.
//!
//! A [`AdmissionEngine`] decides in memory or in Redis; it is the fast half of an admission. The durable half is a row with a
//! unique key, written before anybody hears of the decision, and the count of units beside it is what a buyer is
//! promised. Whatever the engine knows can be lost and is loaded again from those rows.
//!
//! In between, an admission is *unconfirmed*: decided, and perhaps not durable. The node that asked makes it durable and
//! [confirms](AdmissionEngine::confirm) it. What a dead node left is [taken over](AdmissionEngine::unconfirmed) by another one, which
//! does the same, or [revokes](AdmissionEngine::cancel) it, or [buries](AdmissionEngine::dead_letter) what fails again and again. A engine
//! within the process has nothing to take over: it dies with its admissions.

pub mod bench;
#[cfg(feature = "contract-suite")]
pub mod contract_suite;
mod memory;
mod redis;

use std::time::Duration;

use crate::Answer;

pub use self::redis::{RedisAdmissionEngine, RedisAdmissionOptions, ScriptTime, UrlError};
pub use memory::MemoryAdmissionEngine;

/// Somebody wants units of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionRequest {
    /// Which sale; positive.
    pub sale: i64,
    /// Who; positive.
    pub buyer: i64,
    /// What the admission is called when there is one; positive, never used before.
    pub admission: i64,
    /// How many units; at least 1.
    pub units: u32,
}

/// What a engine says to one buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The units are theirs.
    Admitted,
    /// They were admitted before, under this name. It may not be durable yet: the node that asked may still be at it,
    /// or have died.
    Duplicate {
        /// The first admission of the buyer.
        admission: i64,
    },
    /// Fewer units are free than were asked for.
    SoldOut,
    /// The engine does not know the sale, or is still loading it.
    NoSale,
}

/// A buyer who was admitted before the engine was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExistingAdmission {
    /// Who.
    pub buyer: i64,
    /// Under which name.
    pub admission: i64,
    /// How many units they have; 0 when they gave them back.
    pub units: u32,
}

/// The right to load a sale; a later one ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// Which sale.
    pub sale: i64,
    pub(crate) token: u64,
}

/// An admission that was taken over because nobody confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// What was admitted.
    pub request: AdmissionRequest,
    /// How often it was taken over, this time included.
    pub attempts: u32,
}

/// How a sale stands at its engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaleStats {
    /// Units that can still be had; below zero when more were taken away than were free.
    pub free: i64,
    /// Buyers who were admitted, those who gave their units back included.
    pub buyers: u64,
}

/// Decides who gets units of a sale. One engine keeps its numbers in this process, another in Redis.
///
/// **Laws:** each call is atomic for its sale; the units of all buyers and the free ones sum to what was opened and
/// added; a buyer has one admission for ever, until it is [revoked](AdmissionEngine::cancel). The errors are those of the
/// engine below (`GATE_UNAVAILABLE`); whether the call took effect is then not known. The engine in memory has none.
pub trait AdmissionEngine: Send + Sync + 'static {
    /// Whether the engine goes on without this process: then it need not be loaded when the process starts, can be lost
    /// while it runs, and can hold what a dead node left.
    fn is_external(&self) -> bool;

    /// Gives the units to the buyer, unless they were admitted before or too few are free. The same ask again gets the
    /// same answer: only an admission of another name is a duplicate.
    fn admit(&self, request: AdmissionRequest) -> Answer<'_, Verdict>;

    /// Undoes an admission that was never made durable: the buyer may ask again. Says whether there was one with this
    /// name.
    fn cancel(&self, request: AdmissionRequest) -> Answer<'_, bool>;

    /// Takes the units of an admission back, so that somebody else gets them; the buyer stays known. Says whether they
    /// still had them: the second time changes nothing.
    fn release(&self, request: AdmissionRequest) -> Answer<'_, bool>;

    /// Begins to load a sale; whatever was known of it is forgotten, and until it is opened nobody is admitted. Of
    /// several who load it only the last one to begin can open it.
    fn prepare(&self, sale: i64) -> Answer<'_, Loading>;

    /// Adds buyers to a sale that is being loaded; false when somebody else began after us, or the engine lost it.
    fn load<'a>(&'a self, loading: Loading, known: &'a [ExistingAdmission]) -> Answer<'a, bool>;

    /// Opens a sale that was loaded, with so many free units; false as for [`load`](AdmissionEngine::load).
    fn open(&self, loading: Loading, free: u64) -> Answer<'_, bool>;

    /// Adds units to a sale that is open, or takes some away.
    fn add(&self, sale: i64, units: i64) -> Answer<'_, ()>;

    /// Forgets a sale.
    fn close(&self, sale: i64) -> Answer<'_, ()>;

    /// How a sale stands; `None` when it is not open here.
    fn stats(&self, sale: i64) -> Answer<'_, Option<SaleStats>>;

    /// Says that these admissions are durable: nobody takes them over any more. Repeating it changes nothing.
    fn confirm<'a>(&'a self, sale: i64, admissions: &'a [i64]) -> Answer<'a, ()>;

    /// Takes over at most `max` admissions of which nobody said anything for `idle_for`, this node's own included. Each
    /// is given to one node only, and to another one when that says nothing for as long.
    fn claim_unconfirmed(&self, sale: i64, idle_for: Duration, max: u32) -> Answer<'_, Vec<Unconfirmed>>;

    /// Puts an admission that cannot be made durable aside for an operator, with the reason; nobody takes it over any
    /// more, and its units stay taken. Says whether it was unconfirmed.
    fn dead_letter<'a>(&'a self, sale: i64, admission: i64, error: &'a str) -> Answer<'a, bool>;

    /// Tells the metrics how the engine itself does. Call it from time to time; a engine in memory has nothing to tell.
    fn measure(&self) -> Answer<'_, ()> {
        Answer::ready(())
    }
}

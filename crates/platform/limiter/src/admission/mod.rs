//! The admission engine of flash sales: one admission per buyer, never more units than the sale has.
//!
//! An [`AdmissionEngine`] decides in memory or in Redis; it is the fast half of an admission. The durable half is a row with
//! a unique key and the count of units beside it, written before the buyer gets the response. The engine's state can be
//! lost; it is loaded again from those rows.
//!
//! Between decision and row an admission is *unconfirmed*. The node that requested it writes the row and
//! [confirms](AdmissionEngine::confirm) it. Another node [claims](AdmissionEngine::claim_unconfirmed) the unconfirmed
//! admissions of a dead node and writes them, [cancels](AdmissionEngine::cancel) them, or moves them to the
//! [dead letters](AdmissionEngine::dead_letter) after repeated failures. An engine in the process has nothing to claim: its
//! admissions end with the process.

pub mod bench;
pub mod contract_suite;
mod memory;
mod redis;

use std::time::Duration;

use crate::Answer;

pub use self::redis::{RedisAdmissionEngine, RedisAdmissionOptions, ScriptTime, UrlError};
pub use memory::MemoryAdmissionEngine;

/// A request for units of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionRequest {
    /// ID of the sale; positive.
    pub sale: i64,
    /// ID of the buyer; positive.
    pub buyer: i64,
    /// ID of the admission if the request is admitted; positive, unique.
    pub admission: i64,
    /// Number of units, at least 1.
    pub units: u32,
}

/// The decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The buyer has the units.
    Admitted,
    /// The buyer was admitted before. That admission may not be durable yet: its node may still be writing it, or have
    /// died.
    Duplicate {
        /// ID of the first admission of the buyer.
        admission: i64,
    },
    /// Fewer units are free than requested.
    SoldOut,
    /// The sale is unknown, or is still being loaded.
    NoSale,
}

/// An admission from before the engine was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExistingAdmission {
    /// ID of the buyer.
    pub buyer: i64,
    /// ID of the admission.
    pub admission: i64,
    /// Number of units; 0 after they were released.
    pub units: u32,
}

/// The right to load a sale; a later [`AdmissionEngine::prepare`] of the sale ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// ID of the sale.
    pub sale: i64,
    pub(crate) token: u64,
}

/// A claimed admission that was not confirmed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The admitted request.
    pub request: AdmissionRequest,
    /// Number of claims, including this one.
    pub attempts: u32,
}

/// Numbers of a sale in the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaleStats {
    /// Free units; negative after more units were removed than were free.
    pub free: i64,
    /// Admitted buyers, including those whose units were released.
    pub buyers: u64,
}

/// Decides about requests for units of a sale. One engine keeps its state in this process, another in Redis.
///
/// **Guarantees:** each call is atomic for its sale; the units of all buyers plus the free ones equal the opened plus the
/// added ones; a buyer has one admission until it is [cancelled](AdmissionEngine::cancel). Errors are those of the server
/// (`GATE_UNAVAILABLE`); it is then unknown whether the call took effect. The engine in memory has none.
pub trait AdmissionEngine: Send + Sync + 'static {
    /// Whether the state is outside of this process. Then it survives a restart, can be lost while the process runs, and can
    /// contain unconfirmed admissions of a dead node.
    fn is_external(&self) -> bool;

    /// Admits the buyer, unless the buyer was admitted before or too few units are free. Idempotent: only a request with
    /// another admission ID is a duplicate.
    fn admit(&self, request: AdmissionRequest) -> Answer<'_, Verdict>;

    /// Undoes an admission that did not become durable, so that the buyer may request again. Returns whether it existed.
    fn cancel(&self, request: AdmissionRequest) -> Answer<'_, bool>;

    /// Frees the units of an admission for other buyers; its buyer stays known. Returns whether the buyer still had them.
    /// Idempotent.
    fn release(&self, request: AdmissionRequest) -> Answer<'_, bool>;

    /// Starts to load a sale: clears its state; requests are rejected until it is opened. Of several concurrent loads only
    /// the last one to start can open the sale.
    fn prepare(&self, sale: i64) -> Answer<'_, Loading>;

    /// Adds buyers to a sale that is being loaded; false if a later load has started or the state was lost.
    fn load<'a>(&'a self, loading: Loading, known: &'a [ExistingAdmission]) -> Answer<'a, bool>;

    /// Opens a loaded sale with `free` units; false as for [`load`](AdmissionEngine::load).
    fn open(&self, loading: Loading, free: u64) -> Answer<'_, bool>;

    /// Adds units to an open sale; a negative number removes units.
    fn add(&self, sale: i64, units: i64) -> Answer<'_, ()>;

    /// Removes a sale.
    fn close(&self, sale: i64) -> Answer<'_, ()>;

    /// Numbers of a sale; `None` if it is not open.
    fn stats(&self, sale: i64) -> Answer<'_, Option<SaleStats>>;

    /// Marks admissions as durable, so that no node claims them. Idempotent.
    fn confirm<'a>(&'a self, sale: i64, admissions: &'a [i64]) -> Answer<'a, ()>;

    /// Claims up to `max` admissions that were not confirmed within `idle_for`, including those of this node. Each is claimed
    /// by one node; after another `idle_for` without confirmation another node may claim it.
    fn claim_unconfirmed(&self, sale: i64, idle_for: Duration, max: u32) -> Answer<'_, Vec<Unconfirmed>>;

    /// Moves an admission that cannot become durable to the dead letters, with the reason. No node claims it afterwards, and
    /// its units stay taken. Returns whether it was unconfirmed.
    fn dead_letter<'a>(&'a self, sale: i64, admission: i64, error: &'a str) -> Answer<'a, bool>;

    /// Records the metrics of the engine. Call it periodically; an engine in memory has none.
    fn measure(&self) -> Answer<'_, ()> {
        Answer::ready(())
    }
}

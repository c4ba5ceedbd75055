//! Rate limits, sliding windows and leased permits behind one port, and the [`admission`] engine of flash sales.
//!
//! A [`Limiter`] has three kinds of limits:
//! - [`Limiter::check`]: a rate, as a token bucket (GCRA) in constant memory.
//! - [`Limiter::count_window`]: a sliding window, exact to the millisecond, for duplicates and frequency caps.
//! - [`Permit::acquire`]: a maximum of concurrent holders. A permit is released when it is dropped, and expires when its
//!   holder is lost.
//!
//! **Invariants:** a rejection is a value and not an error; time is an argument; no adapter allows more than the quota,
//! under any concurrency.

pub mod admission;
mod answer;
pub mod contract_suite;
mod key;
mod memory;
mod permit;
mod quota;

use pulse_kernel::Timestamp;

pub use answer::Answer;
pub use key::Key;
pub use memory::{MemoryLimiter, MemoryLimiterOptions, WhenFull};
pub use permit::{Lease, Permit, PermitLimit};
pub use quota::{Decision, Quota};

/// Limits calls by key. An adapter keeps its counters in this process or in a shared server.
///
/// A key belongs to one quota or limit: use another domain in [`Key::of`] for another rule. A quota may change, for
/// example with the configuration; its use so far is kept.
///
/// Every method is atomic per key. Errors are those of the server (`Unavailable`); the memory adapter has none.
pub trait Limiter: Send + Sync + 'static {
    /// Takes `cost` tokens from the bucket of `key`, or none if it has fewer.
    ///
    /// The bucket holds `quota.count` tokens and refills evenly within `quota.window_ms`, so at most
    /// `count + count * t / window` tokens are taken in any time `t`.
    fn check(&self, key: Key, quota: Quota, cost: u32, now: Timestamp) -> Answer<'_, Decision>;

    /// Counts one event if fewer than `quota.count` events were counted in `(now - window, now]`.
    ///
    /// An event counts for exactly `window_ms`: with a window of 300 000 ms and a count of 1, a second event is rejected at
    /// 299 999 ms and allowed at 300 000 ms. A rejected event is not counted.
    fn count_window(&self, key: Key, quota: Quota, now: Timestamp) -> Answer<'_, Decision>;

    /// Takes one of `limit.permits` leases until `now + limit.lease`; `None` if all are taken.
    ///
    /// Callers use [`Permit::acquire`], which wraps the lease in a guard.
    fn lease(&self, key: Key, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>>;

    /// Extends the lease to `now + limit.lease`; `None` if it has expired or was released.
    fn extend(&self, lease: Lease, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>>;

    /// Releases a lease. Idempotent.
    ///
    /// Does not wait. An adapter over a network sends the release in the background; if it is lost, the lease expires.
    fn release(&self, lease: Lease);
}

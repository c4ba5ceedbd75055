//! Admission: rate limits, sliding windows and leased permits behind one port.
//!
//! Three questions are asked of a [`Limiter`]:
//! - [`Limiter::check`]: is this caller within its rate? A token bucket (GCRA), smooth and in constant memory.
//! - [`Limiter::count_window`]: did this happen too often in the last so many milliseconds? A sliding window, exact
//!   to the millisecond, for duplicates and for frequency caps.
//! - [`Permit::acquire`]: is there room for one more at the same time? A leased permit that comes back when
//!   it is dropped, and heals by itself when its holder is lost.
//!
//! **Invariants:** a refusal is an answer and not an error; time comes in as `now`; no adapter ever admits
//! more than the quota says, however many ask at once.

pub mod admission;
mod answer;
#[cfg(feature = "contract-suite")]
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

/// Who may pass, and how often. One adapter keeps its counters in this process, another in Redis.
///
/// One key belongs to one quota (or limit): use another domain in [`Key::of`] for another rule. A quota may
/// change over time, for example when the configuration is loaded again; what was used stays used.
///
/// Every method is atomic for its key. The errors are those of the engine below (`Unavailable`); the memory
/// adapter has none.
pub trait Limiter: Send + Sync + 'static {
    /// Takes `cost` tokens from the bucket of `key`, or none when there are not enough.
    ///
    /// The bucket holds `quota.count` tokens and fills evenly within `quota.window_ms`, so within any time
    /// `t` at most `count + count * t / window` tokens are given.
    fn check(&self, key: Key, quota: Quota, cost: u32, now: Timestamp) -> Answer<'_, Decision>;

    /// Counts one event when fewer than `quota.count` were counted in `(now - window, now]`.
    ///
    /// An event counts for exactly `window_ms`: with a window of 300 000 ms the second one is refused at
    /// 299 999 ms and passes at 300 000 ms. A refused event is not counted.
    fn count_window(&self, key: Key, quota: Quota, now: Timestamp) -> Answer<'_, Decision>;

    /// One of `limit.permits` leases, until `now + limit.lease`; `None` when all are out.
    ///
    /// [`Permit::acquire`] wraps the lease into a guard and is what callers use.
    fn lease(&self, key: Key, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>>;

    /// The same lease until `now + limit.lease`; `None` when it has run out or was returned.
    fn extend(&self, lease: Lease, limit: PermitLimit, now: Timestamp) -> Answer<'_, Option<Lease>>;

    /// Gives a lease back; repeating it changes nothing.
    ///
    /// Returns at once. An adapter over a network sends it in the background; when that is lost, the lease
    /// ends by itself.
    fn release(&self, lease: Lease);
}

//! One cache policy: coalescing, jitter, null guard, stale-while-revalidate, write lease.
//!
//! - [`Cache::get_or_load`] is the cache-aside read: many simultaneous misses of a key make one load, and all
//!   of them get its answer. [`ReadThrough`] is the same with the loader built in.
//! - [`Cache::invalidate`] after a commit is the cache-aside write; [`Cache::write`] writes through.
//! - [`KeyFilter`] stops questions for keys that cannot exist.
//! - [`WriteBehind`] collects counters that may lose their last moments, such as likes.
//!
//! **Invariants:** the truth is in the store, and a cache may be lost at any time. A load that was under way
//! when its key was invalidated is never stored, so the race "reader loads old, writer updates and deletes,
//! reader sets old" cannot happen. No value is served later than `ttl + stale_while_revalidate` after its load
//! began, unless the clock of the machine is set back.

mod cache;
#[cfg(feature = "contract-suite")]
pub mod contract_suite;
mod entry;
mod failure;
mod flight;
mod key_filter;
mod policy;
mod read_through;
mod shared;
mod stats;
mod under_way;
mod write_behind;

pub use cache::Cache;
pub use key_filter::KeyFilter;
pub use policy::CachePolicy;
pub use read_through::ReadThrough;
pub use stats::CacheStats;
pub use write_behind::{Batch, WriteBehind, WriteBehindPolicy};

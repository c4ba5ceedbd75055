//! One cache policy: single flight, jitter, cached absence, stale-while-revalidate, guarded writes.
//!
//! - [`Cache::get_or_load`] is the cache-aside read (PL-30): concurrent misses of a key share one load. [`ReadThrough`]
//!   (PL-31) has the loader built in.
//! - [`Cache::invalidate`] after a commit is the cache-aside write. [`Cache::write`] writes through.
//! - [`KeyFilter`] (DL-16) rejects reads of keys that cannot exist.
//! - [`WriteBehind`] (PL-32) collects additions to counters, such as likes, that may lose their last moments.
//!
//! **Invariants:** the store is the source of truth, and a cache may be lost at any time. The result of a load that was
//! running when its key was invalidated is never stored, which excludes the race "reader loads old value, writer commits and
//! deletes the entry, reader stores old value". No value is served later than `ttl + stale_while_revalidate` after the start
//! of its load, unless the clock of the machine is set back.

mod cache;
pub mod contract_suite;
mod entry;
mod failure;
mod key_filter;
mod policy;
mod read_through;
mod shared;
mod single_flight;
mod stats;
mod write_behind;

pub use cache::Cache;
pub use key_filter::KeyFilter;
pub use policy::CachePolicy;
pub use read_through::ReadThrough;
pub use stats::CacheStats;
pub use write_behind::{Batch, WriteBehind, WriteBehindPolicy};

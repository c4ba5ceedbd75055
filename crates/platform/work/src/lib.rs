//! Background work: the four patterns that every context needs.
//!
//! | Pattern | Use it for |
//! |---|---|
//! | [`Batcher`] | Many callers, one task: queued jobs are executed in groups, each caller gets the outcome of its own job |
//! | [`Sweep`], [`TimerSweep`] | Work that repeats: in this process, or on one node of several by a timer of the store |
//! | [`Watch`] | Callers that wait for a change of a key: notified in this process, polling for changes of other nodes |
//! | [`Audit`] | Checks of invariants on rows, page by page, while others change them |
//!
//! **Invariants:** every job is executed in the order of submission and every caller is answered exactly once, also when
//! its group fails, panics or is cut short; every queue and every registry has a maximum, above which the caller gets an
//! error; a subscriber misses no notification between reading the rows and waiting.

mod audit;
mod batcher;
mod group;
mod sweep;
mod timer_sweep;
mod watch;

pub use audit::{Audit, Pages, READINGS_MAX, read_stable};
pub use batcher::{Answer, Batcher, BatcherOptions, Linger, Worker};
pub use group::{Executor, Group, OnFailure};
pub use sweep::{Next, Step, Sweep};
pub use timer_sweep::{SweepPage, TimerSweep};
pub use watch::{Subscription, Watch};

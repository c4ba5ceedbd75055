//! SQL by URL: load, decide, commit.
//!
//! A [`Database`] is an engine: SQLite with one writer that commits in groups, PostgreSQL, or MariaDB. A [`Store`] is
//! one context's view of it: its tables start with the context's name. Reads are [`Statement`]s; a write is a
//! [`Commit`], a value that says everything that happens together: rows, events, timers, the idempotency answer, the
//! inbox entry, the fence.
//!
//! **Invariants:** one commit is one transaction of one context. A commit that was answered survives the end of the
//! process. Readers of the outbox never see an event with a smaller `seq` after one with a larger.
//! No driver's type leaves this crate.

mod answers;
pub mod bench;
mod commit;
mod database;
mod error;
mod leases;
mod migrations;
mod outbox;
mod pace;
mod sealed;
mod server;
mod sql;
mod sqlite;
mod store;
mod timers;
mod transaction;

pub use answers::{INBOX_RETENTION, SWEEP_PAUSE};
pub use commit::{Commit, Timer};
pub use database::{Database, Options};
pub use error::StoreError;
pub use leases::{Lease, NodeLease};
pub use migrations::Migration;
pub use outbox::StoredEvent;
pub use pace::Pace;
pub use sql::{FromRow, FromValue, Insert, LIST_MAX, Row, Statement, ToRow, Type, Typed, Value};
pub use sqlite::{WriterStats, WriterStep};
pub use store::{ATTEMPTS_MAX, Store};
pub use timers::{DueTimer, FIRING_MAX, HandlesTimer, TimerPump};

//! SQL by URL: load, decide, commit.
//!
//! A [`Database`] is SQLite with one writer that commits in groups, PostgreSQL, or MariaDB. A [`Store`] is the view of one
//! context: the names of its tables start with the name of the context. Reads are [`Statement`]s. A write is a
//! [`Commit`], a value that lists everything that happens together: rows, events, timers, the idempotency answer, the
//! inbox entry, the fence.
//!
//! **Invariants:** one commit is one transaction of one context. A commit that was confirmed survives the end of the
//! process. Readers of the outbox never see an event with a smaller `seq` after one with a larger `seq`.
//! No type of a driver leaves this crate.

pub mod bench;
mod commit;
mod database;
mod encrypted_response;
mod error;
mod idempotency;
mod leases;
mod metrics;
mod migrations;
mod options;
mod outbox;
mod server;
mod sql;
mod sqlite;
mod store;
mod throttle;
mod timers;
mod transaction;

pub use commit::{Commit, Timer};
pub use database::Database;
pub use error::StoreError;
pub use leases::{Lease, NodeLease};
pub use migrations::Migration;
pub use options::Options;
pub use outbox::StoredEvent;
pub use sql::{FromRow, FromValue, Insert, LIST_MAX, Row, Statement, ToRow, Type, Typed, Value};
pub use sqlite::{WriterStats, WriterStep};
pub use store::{ATTEMPTS_MAX, Store};
pub use throttle::Throttle;
pub use timers::{DueTimer, FIRING_MAX, HandlesTimer, TimerPump};

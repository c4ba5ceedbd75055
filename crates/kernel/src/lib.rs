//! Common types without IO: typed IDs, money, time, errors and the context of a request.
//!
//! All other crates depend on these types. They open no file, no socket and no thread.
//! **Invariant:** only [`clock::SystemClock`] reads the system clock, and random numbers are arguments.

pub mod clock;
pub mod cx;
pub mod error;
pub mod finding;
pub mod id;
pub mod locale;
pub mod money;
pub mod snowflake;
pub mod text;

pub use clock::{Clock, Timestamp};
pub use cx::{Actor, Cx, Idempotency, Principal, Role, TraceContext};
pub use error::{Error, ErrorSpec, Kind, Retry, Violation};
pub use finding::{Finding, Verified};
pub use locale::Locale;
pub use money::{Currency, Money};
pub use snowflake::IdGenerator;

/// Result of a fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

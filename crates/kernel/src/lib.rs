//! Words without IO: typed ids, money, time, errors and the context of a request.
//!
//! Every other crate speaks in these words, and none of them opens a file, a socket or a thread.
//! **Invariant:** nothing here reads the machine's clock except [`clock::SystemClock`], and nothing here
//! draws random numbers except through a value that was handed in.

pub mod clock;
pub mod cx;
pub mod error;
pub mod finding;
pub mod id;
pub mod locale;
pub mod money;
pub mod snowflake;

pub use clock::{Clock, Timestamp};
pub use cx::{Actor, Cx, Idempotency, Principal, Role, TraceContext};
pub use error::{Error, ErrorSpec, Kind, Retry, Violation};
pub use finding::{Finding, Verified};
pub use locale::Locale;
pub use money::{Currency, Money};
pub use snowflake::IdGenerator;

/// What a fallible operation of Pulse returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

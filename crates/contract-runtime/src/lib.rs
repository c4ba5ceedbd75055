//! What the generated contract of every context needs: JSON, rules, idempotency, routes, gRPC, the shared messages of
//! `proto/pulse`, and the error codes of all contexts.
//!
//! Contexts use it through `pulse-contract`. Generated code calls it `pulse_contract`, whichever crate it is in.
//!
//! **Invariant:** a local and a remote client give the same answer and the same coded error.

extern crate self as pulse_contract;

pub mod event;
pub mod grpc;
pub mod idempotency;
pub mod json;
pub mod method;
mod number;
pub mod page;
pub mod route;
pub mod served;
pub mod text;
pub mod timestamp;
pub mod validate;
pub mod wire_enum;

pub use event::Event;
pub use idempotency::{Begin, Call, IdempotencyStore, InFlightGuard};
pub use json::Json;
pub use method::{Caller, MethodSpec, Policy, Rate, RatePer};
pub use route::{Handler, RestReply, RestRequest, Route};
pub use served::Served;
pub use timestamp::Timestamp;
pub use validate::Validate;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));

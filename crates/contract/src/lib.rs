//! Everything that is generated from `proto/`, and the small runtime that it needs.
//!
//! Per service of the contract there is a trait (`AccountApi`), a client that calls an instance in this process or a
//! remote node (`AccountClient`), a service that saves and replays answers (`AccountService`), a gRPC server
//! (`AccountGrpc`) and the REST routes (`account_routes`). Adding an rpc means adding it to a `.proto`.
//!
//! **Invariant:** a local and a remote client give the same answer and the same coded error.

extern crate self as pulse_contract;

pub mod answers;
pub mod event;
pub mod grpc;
pub mod json;
pub mod method;
pub mod page;
pub mod route;
pub mod text;
pub mod timestamp;
pub mod validate;

pub use answers::{Answers, Begun, Call, InFlightGuard};
pub use event::Event;
pub use json::Json;
pub use method::{Caller, MethodSpec, Policy, Rate, RatePer};
pub use route::{Handler, RestReply, RestRequest, Route};
pub use timestamp::Timestamp;
pub use validate::Validate;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));

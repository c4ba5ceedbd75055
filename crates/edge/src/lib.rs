//! The edge: the only crate that knows HTTP.
//!
//! It serves the REST routes of the contract, the same rpcs over gRPC and gRPC-web, and a few pages, all on one port.
//! Who may call, how often and how long a call may take comes from the contract; nothing here is written per route.
//!
//! A request goes through [`mod@serve`]: origin (address, trace, id), addresses that may not call, places (shedding),
//! then the doorkeeper (`pipeline`): token, role, rate limits, idempotency key; only then is its body read.
//!
//! **Invariants:** whatever bytes arrive, the answer is never our own failure; a panic ends one request and not the
//! process; no answer tells what is inside; per-route work is done when the edge is built, not per request.

mod body;
pub mod config;
mod core;
mod edge;
mod grpc;
mod pages;
mod pipeline;
mod problem;
mod rest;
mod routes;
mod serve;
mod server;
mod sse;

pub use config::EdgeConfig;
pub use edge::{Deps, Edge, EdgeBuilder, EdgeError};
pub use pages::failed_page;
pub use routes::RouteError;
pub use server::Server;

//! The edge: HTTP, for REST, gRPC and pages on one port. No other context or platform crate knows HTTP.
//!
//! It serves the REST routes of the contract, the same rpcs over gRPC and gRPC-web, and a few pages. Callers, rate limits
//! and deadlines come from the contract; no code here is written per route.
//!
//! A request passes [`mod@serve`]: client (address, trace, id), address lists, concurrency limits; then the request guard
//! (`pipeline::guard`): token, policy, rate limits, idempotency key; only then its body is read.
//!
//! Modules, lowest first: `config`, `pipeline`, `body`, `problem`, `shared` (state of every request), `rest` / `grpc` /
//! `pages` (one kind of target each), `table` (routes to targets), `serve`, `server`, `edge` (builder).
//!
//! **Invariants:** no request can cause a server error by its bytes; a panic fails one request and not the process; no
//! response contains internals; work per route is done when the edge is built and not per request.

mod body;
pub mod config;
mod edge;
mod grpc;
mod grpc_stream;
mod pages;
mod pipeline;
mod problem;
mod reflection;
mod rest;
mod routes;
mod serve;
mod server;
mod shared;
mod sse;
mod table;
mod unreadable;

pub use config::EdgeConfig;
pub use edge::{Deps, Edge, EdgeBuilder, EdgeError};
pub use pages::failed_page;
pub use pipeline::token::CurrentPrincipal;
pub use routes::RouteError;
pub use server::Server;

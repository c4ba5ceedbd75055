//! The checks that every call passes before its use case, shared by REST and gRPC.
//!
//! Order: concurrency limits, rate limit of the node, token, policy (callers, rate limits), idempotency key. The body of
//! the request is read only after all of them. [`guard::RequestGuard`] runs the checks.

pub(crate) mod body;
pub(crate) mod capacity;
pub(crate) mod client;
pub(crate) mod compress;
pub(crate) mod cors;
pub(crate) mod deadline;
pub(crate) mod detached;
pub(crate) mod guard;
pub(crate) mod host;
pub(crate) mod meter;
pub(crate) mod rate_limits;
pub(crate) mod rpc;
pub(crate) mod token;

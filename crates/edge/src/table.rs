//! The routing table: what a request leads to, and the shared state beside it.

use std::sync::Arc;

use bytes::Bytes;

use crate::grpc::Services;
use crate::pages::{Page, Pages};
use crate::rest::Endpoint;
use crate::routes::Routes;
use crate::shared::Shared;

/// Routes, gRPC services and pages of an edge.
pub(crate) struct Table {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: Routes<Target>,
    pub(crate) services: Services,
    pub(crate) pages: Pages,
}

/// Target of a route.
pub(crate) enum Target {
    /// An rpc of the contract.
    Call(Box<Endpoint>),
    /// A page of the edge.
    Page(Page),
    /// A constant response that bypasses the pipeline.
    Constant(Bytes),
}

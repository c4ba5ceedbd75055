//! A service that is ready to be served: its REST routes and its gRPC server, as one value.

use std::sync::Arc;

use tonic::service::Routes;

use crate::grpc::Admission;
use crate::route::Route;

type AddGrpc = Arc<dyn Fn(Routes, Arc<dyn Admission>) -> Routes + Send + Sync>;

/// The REST routes and the gRPC server of one service. Generated clients make it: `OrderClient::served`.
#[derive(Clone)]
pub struct Served {
    routes: Vec<Route>,
    add_grpc: AddGrpc,
}

impl Served {
    /// Combines the routes of a service with the function that adds its gRPC server.
    #[must_use]
    pub fn new(
        routes: Vec<Route>,
        add_grpc: impl Fn(Routes, Arc<dyn Admission>) -> Routes + Send + Sync + 'static,
    ) -> Self {
        Self { routes, add_grpc: Arc::new(add_grpc) }
    }

    /// The REST routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Adds the gRPC server to `services`; `admission` decides which calls it accepts.
    #[must_use]
    pub fn add_grpc(&self, services: Routes, admission: Arc<dyn Admission>) -> Routes {
        (self.add_grpc)(services, admission)
    }
}

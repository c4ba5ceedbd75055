//! Builds an edge from its configuration, routes, services and pages.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::Request;
use pulse_contract::grpc::Admission;
use pulse_contract::{Route, Served};
use pulse_kernel::Clock;
use pulse_limiter::{Limiter, Quota};
use pulse_telemetry::Sampling;
use pulse_token::KeyRing;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes as Services;
use tower::Service;

use crate::config::EdgeConfig;
use crate::grpc::{self, GrpcAdmission};
use crate::pages::{self, IsReady, PAGES, Pages};
use crate::pipeline::capacity::{AnonymousStreams, ConcurrencyLimit};
use crate::pipeline::cors::Cors;
use crate::pipeline::guard::RequestGuard;
use crate::pipeline::meter::{self, Meter};
use crate::pipeline::rpc::Rpc;
use crate::pipeline::token::{CurrentPrincipal, Tokens};
use crate::problem::ErrorLinks;
use crate::reflection::Reflection;
use crate::rest::Endpoint;
use crate::routes::{RouteError, Routes};
use crate::server::{Server, listen};
use crate::shared::{Meters, Rpcs, Shared};
use crate::table::{Table, Target};

/// An edge cannot be built.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// Two routes conflict, or one cannot be served.
    #[error("a route cannot be served")]
    Route(#[from] RouteError),
    /// A configuration value is not valid.
    #[error("edge.{0}")]
    Config(String),
    /// The descriptors of the contract cannot be read.
    #[error("the descriptors of the services are not valid")]
    Reflection(#[from] prost::DecodeError),
}

/// The services that an edge uses for each call.
pub struct Deps {
    /// Clock of the node.
    pub clock: Clock,
    /// Counts calls against the rate limits.
    pub limiter: Arc<dyn Limiter>,
    /// Verifies access tokens.
    pub keys: KeyRing,
    /// Replaces the principal of a token by its current state, or rejects a revoked session.
    pub current_principal: CurrentPrincipal,
}

/// A complete edge without an address.
pub struct Edge {
    table: Arc<Table>,
    health: tonic_health::server::HealthReporter,
}

/// Builder of an edge.
///
/// The metrics recorder must be installed before: the metrics of every route are registered here.
pub struct EdgeBuilder {
    config: EdgeConfig,
    clock: Clock,
    sampling: Sampling,
    guard: RequestGuard,
    rpcs: Rpcs,
    routes: Vec<Route>,
    constants: Vec<(&'static str, &'static str, Bytes)>,
    services: Services,
    descriptors: Vec<&'static [u8]>,
    pages: Pages,
}

impl Edge {
    /// A builder without routes.
    #[must_use]
    pub fn builder(config: EdgeConfig, deps: Deps) -> EdgeBuilder {
        let capacity = &config.capacity;
        let per_second = capacity.calls_per_second_max;
        let guard = RequestGuard {
            tokens: Tokens::new(deps.keys, deps.current_principal, capacity.token_cache_max),
            limiter: deps.limiter,
            access: config.access.clone(),
            calls: ConcurrencyLimit::new(capacity.calls_max),
            streams: ConcurrencyLimit::new(capacity.streams_max),
            anonymous_streams: AnonymousStreams::default(),
            node_rate: (per_second > 0).then_some(Quota::new(per_second, 1_000)),
            is_idempotency_key_required: config.is_idempotency_key_required,
        };
        EdgeBuilder {
            rpcs: Rpcs::new(config.capacity.clone()),
            config,
            clock: deps.clock,
            sampling: Sampling::default(),
            guard,
            routes: Vec::new(),
            constants: Vec::new(),
            services: Services::default(),
            descriptors: Vec::new(),
            pages: Pages {
                is_ready: Box::new(|| true),
                openapi: Bytes::from_static(b"{}"),
                openapi_document: OnceLock::new(),
                public: Router::new(),
                operators: Router::new(),
            },
        }
    }

    /// Binds an address; with port 0 the system assigns one.
    ///
    /// # Errors
    /// When the address is not available.
    pub fn bind(self, address: SocketAddr) -> io::Result<Server> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        Ok(Server { table: self.table, health: self.health, listener, address })
    }
}

impl EdgeBuilder {
    /// Adds the REST routes and the gRPC server of a service.
    #[must_use]
    pub fn service(mut self, service: &Served) -> Self {
        self.services = service.add_grpc(self.services, Arc::new(GrpcAdmission));
        self.routes(service.routes().iter().cloned())
    }

    /// Adds REST routes of the contract.
    #[must_use]
    pub fn routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.routes.extend(routes);
        self
    }

    /// The admission with which the gRPC services of the contract are created.
    #[must_use]
    pub fn admission(&self) -> Arc<dyn Admission> {
        Arc::new(GrpcAdmission)
    }

    /// Adds a gRPC service that was created with [`EdgeBuilder::admission`].
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.services = self.services.add_service(service);
        self
    }

    /// Adds descriptors for gRPC reflection: an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn descriptors(mut self, descriptors: &'static [u8]) -> Self {
        self.descriptors.push(descriptors);
        self
    }

    /// Sets the document that is served at `/openapi.json`.
    #[must_use]
    pub fn openapi(mut self, document: impl Into<Bytes>) -> Self {
        self.pages.openapi = document.into();
        self
    }

    /// Sets which requests are traced. Default: one of a hundred, and those whose caller samples them.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the readiness check. Default: ready from the start until the node drains.
    #[must_use]
    pub fn readiness(mut self, is_ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let is_ready: IsReady = Box::new(is_ready);
        self.pages.is_ready = is_ready;
        self
    }

    /// Mounts pages for everybody. Routes of the contract and pages of the edge have priority.
    #[must_use]
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages.public = self.pages.public.merge(pages);
        self
    }

    /// Mounts pages for operators; their paths begin with `/admin/`.
    #[must_use]
    pub fn operator_pages(mut self, pages: Router) -> Self {
        self.pages.operators = self.pages.operators.merge(pages);
        self
    }

    /// Adds a constant response that bypasses the pipeline: the reference for the overhead of the edge.
    #[must_use]
    pub fn constant(mut self, verb: &'static str, path: &'static str, bytes: impl Into<Bytes>) -> Self {
        self.constants.push((verb, path, bytes.into()));
        self
    }

    /// Builds the edge.
    ///
    /// # Errors
    /// When a configuration value or a route is not valid, routes conflict, or descriptors cannot be read.
    pub fn build(self) -> Result<Edge, EdgeError> {
        self.config.check().map_err(EdgeError::Config)?;
        meter::describe();
        for spec in pulse_contract::METHODS {
            self.rpcs.of(spec);
        }
        let routes = table_of(self.routes, self.constants, &self.rpcs)?;
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut services = self.services.add_service(health_service);
        if !self.descriptors.is_empty() {
            let reflection = Reflection::new(&self.descriptors)?;
            services = services.add_service(reflection.v1()).add_service(reflection.v1alpha());
        }
        let pages = Pages {
            public: pages::with_misses(self.pages.public),
            operators: pages::with_misses(self.pages.operators),
            ..self.pages
        };
        let shared = Shared {
            cors: Cors::new(&self.config.cors),
            error_links: ErrorLinks::new(&self.config.public_url),
            config: self.config,
            clock: self.clock,
            sampling: self.sampling,
            guard: self.guard,
            rpcs: self.rpcs,
            meters: Meters::new(),
            draining: CancellationToken::new(),
        };
        let table = Table { shared: Arc::new(shared), routes, services: grpc::serve(services), pages };
        Ok(Edge { table: Arc::new(table), health })
    }
}

/// The routes of the contract, the constants and the pages.
fn table_of(
    routes: Vec<Route>,
    constants: Vec<(&'static str, &'static str, Bytes)>,
    rpcs: &Rpcs,
) -> Result<Routes<Target>, RouteError> {
    let mut table = Routes::default();
    for route in routes {
        let rpc: Arc<Rpc> = rpcs.of(route.spec);
        let meter = Meter::new(format!("{} {}", route.verb, route.template));
        if route.is_stream {
            rpc.mark_as_stream();
        }
        if route.verb == "GET" {
            rpc.mark_as_read();
        }
        let (verb, path) = (route.verb, route.path);
        table.insert(verb, &path, Target::Call(Box::new(Endpoint { route, rpc, meter })))?;
    }
    for (verb, path, bytes) in constants {
        table.insert_page(verb, path, Target::Constant(bytes))?;
    }
    for (path, page) in PAGES {
        table.insert_page("GET", path, Target::Page(page))?;
    }
    Ok(table)
}

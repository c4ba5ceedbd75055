//! How an edge is put together.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::Request;
use pulse_contract::Route;
use pulse_contract::grpc::Admission;
use pulse_kernel::{Clock, Principal};
use pulse_limiter::{Limiter, Quota};
use pulse_telemetry::Sampling;
use pulse_token::KeyRing;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes as Services;
use tower::Service;

use crate::config::EdgeConfig;
use crate::core::{Core, Meters, Rpcs, Target};
use crate::grpc::{self, GrpcAdmission};
use crate::pages::{self, IsReady, PAGES, Pages};
use crate::pipeline::capacity::{Guests, Room};
use crate::pipeline::cors::Cors;
use crate::pipeline::meter::{self, Meter};
use crate::pipeline::token::Tokens;
use crate::pipeline::{Doorkeeper, Rpc};
use crate::rest::Endpoint;
use crate::routes::{RouteError, Routes};
use crate::server::{Server, listen};

/// Why an edge cannot be built.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// The routes contradict each other.
    #[error("the routes cannot be served")]
    Route(#[from] RouteError),
    /// The configuration contradicts itself.
    #[error("the configuration of the edge cannot be used: {0}")]
    Config(&'static str),
    /// The descriptors of the contract cannot be read.
    #[error("the services cannot be described")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What an edge asks for every call.
pub struct Deps {
    /// What time it is.
    pub clock: Clock,
    /// Counts calls against rate limits.
    pub limiter: Arc<dyn Limiter>,
    /// Verifies tokens.
    pub keys: KeyRing,
    /// Whether the principal's session was ended before its token expires. Asked for every call that carries a
    /// token, so it must answer from memory.
    pub is_revoked: Box<dyn Fn(&Principal) -> bool + Send + Sync>,
}

/// An edge that is complete and has no address yet.
pub struct Edge {
    core: Arc<Core>,
    health: tonic_health::server::HealthReporter,
}

/// Puts an edge together.
///
/// The metrics recorder must be installed before, since the numbers of every route are registered here.
pub struct EdgeBuilder {
    config: EdgeConfig,
    clock: Clock,
    sampling: Sampling,
    door: Arc<Doorkeeper>,
    rpcs: Arc<Rpcs>,
    routes: Vec<Route>,
    raw: Vec<(&'static str, &'static str, Bytes)>,
    services: Services,
    descriptors: Vec<&'static [u8]>,
    pages: Pages,
}

impl Edge {
    /// An edge without routes.
    #[must_use]
    pub fn builder(config: EdgeConfig, deps: Deps) -> EdgeBuilder {
        let capacity = &config.capacity;
        let per_second = capacity.calls_per_second_max;
        let door = Doorkeeper {
            tokens: Tokens::new(deps.keys, deps.is_revoked, capacity.tokens_max),
            limiter: deps.limiter,
            access: config.access.clone(),
            calls: Room::with_places(capacity.calls_max),
            streams: Room::with_places(capacity.streams_max),
            guests: Guests::default(),
            entrance: (per_second > 0).then_some(Quota::new(per_second, 1_000)),
            is_idempotency_key_required: config.is_idempotency_key_required,
        };
        EdgeBuilder {
            rpcs: Arc::new(Rpcs::new(config.capacity.clone())),
            config,
            clock: deps.clock,
            sampling: Sampling::default(),
            door: Arc::new(door),
            routes: Vec::new(),
            raw: Vec::new(),
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

    /// Takes an address; port 0 lets the system choose one.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub fn bind(self, address: SocketAddr) -> io::Result<Server> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        Ok(Server { core: self.core, health: self.health, listener, address })
    }
}

impl EdgeBuilder {
    /// Serves these REST routes of the contract.
    #[must_use]
    pub fn routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.routes.extend(routes);
        self
    }

    /// What the gRPC services of the contract are made with.
    #[must_use]
    pub fn admission(&self) -> Arc<dyn Admission> {
        Arc::new(GrpcAdmission)
    }

    /// Serves this gRPC service, made with [`EdgeBuilder::admission`].
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

    /// Describes the services to gRPC reflection: an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn descriptors(mut self, descriptors: &'static [u8]) -> Self {
        self.descriptors.push(descriptors);
        self
    }

    /// Serves this at `/openapi.json`.
    #[must_use]
    pub fn openapi(mut self, document: impl Into<Bytes>) -> Self {
        self.pages.openapi = document.into();
        self
    }

    /// Decides by this which requests are traced. Without it, one of a hundred, and those whose caller asks for it.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Is ready for requests only while this says so; without it, from the start until it drains.
    #[must_use]
    pub fn readiness(mut self, is_ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let is_ready: IsReady = Box::new(is_ready);
        self.pages.is_ready = is_ready;
        self
    }

    /// Serves further pages to everybody. A page of the contract or of the edge with the same path wins.
    #[must_use]
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages.public = self.pages.public.merge(pages);
        self
    }

    /// Serves further pages to operators; their paths begin with `/admin/`.
    #[must_use]
    pub fn operator_pages(mut self, pages: Router) -> Self {
        self.pages.operators = self.pages.operators.merge(pages);
        self
    }

    /// Answers with the same bytes after nothing but routing: what the overhead of an edge is measured against.
    #[must_use]
    pub fn raw(mut self, verb: &'static str, path: &'static str, bytes: impl Into<Bytes>) -> Self {
        self.raw.push((verb, path, bytes.into()));
        self
    }

    /// The edge.
    ///
    /// # Errors
    /// When the configuration or the routes contradict themselves, or descriptors cannot be read.
    pub fn build(self) -> Result<Edge, EdgeError> {
        self.config.check().map_err(EdgeError::Config)?;
        meter::describe();
        let mut table = Routes::default();
        for spec in pulse_contract::METHODS {
            self.rpcs.of(spec);
        }
        for route in self.routes {
            let rpc: Arc<Rpc> = self.rpcs.of(route.spec);
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
        for (verb, path, bytes) in self.raw {
            table.insert_page(verb, path, Target::Raw(bytes))?;
        }
        for (path, page) in PAGES {
            table.insert_page("GET", path, Target::Page(page))?;
        }
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut services = self.services.add_service(health_service);
        if !self.descriptors.is_empty() {
            services = with_reflection(services, &self.descriptors)?;
        }
        let pages = Pages {
            public: pages::with_misses(self.pages.public),
            operators: pages::with_misses(self.pages.operators),
            ..self.pages
        };
        let core = Core {
            cors: Cors::new(&self.config.cors),
            config: self.config,
            clock: self.clock,
            sampling: self.sampling,
            door: self.door,
            rpcs: self.rpcs,
            table,
            services: grpc::serve(services),
            pages,
            meters: Meters::new(),
            draining: CancellationToken::new(),
        };
        Ok(Edge { core: Arc::new(core), health })
    }
}

/// Adds gRPC reflection, in the version that tools use today and in the one that older ones use.
fn with_reflection(services: Services, descriptors: &[&'static [u8]]) -> Result<Services, EdgeError> {
    use tonic_reflection::server::Builder;
    let builder = || {
        descriptors.iter().fold(Builder::configure(), |builder, set| builder.register_encoded_file_descriptor_set(set))
    };
    Ok(services.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}

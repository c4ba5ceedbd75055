//! What every connection shares: the table, the doorkeeper, the pages.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use pulse_contract::MethodSpec;
use pulse_kernel::Clock;
use pulse_telemetry::Sampling;
use tokio_util::sync::CancellationToken;

use crate::config::{Capacity, EdgeConfig};
use crate::grpc::Services;
use crate::pages::Page;
use crate::pages::Pages;
use crate::pipeline::cors::Cors;
use crate::pipeline::meter::Meter;
use crate::pipeline::{Doorkeeper, Rpc};
use crate::rest::Endpoint;
use crate::routes::Routes;

/// What every connection shares.
pub(crate) struct Core {
    pub(crate) config: EdgeConfig,
    pub(crate) clock: Clock,
    pub(crate) sampling: Sampling,
    pub(crate) door: Arc<Doorkeeper>,
    pub(crate) rpcs: Arc<Rpcs>,
    pub(crate) table: Routes<Target>,
    pub(crate) services: Services,
    pub(crate) pages: Pages,
    pub(crate) cors: Cors,
    pub(crate) meters: Meters,
    /// Cancelled when the node begins to leave.
    pub(crate) draining: CancellationToken,
}

/// What a path leads to.
pub(crate) enum Target {
    /// An rpc of the contract.
    Call(Box<Endpoint>),
    /// A page of the edge itself.
    Page(Page),
    /// The same bytes for everybody, answered before the pipeline.
    Raw(Bytes),
}

/// Meters of what is not an rpc.
pub(crate) struct Meters {
    pub(crate) page: Meter,
    pub(crate) none: Meter,
    pub(crate) preflight: Meter,
    pub(crate) grpc: Meter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            page: Meter::new("page"),
            none: Meter::new("none"),
            preflight: Meter::new("preflight"),
            grpc: Meter::new("grpc"),
        }
    }
}

/// The rpcs: those of the contract from the start, others with their first call.
pub(crate) struct Rpcs {
    capacity: Capacity,
    by_path: RwLock<HashMap<&'static str, Arc<Rpc>>>,
}

impl Rpcs {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { capacity, by_path: RwLock::default() }
    }

    /// The rpc with this path, when it was seen.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Rpc>> {
        self.by_path.read().get(path).cloned()
    }

    /// The names of the services.
    pub(crate) fn services(&self) -> BTreeSet<&'static str> {
        self.by_path.read().values().map(|rpc| rpc.spec.service).collect()
    }

    /// What is the same for every call of `spec`.
    pub(crate) fn of(&self, spec: &'static MethodSpec) -> Arc<Rpc> {
        if let Some(known) = self.get(spec.path) {
            return known;
        }
        let mut by_path = self.by_path.write();
        Arc::clone(by_path.entry(spec.path).or_insert_with(|| Arc::new(Rpc::new(spec, &self.capacity))))
    }
}

//! State that every request needs, whatever it is routed to: configuration, clock, request guard, rpcs, metrics.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;
use pulse_contract::MethodSpec;
use pulse_kernel::Clock;
use pulse_telemetry::Sampling;
use tokio_util::sync::CancellationToken;

use crate::config::{Capacity, EdgeConfig};
use crate::pipeline::cors::Cors;
use crate::pipeline::guard::RequestGuard;
use crate::pipeline::meter::Meter;
use crate::pipeline::rpc::Rpc;
use crate::problem::ErrorLinks;

/// State that every request needs. It knows no route, service or page: those are in [`crate::table::Table`].
pub(crate) struct Shared {
    pub(crate) config: EdgeConfig,
    pub(crate) clock: Clock,
    pub(crate) sampling: Sampling,
    pub(crate) guard: RequestGuard,
    pub(crate) rpcs: Rpcs,
    pub(crate) cors: Cors,
    pub(crate) error_links: ErrorLinks,
    pub(crate) meters: Meters,
    /// Cancelled when the node starts to drain.
    pub(crate) draining: CancellationToken,
}

/// Metrics of requests that are not rpcs.
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

/// The rpcs by path: those of the contract, and those of further routes.
pub(crate) struct Rpcs {
    capacity: Capacity,
    by_path: RwLock<HashMap<&'static str, Arc<Rpc>>>,
}

impl Rpcs {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { capacity, by_path: RwLock::default() }
    }

    /// The rpc with this path.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Rpc>> {
        self.by_path.read().get(path).cloned()
    }

    /// Names of the services.
    pub(crate) fn services(&self) -> BTreeSet<&'static str> {
        self.by_path.read().values().map(|rpc| rpc.spec.service).collect()
    }

    /// The rpc of `spec`; created by the first call.
    pub(crate) fn of(&self, spec: &'static MethodSpec) -> Arc<Rpc> {
        if let Some(known) = self.get(spec.path) {
            return known;
        }
        let mut by_path = self.by_path.write();
        Arc::clone(by_path.entry(spec.path).or_insert_with(|| Arc::new(Rpc::new(spec, &self.capacity))))
    }
}

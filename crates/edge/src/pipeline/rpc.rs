//! The values of one rpc that are the same for each of its calls, computed once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pulse_contract::MethodSpec;

use super::capacity::ConcurrencyLimit;
use super::meter::Meter;
use super::rate_limits::RateLimits;
use crate::config::Capacity;

/// The values of one rpc that are the same for each of its calls.
pub(crate) struct Rpc {
    pub(crate) spec: &'static MethodSpec,
    pub(crate) rate_limits: RateLimits,
    /// Deadline of a call according to the policy.
    pub(crate) timeout: Duration,
    pub(crate) is_public: bool,
    is_stream: AtomicBool,
    /// Whether a call may be dropped when its caller disconnects: by policy, or because the rpc is reached by GET.
    cancels_on_disconnect: AtomicBool,
    pub(crate) calls: ConcurrencyLimit,
    grpc_meter: OnceLock<Meter>,
}

impl Rpc {
    /// Creates the values of `spec`; `capacity` limits its concurrent calls and scales its rate limits.
    pub(crate) fn new(spec: &'static MethodSpec, capacity: &Capacity) -> Self {
        Self {
            spec,
            rate_limits: RateLimits::of(spec, capacity.rate_factor),
            timeout: Duration::from_millis(u64::from(spec.policy.deadline_ms)),
            is_public: spec.policy.is_public(),
            is_stream: AtomicBool::new(false),
            cancels_on_disconnect: AtomicBool::new(spec.policy.cancels_on_disconnect),
            calls: ConcurrencyLimit::new(capacity.calls_per_rpc_max),
            grpc_meter: OnceLock::new(),
        }
    }

    /// Marks the rpc as a server stream.
    pub(crate) fn mark_as_stream(&self) {
        self.is_stream.store(true, Ordering::Relaxed);
    }

    /// Marks the rpc as read-only.
    pub(crate) fn mark_as_read(&self) {
        self.cancels_on_disconnect.store(true, Ordering::Relaxed);
    }

    /// Whether a call may be dropped when its caller disconnects.
    pub(crate) fn cancels_on_disconnect(&self) -> bool {
        self.cancels_on_disconnect.load(Ordering::Relaxed)
    }

    /// Whether the rpc is a server stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.is_stream.load(Ordering::Relaxed)
    }

    /// Metrics of the rpc over gRPC.
    pub(crate) fn grpc_meter(&self) -> &Meter {
        self.grpc_meter.get_or_init(|| Meter::new(self.spec.path))
    }
}

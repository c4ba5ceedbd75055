//! Concurrency limits. At a limit, requests are rejected immediately instead of queued.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// A maximum number of concurrent calls or streams.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimit {
    counter: Arc<Counter>,
}

#[derive(Debug)]
struct Counter {
    in_use: AtomicUsize,
    max: usize,
}

/// One unit of a [`ConcurrencyLimit`]; dropping it releases the unit.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Counter>);

impl ConcurrencyLimit {
    /// A limit of `max` units.
    pub(crate) fn new(max: NonZeroUsize) -> Self {
        Self { counter: Arc::new(Counter { in_use: AtomicUsize::new(0), max: max.get() }) }
    }

    /// A permit; `None` at the limit.
    pub(crate) fn acquire(&self) -> Option<Permit> {
        if self.counter.in_use.fetch_add(1, Ordering::Relaxed) < self.counter.max {
            return Some(Permit(Arc::clone(&self.counter)));
        }
        self.counter.in_use.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Number of permits in use.
    pub(crate) fn in_use(&self) -> usize {
        self.counter.in_use.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The permits that a call holds until its work ends.
#[derive(Debug)]
pub(crate) struct InFlightPermits {
    _rpc: Option<Permit>,
    _node: Permit,
}

impl InFlightPermits {
    /// The permit of the node, and that of the rpc when the call has one.
    pub(crate) const fn new(node: Permit, rpc: Option<Permit>) -> Self {
        Self { _rpc: rpc, _node: node }
    }
}

/// Limit of streams outside of the contract, such as gRPC health and reflection. They need no token, so each address has
/// a small limit of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnonymousStreams {
    in_use: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Maximum number of anonymous streams of the node.
const ANONYMOUS_STREAMS_MAX: usize = 1_024;
/// Maximum number of anonymous streams of one address.
const ANONYMOUS_STREAMS_PER_ADDRESS_MAX: usize = 16;

/// The permit of an anonymous stream; dropping it releases the unit.
#[derive(Debug)]
pub(crate) struct AnonymousPermit {
    streams: AnonymousStreams,
    ip: IpAddr,
}

impl AnonymousStreams {
    /// A permit for `ip`; `None` at one of the limits.
    pub(crate) fn acquire(&self, ip: IpAddr) -> Option<AnonymousPermit> {
        let mut in_use = self.in_use.lock();
        let total: usize = in_use.values().sum();
        let own = in_use.get(&ip).copied().unwrap_or(0);
        if total >= ANONYMOUS_STREAMS_MAX || own >= ANONYMOUS_STREAMS_PER_ADDRESS_MAX {
            return None;
        }
        in_use.insert(ip, own + 1);
        Some(AnonymousPermit { streams: self.clone(), ip })
    }
}

impl Drop for AnonymousPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut own) = self.streams.in_use.lock().entry(self.ip) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// The permit that a stream holds until it ends.
#[derive(Debug)]
pub(crate) enum StreamPermit {
    /// A server stream of the contract.
    Contract(#[expect(dead_code, reason = "held until it is dropped")] Permit),
    /// A stream outside of the contract.
    Anonymous(#[expect(dead_code, reason = "held until it is dropped")] AnonymousPermit),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_streams_are_limited_per_address_and_per_node() {
        let streams = AnonymousStreams::default();
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mut permits: Vec<AnonymousPermit> =
            (0..ANONYMOUS_STREAMS_PER_ADDRESS_MAX).filter_map(|_| streams.acquire(address(1))).collect();
        assert_eq!(permits.len(), ANONYMOUS_STREAMS_PER_ADDRESS_MAX);
        assert!(streams.acquire(address(1)).is_none());
        assert!(streams.acquire(address(2)).is_some());
        permits.pop();
        assert!(streams.acquire(address(1)).is_some());
        drop(permits);
        assert!(streams.in_use.lock().is_empty());
        let addresses = (0..=u8::MAX).flat_map(|last| (0..8).map(move |_| address(last)));
        let permits: Vec<AnonymousPermit> = addresses.filter_map(|ip| streams.acquire(ip)).collect();
        assert_eq!(permits.len(), ANONYMOUS_STREAMS_MAX);
    }

    #[test]
    fn a_dropped_permit_is_released() {
        let limit = ConcurrencyLimit::new(NonZeroUsize::MIN);
        let permit = limit.acquire();
        assert!(permit.is_some());
        assert!(limit.acquire().is_none());
        assert_eq!(limit.in_use(), 1);
        drop(permit);
        assert!(limit.acquire().is_some());
    }
}

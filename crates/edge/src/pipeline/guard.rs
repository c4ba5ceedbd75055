//! The request guard: admission control, authentication, policy, rate limits and idempotency key of a call.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use pulse_contract::errors;
use pulse_kernel::{Actor, Cx, Error, Idempotency, Timestamp};
use pulse_limiter::{Key, Limiter, Quota};

use super::capacity::{AnonymousPermit, AnonymousStreams, ConcurrencyLimit, InFlightPermits, Permit};
use super::client::ClientInfo;
use super::rate_limits::RateLimitStatus;
use super::rpc::Rpc;
use super::token::Tokens;
use crate::config::{Access, any_contains};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Decides whether a request is processed.
pub(crate) struct RequestGuard {
    pub(crate) tokens: Tokens,
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) access: Access,
    /// Concurrent calls of the whole node.
    pub(crate) calls: ConcurrencyLimit,
    /// Open server streams of the contract.
    pub(crate) streams: ConcurrencyLimit,
    /// Open streams outside of the contract.
    pub(crate) anonymous_streams: AnonymousStreams,
    /// Rate limit of the whole node.
    pub(crate) node_rate: Option<Quota>,
    pub(crate) is_idempotency_key_required: bool,
}

/// A call whose checks have not run yet.
#[derive(Clone, Copy)]
pub(crate) struct CallInput<'a> {
    pub(crate) rpc: &'a Rpc,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) client: &'a ClientInfo,
    /// Time from the arrival of the request to its deadline.
    pub(crate) timeout: Duration,
}

impl RequestGuard {
    /// Checks the address of the client against the allow and deny lists.
    pub(crate) fn check_address(&self, ip: IpAddr) -> Result<(), Error> {
        let Access { allow, deny, .. } = &self.access;
        let is_allowed = allow.is_empty() || any_contains(allow, ip);
        if is_allowed && (deny.is_empty() || !any_contains(deny, ip)) {
            return Ok(());
        }
        Err(errors::CLIENT_DENIED.error("requests from this address are not allowed"))
    }

    /// Permits for one call, of the node and of its rpc.
    ///
    /// # Errors
    /// `OVERLOADED` at one of the limits.
    pub(crate) fn acquire(&self, rpc: Option<&Rpc>) -> Result<InFlightPermits, Error> {
        let node = self.calls.acquire().ok_or_else(overloaded)?;
        let rpc = rpc.map(|rpc| rpc.calls.acquire().ok_or_else(overloaded)).transpose()?;
        Ok(InFlightPermits::new(node, rpc))
    }

    /// A permit for one server stream of the contract.
    ///
    /// # Errors
    /// `OVERLOADED` at the limit.
    pub(crate) fn acquire_stream(&self) -> Result<Permit, Error> {
        self.streams.acquire().ok_or_else(overloaded)
    }

    /// A permit for one stream outside of the contract.
    ///
    /// # Errors
    /// `OVERLOADED` at the limit of the node or of the address.
    pub(crate) fn acquire_anonymous_stream(&self, ip: IpAddr) -> Result<AnonymousPermit, Error> {
        self.anonymous_streams.acquire(ip).ok_or_else(overloaded)
    }

    /// Writes the gauges of open calls and streams.
    pub(crate) fn measure(&self) {
        let count = |limit: &ConcurrencyLimit| f64::from(u32::try_from(limit.in_use()).unwrap_or(u32::MAX));
        metrics::gauge!("pulse_edge_requests_in_flight").set(count(&self.calls));
        metrics::gauge!("pulse_edge_streams").set(count(&self.streams));
    }

    /// Checks a call and returns its context. `rate_status` receives the state of the rate limits, also when the call
    /// is rejected by one of them.
    pub(crate) async fn check_call(
        &self,
        call: CallInput<'_>,
        rate_status: &mut Option<RateLimitStatus>,
    ) -> Result<Cx, Error> {
        let CallInput { rpc, headers, client, timeout } = call;
        self.check_node_rate(client.now).await?;
        let actor = self.tokens.actor_of(headers, client.now, rpc.is_public)?;
        rpc.spec.policy.admit(&actor)?;
        match rpc.rate_limits.check(&*self.limiter, &actor, client.ip, client.now).await {
            Ok(nearest) => *rate_status = nearest,
            Err((reached, error)) => {
                *rate_status = Some(reached);
                return Err(error);
            }
        }
        let idempotency = self.idempotency_of(rpc, headers)?;
        Ok(context(client, actor, idempotency, timeout))
    }

    /// Checks that an operator sends the request.
    pub(crate) fn check_operator(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Error> {
        OPERATORS.authorize(&self.tokens.actor_of(headers, now, false)?, None)
    }

    async fn check_node_rate(&self, now: Timestamp) -> Result<(), Error> {
        let Some(quota) = self.node_rate else { return Ok(()) };
        match self.limiter.check(Key::of("edge.entrance", b""), quota, 1, now).await {
            Ok(decision) if !decision.is_allowed => Err(overloaded().retry_in(decision.retry_after)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The idempotency key of the request. Its scope and fingerprint are added by the generated handler.
    fn idempotency_of(&self, rpc: &Rpc, headers: &HeaderMap) -> Result<Option<Arc<Idempotency>>, Error> {
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
            if self.is_idempotency_key_required && rpc.spec.policy.idempotent {
                return Err(errors::IDEMPOTENCY_KEY_INVALID.error("this operation requires an Idempotency-Key header"));
            }
            return Ok(None);
        };
        let is_key = |bytes: &[u8]| {
            (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        match value.to_str() {
            Ok(key) if is_key(key.as_bytes()) => {
                Ok(Some(Arc::new(Idempotency { scope: String::new(), key: key.to_owned(), fingerprint: [0; 32] })))
            }
            Ok(_) | Err(_) => Err(errors::IDEMPOTENCY_KEY_INVALID
                .error("Idempotency-Key must be 1 to 255 printable ASCII characters without spaces")),
        }
    }
}

/// Policy of the operator pages.
static OPERATORS: pulse_contract::Policy = pulse_contract::Policy {
    callers: &[pulse_contract::Caller::Operator],
    rates: &[],
    idempotent: false,
    cancels_on_disconnect: true,
    deadline_ms: 0,
};

fn context(client: &ClientInfo, actor: Actor, idempotency: Option<Arc<Idempotency>>, timeout: Duration) -> Cx {
    Cx {
        now: client.now,
        deadline: client.now.plus(timeout),
        actor,
        client_ip: Some(client.ip),
        trace: client.trace,
        idempotency,
        locale: client.locale,
    }
}

fn overloaded() -> Error {
    errors::OVERLOADED
        .error("the node is at its capacity limit; the request was not processed")
        .retry_in(Duration::from_secs(1))
}

//! What happens to every call before its use case, in this order: who asks, may they, how often, under which key.
//!
//! REST and gRPC go through the same [`Doorkeeper`]; nothing here has read the body yet.

pub(crate) mod body;
pub(crate) mod capacity;
pub(crate) mod compress;
pub(crate) mod cors;
pub(crate) mod deadline;
pub(crate) mod meter;
pub(crate) mod origin;
pub(crate) mod outlive;
pub(crate) mod rates;
pub(crate) mod token;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use pulse_contract::{MethodSpec, errors};
use pulse_kernel::{Actor, Cx, Error, Idempotency, Timestamp};
use pulse_limiter::{Key, Limiter, Quota};

use crate::config::{Access, Capacity, any_contains};
use capacity::{GuestSlot, Guests, Room, Slot};
use meter::Meter;
use origin::Origin;
use rates::{Rates, Standing};
use token::Tokens;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// What is the same for every call of one rpc, computed once.
pub(crate) struct Rpc {
    pub(crate) spec: &'static MethodSpec,
    pub(crate) rates: Rates,
    /// How long the policy lets a call take.
    pub(crate) timeout: Duration,
    is_public: bool,
    is_stream: AtomicBool,
    /// Whether it may be dropped when nobody waits for it: its policy says so, or it is reached by GET.
    cancels_on_disconnect: AtomicBool,
    room: Room,
    grpc_meter: OnceLock<Meter>,
}

impl Rpc {
    /// An rpc, of which `capacity` says how many calls may be under way.
    pub(crate) fn new(spec: &'static MethodSpec, capacity: &Capacity) -> Self {
        Self {
            spec,
            rates: Rates::of(spec, capacity.rate_factor),
            timeout: Duration::from_millis(u64::from(spec.policy.deadline_ms)),
            is_public: spec.policy.is_public(),
            is_stream: AtomicBool::new(false),
            cancels_on_disconnect: AtomicBool::new(spec.policy.cancels_on_disconnect),
            room: Room::with_places(capacity.calls_per_rpc_max),
            grpc_meter: OnceLock::new(),
        }
    }

    /// Notes that the rpc answers with a stream.
    pub(crate) fn mark_as_stream(&self) {
        self.is_stream.store(true, Ordering::Relaxed);
    }

    /// Notes that the rpc changes nothing.
    pub(crate) fn mark_as_read(&self) {
        self.cancels_on_disconnect.store(true, Ordering::Relaxed);
    }

    /// Whether the rpc may be dropped when nobody waits for it.
    pub(crate) fn cancels_on_disconnect(&self) -> bool {
        self.cancels_on_disconnect.load(Ordering::Relaxed)
    }

    /// Whether the rpc answers with a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.is_stream.load(Ordering::Relaxed)
    }

    /// Counts and times of the rpc over gRPC.
    pub(crate) fn grpc_meter(&self) -> &Meter {
        self.grpc_meter.get_or_init(|| Meter::new(self.spec.path))
    }
}

/// Lets calls in or turns them away.
pub(crate) struct Doorkeeper {
    pub(crate) tokens: Tokens,
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) access: Access,
    /// Calls under way in the whole node.
    pub(crate) calls: Room,
    /// Open server streams.
    pub(crate) streams: Room,
    /// Open streams that are not of the contract.
    pub(crate) guests: Guests,
    /// How many calls the whole node takes.
    pub(crate) entrance: Option<Quota>,
    pub(crate) is_idempotency_key_required: bool,
}

/// A call before it is admitted.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) rpc: &'a Rpc,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) origin: &'a Origin,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// The places that a call takes while it is under way.
#[derive(Debug)]
pub(crate) struct Places {
    _rpc: Option<Slot>,
    _node: Slot,
}

impl Doorkeeper {
    /// Whether requests from `ip` are looked at: not denied, and allowed where only some are.
    pub(crate) fn check_address(&self, ip: IpAddr) -> Result<(), Error> {
        let Access { allow, deny, .. } = &self.access;
        let is_allowed = allow.is_empty() || any_contains(allow, ip);
        if is_allowed && (deny.is_empty() || !any_contains(deny, ip)) {
            return Ok(());
        }
        Err(errors::CLIENT_DENIED.error("requests from this address are not accepted"))
    }

    /// Places for a call, or the answer that the node is busy.
    pub(crate) fn enter(&self, rpc: Option<&Rpc>) -> Result<Places, Error> {
        let node = self.calls.enter().ok_or_else(overloaded)?;
        let rpc = rpc.map(|rpc| rpc.room.enter().ok_or_else(overloaded)).transpose()?;
        Ok(Places { _rpc: rpc, _node: node })
    }

    /// A place for a server stream, or the answer that the node is busy.
    pub(crate) fn enter_stream(&self) -> Result<Slot, Error> {
        self.streams.enter().ok_or_else(overloaded)
    }

    /// A place for a stream that is not of the contract, or the answer that the node is busy.
    pub(crate) fn enter_as_guest(&self, ip: IpAddr) -> Result<GuestSlot, Error> {
        self.guests.enter(ip).ok_or_else(overloaded)
    }

    /// Measures how full the node is.
    pub(crate) fn measure(&self) {
        let count = |room: &Room| f64::from(u32::try_from(room.taken()).unwrap_or(u32::MAX));
        metrics::gauge!("pulse_edge_calls").set(count(&self.calls));
        metrics::gauge!("pulse_edge_streams").set(count(&self.streams));
    }

    /// Admits a call: gives its context. Where the caller stands goes to `standing`, for a refusal too.
    pub(crate) async fn admit(&self, asked: Asked<'_>, standing: &mut Option<Standing>) -> Result<Cx, Error> {
        let Asked { rpc, headers, origin, timeout } = asked;
        self.check_entrance(origin.now).await?;
        let actor = self.tokens.actor_of(headers, origin.now, rpc.is_public)?;
        rpc.spec.policy.admit(&actor)?;
        match rpc.rates.check(&*self.limiter, &actor, origin.ip, origin.now).await {
            Ok(nearest) => *standing = nearest,
            Err((reached, error)) => {
                *standing = Some(reached);
                return Err(error);
            }
        }
        let idempotency = self.idempotency_of(rpc, headers)?;
        Ok(context(origin, actor, idempotency, timeout))
    }

    /// The account behind a page of the operators.
    pub(crate) fn check_operator(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Error> {
        OPERATORS.authorize(&self.tokens.actor_of(headers, now, false)?, None)
    }

    async fn check_entrance(&self, now: Timestamp) -> Result<(), Error> {
        let Some(quota) = self.entrance else { return Ok(()) };
        match self.limiter.check(Key::of("edge.entrance", b""), quota, 1, now).await {
            Ok(decision) if !decision.is_allowed => Err(overloaded().retry_in(decision.retry_after)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The key of the request; the contract adds later what it was used for.
    fn idempotency_of(&self, rpc: &Rpc, headers: &HeaderMap) -> Result<Option<Arc<Idempotency>>, Error> {
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
            if self.is_idempotency_key_required && rpc.spec.policy.idempotent {
                return Err(errors::IDEMPOTENCY_KEY_INVALID.error("send an Idempotency-Key with this request"));
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
            Ok(_) | Err(_) => {
                Err(errors::IDEMPOTENCY_KEY_INVALID
                    .error("a key is 1 to 255 printable ASCII characters without spaces"))
            }
        }
    }
}

/// Who may read the pages of the operators.
static OPERATORS: pulse_contract::Policy = pulse_contract::Policy {
    callers: &[pulse_contract::Caller::Operator],
    rates: &[],
    idempotent: false,
    cancels_on_disconnect: true,
    deadline_ms: 0,
};

fn context(origin: &Origin, actor: Actor, idempotency: Option<Arc<Idempotency>>, timeout: Duration) -> Cx {
    Cx {
        now: origin.now,
        deadline: origin.now.plus(timeout),
        actor,
        client_ip: Some(origin.ip),
        trace: origin.trace,
        idempotency,
        locale: origin.locale,
    }
}

fn overloaded() -> Error {
    errors::OVERLOADED.error("the node is busy; nothing was done").retry_in(Duration::from_secs(1))
}

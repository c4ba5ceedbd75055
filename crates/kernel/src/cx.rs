//! The context of one request: who asks, when, until when, in which trace, under which key.

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{AccountId, ShopId};
use crate::locale::Locale;

/// What somebody may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Buys, reviews, follows. Everybody who signed in is one.
    Consumer,
    /// Works for the shops that the principal names.
    MerchantStaff,
    /// Carries orders.
    Courier,
    /// Runs the platform.
    Operator,
}

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// The session that the token belongs to, so that it can be ended.
    pub session: i64,
    /// What the account may be.
    pub roles: Vec<Role>,
    /// The shops that a merchant's staff member works for.
    pub shops: Vec<ShopId>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody that we know.
    Anonymous,
    /// Somebody who signed in. Shared, because a verified token is used again and again.
    Principal(Arc<Principal>),
    /// Pulse itself: a consumer of events, a timer, an import. The text names which.
    System(&'static str),
}

impl Actor {
    /// The account, when somebody signed in.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Principal(principal) => Some(principal.account),
            Self::Anonymous | Self::System(_) => None,
        }
    }

    /// Whether the actor has the role. The system has every role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        match self {
            Self::Anonymous => false,
            Self::Principal(principal) => role == Role::Consumer || principal.roles.contains(&role),
            Self::System(_) => true,
        }
    }

    /// Whether the actor works for the shop, or runs the platform.
    #[must_use]
    pub fn works_for(&self, shop: ShopId) -> bool {
        match self {
            Self::Anonymous => false,
            Self::Principal(principal) => {
                principal.roles.contains(&Role::Operator)
                    || (principal.roles.contains(&Role::MerchantStaff) && principal.shops.contains(&shop))
            }
            Self::System(_) => true,
        }
    }
}

/// Where this request stands in its trace (W3C Trace Context).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// Identifies the whole trace; zero when there is none.
    pub trace_id: u128,
    /// Identifies the span that caused this one.
    pub span_id: u64,
    /// Whether the caller records it.
    pub is_sampled: bool,
}

impl TraceContext {
    /// From a `traceparent` header, version 00; `None` when it is not one.
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok()?;
        let span_id = u64::from_str_radix(span, 16).ok()?;
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, is_sampled })
    }

    /// As a `traceparent` header, version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

/// What makes a repeated request recognizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Who used the key for what: actor and rpc. Keys of two scopes never meet.
    pub scope: String,
    /// The key that the caller chose.
    pub key: String,
    /// SHA-256 of the request, so that a key is not used for two different ones.
    pub fingerprint: [u8; 32],
}

/// The context of one request. It travels as an argument, in process and over the wire.
#[derive(Clone, Debug)]
pub struct Cx {
    /// The one reading of the clock that this request uses.
    pub now: Timestamp,
    /// When the caller stops waiting.
    pub deadline: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// Where the request comes from; `None` for the system itself.
    pub client_ip: Option<IpAddr>,
    /// The place in the trace.
    pub trace: TraceContext,
    /// Present when the caller sent a key.
    pub idempotency: Option<Arc<Idempotency>>,
    /// The language for texts that people read.
    pub locale: Locale,
}

impl Cx {
    /// A context of Pulse itself at `now`, for consumers, timers and imports.
    #[must_use]
    pub fn system(name: &'static str, now: Timestamp) -> Self {
        Self {
            now,
            deadline: now.plus(SYSTEM_DEADLINE),
            actor: Actor::System(name),
            client_ip: None,
            trace: TraceContext::default(),
            idempotency: None,
            locale: Locale::En,
        }
    }

    /// The same context, with another actor. For tests and for acting on behalf of somebody.
    #[must_use]
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The same request, as Pulse itself: what a context asks of another one for a caller who may not. The caller's
    /// idempotency key stays behind: it is about the caller's own request.
    #[must_use]
    pub fn as_system(&self, name: &'static str) -> Self {
        Self { actor: Actor::System(name), idempotency: None, ..self.clone() }
    }

    /// The same context in the given trace.
    #[must_use]
    pub fn in_trace(mut self, trace: TraceContext) -> Self {
        self.trace = trace;
        self
    }
}

/// How long work without a caller may take.
const SYSTEM_DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_round_trips_and_refuses_zeros() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::from_traceparent(header).unwrap().traceparent(), header);
        for broken in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "zz"] {
            assert_eq!(TraceContext::from_traceparent(broken), None, "{broken:?}");
        }
    }
}

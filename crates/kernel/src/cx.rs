//! The context of a request: actor, time, deadline, trace, idempotency key and language.

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{AccountId, ShopId};
use crate::locale::Locale;

/// Role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Customer; every signed-in account.
    Consumer,
    /// Staff of the shops of the principal.
    MerchantStaff,
    /// Courier.
    Courier,
    /// Operator of the platform.
    Operator,
}

/// An authenticated account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// ID of the account.
    pub account: AccountId,
    /// ID of the session of the token.
    pub session: i64,
    /// Roles of the account.
    pub roles: Vec<Role>,
    /// Shops of a staff member.
    pub shops: Vec<ShopId>,
}

/// The caller of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller without a token.
    Anonymous,
    /// A signed-in account. Shared, because the cache of verified tokens reuses it.
    Principal(Arc<Principal>),
    /// A part of Pulse, by name: an event consumer, a timer, an import.
    System(&'static str),
}

impl Actor {
    /// ID of the account of a signed-in caller.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Principal(principal) => Some(principal.account),
            Self::Anonymous | Self::System(_) => None,
        }
    }

    /// Whether the actor has the role. The system has all roles.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        match self {
            Self::Anonymous => false,
            Self::Principal(principal) => role == Role::Consumer || principal.roles.contains(&role),
            Self::System(_) => true,
        }
    }

    /// Whether the actor is staff of the shop, an operator or the system.
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

/// Position of a request in its trace (W3C Trace Context).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// ID of the trace; zero without a trace.
    pub trace_id: u128,
    /// ID of the current span.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Parses a `traceparent` header; `None` if it is not valid.
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

    /// The `traceparent` header, version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

/// The idempotency key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Actor and rpc of the key; keys of different scopes are independent.
    pub scope: String,
    /// The key, chosen by the caller.
    pub key: String,
    /// SHA-256 of the request, to reject another request with the same key.
    pub fingerprint: [u8; 32],
}

/// The context of a request. It is passed as an argument, in the process and over the network.
#[derive(Clone, Debug)]
pub struct Cx {
    /// Time of the request; the only clock reading of the request.
    pub now: Timestamp,
    /// Time at which the caller stops waiting.
    pub deadline: Timestamp,
    /// The caller.
    pub actor: Actor,
    /// Address of the client; `None` for the system.
    pub client_ip: Option<IpAddr>,
    /// Position in the trace.
    pub trace: TraceContext,
    /// Idempotency key, if the caller sent one.
    pub idempotency: Option<Arc<Idempotency>>,
    /// Language of texts for people.
    pub locale: Locale,
}

impl Cx {
    /// A context of the system, for consumers, timers and imports.
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

    /// The same context with another actor.
    #[must_use]
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The same context as the system, for calls to another context that the caller may not make. Without the idempotency
    /// key, which belongs to the request of the caller.
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

/// Deadline of work of the system.
const SYSTEM_DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_round_trips_and_rejects_zeros() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::from_traceparent(header).unwrap().traceparent(), header);
        for broken in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "zz"] {
            assert_eq!(TraceContext::from_traceparent(broken), None, "{broken:?}");
        }
    }
}

//! The context of a request on its way to another node of Pulse.
//!
//! It says who asks, so only a listener that other nodes alone can reach may believe it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use prost::Message;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Actor, Cx, Idempotency, Locale, Principal, Role, Timestamp, TraceContext};
use tonic::Request;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};

/// The header that carries the context between nodes.
pub const CX_HEADER: &str = "pulse-cx-bin";

/// The context as a message; the numbers are part of the protocol between nodes and never change their meaning.
#[derive(Clone, PartialEq, Message)]
struct WireCx {
    #[prost(int64, tag = "1")]
    now_ms: i64,
    #[prost(int64, tag = "2")]
    deadline_ms: i64,
    #[prost(oneof = "WireActor", tags = "3, 4")]
    actor: Option<WireActor>,
    #[prost(string, tag = "5")]
    client_ip: String,
    #[prost(string, tag = "6")]
    traceparent: String,
    #[prost(message, optional, tag = "7")]
    idempotency: Option<WireIdempotency>,
    #[prost(string, tag = "8")]
    locale: String,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireActor {
    #[prost(message, tag = "3")]
    Principal(WirePrincipal),
    #[prost(string, tag = "4")]
    System(String),
}

#[derive(Clone, PartialEq, Message)]
struct WirePrincipal {
    #[prost(int64, tag = "1")]
    account: i64,
    #[prost(int64, tag = "2")]
    session: i64,
    #[prost(uint32, repeated, tag = "3")]
    roles: Vec<u32>,
    #[prost(int64, repeated, tag = "4")]
    shops: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct WireIdempotency {
    #[prost(string, tag = "1")]
    scope: String,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(bytes = "vec", tag = "3")]
    fingerprint: Vec<u8>,
}

/// The header is there and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CxWireError;

impl fmt::Display for CxWireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the header {CX_HEADER} cannot be read")
    }
}

impl std::error::Error for CxWireError {}

/// A request that carries `cx`, and gives up when its deadline has come.
#[must_use]
pub fn request_with<T>(cx: &Cx, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(cx.deadline.since(cx.now).max(Duration::from_millis(1)));
    request.metadata_mut().insert_bin(CX_HEADER, BinaryMetadataValue::from_bytes(&to_wire(cx).encode_to_vec()));
    request
}

/// The context that another node sent; `None` when there is none.
///
/// # Errors
/// When there is one and it cannot be read.
pub fn cx_from_headers(headers: &HeaderMap) -> Result<Option<Cx>, CxWireError> {
    let Some(value) = headers.get(CX_HEADER) else { return Ok(None) };
    let mut alone = HeaderMap::with_capacity(1);
    alone.insert(CX_HEADER, value.clone());
    let metadata = MetadataMap::from_headers(alone);
    let bytes = metadata.get_bin(CX_HEADER).and_then(|value| value.to_bytes().ok()).ok_or(CxWireError)?;
    let wire = WireCx::decode(bytes).ok().ok_or(CxWireError)?;
    from_wire(wire).map(Some).ok_or(CxWireError)
}

fn to_wire(cx: &Cx) -> WireCx {
    let has_trace = cx.trace != TraceContext::default();
    WireCx {
        now_ms: cx.now.as_millis(),
        deadline_ms: cx.deadline.as_millis(),
        actor: match &cx.actor {
            Actor::Anonymous => None,
            Actor::Principal(principal) => Some(WireActor::Principal(WirePrincipal {
                account: principal.account.get(),
                session: principal.session,
                roles: principal.roles.iter().map(|role| role_number(*role)).collect(),
                shops: principal.shops.iter().map(|shop| shop.get()).collect(),
            })),
            Actor::System(name) => Some(WireActor::System((*name).to_owned())),
        },
        client_ip: cx.client_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        traceparent: if has_trace { cx.trace.traceparent() } else { String::new() },
        idempotency: cx.idempotency.as_ref().map(|idempotency| WireIdempotency {
            scope: idempotency.scope.clone(),
            key: idempotency.key.clone(),
            fingerprint: idempotency.fingerprint.to_vec(),
        }),
        locale: cx.locale.tag().to_owned(),
    }
}

fn from_wire(wire: WireCx) -> Option<Cx> {
    let idempotency = wire.idempotency.map(|idempotency| {
        let fingerprint = idempotency.fingerprint.try_into().ok()?;
        Some(Arc::new(Idempotency { scope: idempotency.scope, key: idempotency.key, fingerprint }))
    });
    Some(Cx {
        now: Timestamp::from_millis(wire.now_ms),
        deadline: Timestamp::from_millis(wire.deadline_ms),
        actor: match wire.actor {
            None => Actor::Anonymous,
            Some(WireActor::System(name)) => Actor::System(system_name(&name)),
            Some(WireActor::Principal(principal)) => Actor::Principal(Arc::new(Principal {
                account: AccountId::new(principal.account),
                session: principal.session,
                // A role that a newer node knows gives nothing here.
                roles: principal.roles.into_iter().filter_map(role_of).collect(),
                shops: principal.shops.into_iter().map(ShopId::new).collect(),
            })),
        },
        client_ip: if wire.client_ip.is_empty() { None } else { Some(wire.client_ip.parse().ok()?) },
        trace: TraceContext::from_traceparent(&wire.traceparent).unwrap_or_default(),
        idempotency: match idempotency {
            None => None,
            Some(idempotency) => Some(idempotency?),
        },
        locale: Locale::from_accept_language(&wire.locale),
    })
}

const fn role_number(role: Role) -> u32 {
    match role {
        Role::Consumer => 1,
        Role::MerchantStaff => 2,
        Role::Courier => 3,
        Role::Operator => 4,
    }
}

const fn role_of(number: u32) -> Option<Role> {
    match number {
        1 => Some(Role::Consumer),
        2 => Some(Role::MerchantStaff),
        3 => Some(Role::Courier),
        4 => Some(Role::Operator),
        _ => None,
    }
}

/// Names of the parts of other nodes, each made once.
static SYSTEM_NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
/// Names are literals in the code of the other node, so there are few.
const SYSTEM_NAMES_MAX: usize = 256;

fn system_name(name: &str) -> &'static str {
    let mut names = SYSTEM_NAMES.lock();
    if let Some(known) = names.get(name) {
        return known;
    }
    if names.len() >= SYSTEM_NAMES_MAX {
        return "remote";
    }
    let name: &'static str = name.to_owned().leak();
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(cx: &Cx) -> Cx {
        let headers = request_with(cx, ()).into_parts().0.into_headers();
        cx_from_headers(&headers).unwrap().unwrap()
    }

    #[test]
    fn a_context_arrives_as_it_was_sent() {
        let system = Cx::system("import", Timestamp::from_millis(1_777_624_200_123));
        let principal = Principal {
            account: AccountId::new(7),
            session: 8,
            roles: vec![Role::Consumer, Role::MerchantStaff, Role::Courier, Role::Operator],
            shops: vec![ShopId::new(9)],
        };
        let rich = Cx {
            client_ip: Some("2001:db8::1".parse().unwrap()),
            trace: TraceContext { trace_id: 5, span_id: 6, is_sampled: true },
            idempotency: Some(Arc::new(Idempotency { scope: "a /b".into(), key: "k".into(), fingerprint: [7; 32] })),
            locale: Locale::Zh,
            ..system.clone().with_actor(Actor::Principal(Arc::new(principal)))
        };
        for cx in [system.clone(), system.with_actor(Actor::Anonymous), rich] {
            assert_eq!(format!("{:?}", round_trip(&cx)), format!("{cx:?}"));
        }
    }

    #[test]
    fn a_broken_header_is_an_error_and_none_is_none() {
        let mut headers = HeaderMap::new();
        assert!(cx_from_headers(&headers).unwrap().is_none());
        for broken in ["!", "AA", "OgEB"] {
            headers.insert(CX_HEADER, broken.parse().unwrap());
            assert_eq!(cx_from_headers(&headers).unwrap_err(), CxWireError, "{broken}");
        }
    }
}

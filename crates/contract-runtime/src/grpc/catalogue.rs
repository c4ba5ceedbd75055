//! Codes of the catalogue by name, and codes that a newer node knows and this one does not.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use pulse_kernel::{ErrorSpec, Kind, Retry};
use tonic::Code;

/// The gRPC status of a kind.
pub(super) const fn grpc_code(kind: Kind) -> Code {
    match kind {
        Kind::InvalidArgument => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::FailedPrecondition => Code::FailedPrecondition,
        Kind::Aborted => Code::Aborted,
        Kind::ResourceExhausted => Code::ResourceExhausted,
        Kind::DeadlineExceeded => Code::DeadlineExceeded,
        Kind::Unavailable => Code::Unavailable,
        Kind::Internal => Code::Internal,
    }
}

/// The kind of a gRPC status. The statuses that Pulse never sends map to the nearest kind.
#[must_use]
pub const fn kind_of(code: Code) -> Kind {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Kind::InvalidArgument,
        Code::Unauthenticated => Kind::Unauthenticated,
        Code::PermissionDenied => Kind::PermissionDenied,
        Code::NotFound | Code::Unimplemented => Kind::NotFound,
        Code::AlreadyExists => Kind::AlreadyExists,
        Code::FailedPrecondition => Kind::FailedPrecondition,
        Code::Aborted => Kind::Aborted,
        Code::ResourceExhausted => Kind::ResourceExhausted,
        Code::DeadlineExceeded | Code::Cancelled => Kind::DeadlineExceeded,
        Code::Unavailable => Kind::Unavailable,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Kind::Internal,
    }
}

/// What a kind means for retries when the code itself is not known.
const fn retry_of(kind: Kind) -> Retry {
    match kind {
        Kind::Aborted | Kind::DeadlineExceeded => Retry::SameKey,
        Kind::ResourceExhausted | Kind::Unavailable => Retry::Backoff,
        Kind::InvalidArgument
        | Kind::Unauthenticated
        | Kind::PermissionDenied
        | Kind::NotFound
        | Kind::AlreadyExists
        | Kind::FailedPrecondition
        | Kind::Internal => Retry::Never,
    }
}

/// The entry of the catalogue with this code; an unknown code gets an entry that keeps its name and its kind.
pub(super) fn spec_of(code: &str, domain: &str, kind: Kind) -> &'static ErrorSpec {
    let known = crate::ERRORS.binary_search_by(|spec| spec.code.cmp(code));
    match known.ok().and_then(|index| crate::ERRORS.get(index)) {
        Some(spec) => spec,
        None => foreign(code, domain, kind),
    }
}

/// Codes that other nodes sent and that this one does not know, each made once.
static FOREIGN: Mutex<BTreeMap<String, &'static ErrorSpec>> = Mutex::new(BTreeMap::new());
/// A node that is one release behind misses a handful of codes; more than this is a defect of the other side.
const FOREIGN_MAX: usize = 256;

fn foreign(code: &str, domain: &str, kind: Kind) -> &'static ErrorSpec {
    let mut foreign = FOREIGN.lock();
    if let Some(spec) = foreign.get(code).filter(|spec| spec.kind == kind) {
        return spec;
    }
    let is_code = (1..=63).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_code || foreign.len() >= FOREIGN_MAX || foreign.contains_key(code) {
        return unnamed(kind);
    }
    let spec = ErrorSpec {
        code: code.to_owned().leak(),
        domain: domain.to_owned().leak(),
        kind,
        retry: retry_of(kind),
        title: "The request was refused",
        title_zh: "请求被拒绝",
        http: 0,
    };
    let spec: &'static ErrorSpec = Box::leak(Box::new(spec));
    foreign.insert(code.to_owned(), spec);
    spec
}

/// The entry for a status without a code: a proxy in between, or a node that is not ours.
fn unnamed(kind: Kind) -> &'static ErrorSpec {
    use crate::errors;
    match kind {
        Kind::InvalidArgument => &errors::VALIDATION_FAILED,
        Kind::Unauthenticated => &errors::UNAUTHENTICATED,
        Kind::PermissionDenied => &errors::PERMISSION_DENIED,
        Kind::NotFound => &errors::UNIMPLEMENTED,
        Kind::AlreadyExists | Kind::FailedPrecondition | Kind::Internal => &errors::INTERNAL,
        Kind::Aborted => &errors::STORE_CONTENDED,
        Kind::ResourceExhausted => &errors::RATE_LIMITED,
        Kind::DeadlineExceeded => &errors::DEADLINE_EXCEEDED,
        Kind::Unavailable => &errors::REMOTE_UNAVAILABLE,
    }
}

/// The entry for a status that carries no code at all.
pub(super) fn spec_without_code(kind: Kind) -> &'static ErrorSpec {
    unnamed(kind)
}

//! Errors as RFC 9457 problem details: the one place where kinds become statuses.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use metrics::Counter;
use parking_lot::RwLock;
use pulse_contract::errors;
use pulse_kernel::{Error, ErrorSpec, Kind, Locale, Retry};
use serde::Serialize;

use crate::body::Body;
use crate::pipeline::origin::Origin;
use crate::pipeline::rates::ceil_seconds;

/// Most problems fit.
const JSON_SIZE_GUESS: usize = 512;
/// Those of a problem, of tracing, of security and of rate limits.
const HEADERS_CAPACITY: usize = 16;

/// When something is not available and nobody knows for how long.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    retry: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'a>>,
    trace_id: String,
}

#[derive(Serialize)]
struct Field<'a> {
    field: &'a str,
    code: &'a str,
    message: &'a str,
}

/// The HTTP status of an error.
pub(crate) fn status_of(spec: &ErrorSpec) -> StatusCode {
    StatusCode::from_u16(spec.http).unwrap_or_else(|_| status_of_kind(spec.kind))
}

/// The HTTP status of a kind.
pub(crate) const fn status_of_kind(kind: Kind) -> StatusCode {
    match kind {
        Kind::InvalidArgument => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::PermissionDenied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::AlreadyExists | Kind::FailedPrecondition | Kind::Aborted => StatusCode::CONFLICT,
        Kind::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Kind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The error as an answer.
pub(crate) fn response(error: &Error, origin: &Origin, errors_url: &str) -> Response<Body> {
    let spec = error.spec();
    let mut response = Response::new(Body::full(json(error, origin, errors_url)));
    *response.status_mut() = status_of(spec);
    let headers = response.headers_mut();
    headers.reserve(HEADERS_CAPACITY);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(origin.locale.tag()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    write_waits(error, headers);
    response
}

fn write_waits(error: &Error, headers: &mut HeaderMap) {
    let wait = error.retry_after().or_else(|| (error.kind() == Kind::Unavailable).then_some(RETRY_DEFAULT));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(ceil_seconds(wait)));
    }
    if error.kind() == Kind::Unauthenticated {
        let challenge = match error.code() {
            code if code == errors::UNAUTHENTICATED.code => "Bearer realm=\"pulse\"",
            _ => "Bearer realm=\"pulse\", error=\"invalid_token\"",
        };
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
}

/// The error as JSON.
pub(crate) fn json(error: &Error, origin: &Origin, errors_url: &str) -> Bytes {
    let spec = error.spec();
    let problem = Problem {
        r#type: format!("{errors_url}{}", spec.code),
        title: match origin.locale {
            Locale::En => spec.title,
            Locale::Zh => spec.title_zh,
        },
        status: status_of(spec).as_u16(),
        detail: public_detail(error, origin.locale),
        instance: origin.request_id_text(),
        code: spec.code,
        retry: match spec.retry {
            Retry::Never => "never",
            Retry::SameKey => "same_key",
            Retry::Backoff => "backoff",
        },
        metadata: error.metadata().iter().map(|(key, value)| (key.as_ref(), value.as_str())).collect(),
        errors: error.violations().iter().map(field).collect(),
        trace_id: format!("{:032x}", origin.trace.trace_id),
    };
    let mut json = Vec::with_capacity(JSON_SIZE_GUESS);
    // Nothing in it can fail to be written.
    serde_json::to_writer(&mut json, &problem).unwrap_or_default();
    json.into()
}

fn field(violation: &pulse_kernel::Violation) -> Field<'_> {
    Field { field: &violation.field, code: &violation.code, message: &violation.message }
}

/// What the caller may read. Of our own defects, and of what does not answer, that is always the same sentence.
fn public_detail(error: &Error, locale: Locale) -> &str {
    match (error.kind(), locale) {
        (Kind::Internal, Locale::En) => "The request failed on our side. Its id finds the story in our log.",
        (Kind::Internal, Locale::Zh) => "请求在我们这边失败了。凭请求编号可在日志中查到原因。",
        (Kind::Unavailable, Locale::En) => "Try again in a moment.",
        (Kind::Unavailable, Locale::Zh) => "请稍后再试。",
        (
            Kind::InvalidArgument
            | Kind::Unauthenticated
            | Kind::PermissionDenied
            | Kind::NotFound
            | Kind::AlreadyExists
            | Kind::FailedPrecondition
            | Kind::Aborted
            | Kind::ResourceExhausted
            | Kind::DeadlineExceeded,
            _,
        ) => error.detail(),
    }
}

/// The same error with nothing of our inside in it; `None` when there was nothing.
pub(crate) fn veil(error: &Error) -> Option<Error> {
    if !matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
        return None;
    }
    let veiled = error.spec().error(public_detail(error, Locale::En).to_owned());
    Some(match error.retry_after() {
        Some(wait) => veiled.retry_in(wait),
        None => veiled,
    })
}

/// Counts an error, and tells its story once: loudly only when somebody must act. Called inside of the trace.
pub(crate) fn report(error: &Error, route: &str) {
    let code = error.code();
    count(code);
    match error.kind() {
        Kind::Internal => tracing::error!(route, code, story = error.story(), "a request failed"),
        // That we are busy or leaving is known without a line per request.
        Kind::Unavailable if code != errors::OVERLOADED.code && code != errors::DRAINING.code => {
            tracing::warn!(route, code, story = error.story(), "something that we need does not answer");
        }
        Kind::InvalidArgument
        | Kind::Unauthenticated
        | Kind::PermissionDenied
        | Kind::NotFound
        | Kind::AlreadyExists
        | Kind::FailedPrecondition
        | Kind::Aborted
        | Kind::ResourceExhausted
        | Kind::Unavailable
        | Kind::DeadlineExceeded => {
            tracing::debug!(route, code, story = story(error).as_ref(), "a request was refused");
        }
    }
}

/// Counts an error. Handles are made once per code: a rush is refused as fast as it comes.
fn count(code: &'static str) {
    static COUNTERS: LazyLock<RwLock<HashMap<&'static str, Counter>>> = LazyLock::new(RwLock::default);
    if let Some(counter) = COUNTERS.read().get(code) {
        counter.increment(1);
        return;
    }
    let counter = metrics::counter!("pulse_edge_errors_total", "code" => code);
    counter.increment(1);
    COUNTERS.write().insert(code, counter);
}

/// The story without an allocation when there is nothing behind the detail.
fn story(error: &Error) -> Cow<'_, str> {
    match std::error::Error::source(error) {
        None => Cow::Borrowed(error.detail()),
        Some(_) => Cow::Owned(error.story()),
    }
}

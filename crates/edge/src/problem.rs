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
use pulse_contract::json::WriteJson;
use pulse_kernel::{Error, ErrorSpec, Kind, Locale, Retry, Violation};

use crate::body::Body;
use crate::pipeline::origin::Origin;
use crate::pipeline::rates::ceil_seconds;

/// Most problems fit.
const JSON_SIZE_GUESS: usize = 512;
/// Those of a problem, of tracing, of security and of rate limits.
const HEADERS_CAPACITY: usize = 16;

/// When something is not available and nobody knows for how long.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);

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

/// The error as JSON. Written by hand: whoever is refused in a rush costs no more than whoever gets something.
pub(crate) fn json(error: &Error, origin: &Origin, errors_url: &str) -> Bytes {
    let spec = error.spec();
    let mut json = Json(Vec::with_capacity(JSON_SIZE_GUESS));
    json.text("{\"type\":", errors_url);
    // The code goes on with the text: it has nothing to be escaped.
    json.0.pop();
    json.raw(spec.code);
    let title = match origin.locale {
        Locale::En => spec.title,
        Locale::Zh => spec.title_zh,
    };
    json.text("\",\"title\":", title);
    json.raw(",\"status\":");
    json.raw(status_of(spec).as_str());
    json.text(",\"detail\":", public_detail(error, origin.locale));
    json.text(",\"instance\":", origin.request_id_text());
    json.text(",\"code\":", spec.code);
    let retry = match spec.retry {
        Retry::Never => "never",
        Retry::SameKey => "same_key",
        Retry::Backoff => "backoff",
    };
    json.text(",\"retry\":", retry);
    json.metadata(error);
    json.violations(error.violations());
    json.raw(",\"trace_id\":\"");
    json.hex(&origin.trace.trace_id.to_be_bytes());
    json.raw("\"}");
    json.0.into()
}

/// JSON as it is written.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// What stands before a text, and the text.
    fn text(&mut self, before: &str, text: &str) {
        self.raw(before);
        text.write_json(&mut self.0);
    }

    fn hex(&mut self, bytes: &[u8]) {
        let from = self.0.len();
        self.0.resize(from + bytes.len() * 2, b'0');
        // It has the room, so this cannot fail.
        hex::encode_to_slice(bytes, self.0.get_mut(from..).unwrap_or_default()).unwrap_or_default();
    }

    fn metadata(&mut self, error: &Error) {
        if error.metadata().is_empty() {
            return;
        }
        let named: BTreeMap<&str, &str> =
            error.metadata().iter().map(|(key, value)| (key.as_ref(), value.as_str())).collect();
        let mut before = ",\"metadata\":{";
        for (key, value) in named {
            self.text(before, key);
            self.text(":", value);
            before = ",";
        }
        self.raw("}");
    }

    fn violations(&mut self, violations: &[Violation]) {
        let mut before = ",\"errors\":[{\"field\":";
        for violation in violations {
            self.text(before, &violation.field);
            self.text(",\"code\":", &violation.code);
            self.text(",\"message\":", &violation.message);
            self.raw("}");
            before = ",{\"field\":";
        }
        if !violations.is_empty() {
            self.raw("]");
        }
    }
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
        Kind::Internal => tracing::error!(route, code, story = error.report(), "a request failed"),
        // That we are busy or leaving is known without a line per request.
        Kind::Unavailable if code != errors::OVERLOADED.code && code != errors::DRAINING.code => {
            tracing::warn!(route, code, story = error.report(), "something that we need does not answer");
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
        Some(_) => Cow::Owned(error.report()),
    }
}

//! Errors as RFC 9457 problem details. The only mapping from error kinds to HTTP statuses.

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
use crate::pipeline::client::ClientInfo;
use crate::pipeline::rate_limits::ceil_seconds;

/// Path of the pages of error codes; the code follows.
pub(crate) const ERROR_PAGES: &str = "/errors/";

/// Capacity of the JSON buffer; most problems fit.
const JSON_SIZE_GUESS: usize = 512;
/// Capacity of the header map: problem, tracing, security and rate limit headers.
const HEADERS_CAPACITY: usize = 16;

/// `Retry-After` of an unavailable dependency without an estimate.
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

/// Links to the pages of error codes, for the member `type`.
pub(crate) struct ErrorLinks {
    /// The text before the code, escaped for JSON.
    before: String,
}

impl ErrorLinks {
    /// Links below `public_url`; relative to the node when it is empty (RFC 9457, section 3.1.1).
    pub(crate) fn new(public_url: &str) -> Self {
        let mut before = Vec::new();
        format!("{}{ERROR_PAGES}", public_url.trim_end_matches('/')).write_json(&mut before);
        // Without the closing quote: the code, which needs no escaping, continues the text.
        before.pop();
        Self { before: String::from_utf8(before).unwrap_or_default() }
    }
}

/// The response of an error.
pub(crate) fn response(error: &Error, client: &ClientInfo, links: &ErrorLinks) -> Response<Body> {
    let spec = error.spec();
    let mut response = Response::new(Body::full(json(error, client, links)));
    *response.status_mut() = status_of(spec);
    let headers = response.headers_mut();
    headers.reserve(HEADERS_CAPACITY);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(client.locale.tag()));
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

/// The error as JSON. Written without a serializer: during a flash sale most responses are errors.
pub(crate) fn json(error: &Error, client: &ClientInfo, links: &ErrorLinks) -> Bytes {
    let spec = error.spec();
    let mut json = Json(Vec::with_capacity(JSON_SIZE_GUESS));
    json.raw("{\"type\":");
    json.raw(&links.before);
    json.raw(spec.code);
    let title = match client.locale {
        Locale::En => spec.title,
        Locale::Zh => spec.title_zh,
    };
    json.text("\",\"title\":", title);
    json.raw(",\"status\":");
    json.raw(status_of(spec).as_str());
    json.text(",\"detail\":", public_detail(error, client.locale));
    json.text(",\"instance\":", client.request_id_text());
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
    json.hex(&client.trace.trace_id.to_be_bytes());
    json.raw("\"}");
    json.0.into()
}

/// A JSON text under construction.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends `before`, then `text` as a JSON string.
    fn text(&mut self, before: &str, text: &str) {
        self.raw(before);
        text.write_json(&mut self.0);
    }

    fn hex(&mut self, bytes: &[u8]) {
        let from = self.0.len();
        self.0.resize(from + bytes.len() * 2, b'0');
        // The buffer has the right length, so this cannot fail.
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

/// The detail for the client. Server errors and unavailable dependencies have a fixed text without internals.
fn public_detail(error: &Error, locale: Locale) -> &str {
    match (error.kind(), locale) {
        (Kind::Internal, Locale::En) => {
            "The server failed to process the request. Quote `instance` when you report it."
        }
        (Kind::Internal, Locale::Zh) => "服务器处理请求时出错。反馈问题时请附上 instance 的值。",
        (Kind::Unavailable, Locale::En) => "A required service is temporarily unavailable; retry later.",
        (Kind::Unavailable, Locale::Zh) => "依赖的服务暂时不可用，请稍后重试。",
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

/// The error without internal details; `None` when it has none.
pub(crate) fn redact(error: &Error) -> Option<Error> {
    if !matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
        return None;
    }
    let redacted = error.spec().error(public_detail(error, Locale::En).to_owned());
    Some(match error.retry_after() {
        Some(wait) => redacted.retry_in(wait),
        None => redacted,
    })
}

/// Counts an error and logs it once, in the trace of its request. The level says whether somebody must act.
pub(crate) fn report(error: &Error, route: &str) {
    let code = error.code();
    count(code);
    match error.kind() {
        Kind::Internal => tracing::error!(route, code, error = error.report(), "request failed"),
        // Overload and draining have metrics and a log line of their own.
        Kind::Unavailable if code != errors::OVERLOADED.code && code != errors::DRAINING.code => {
            tracing::warn!(route, code, error = error.report(), "dependency unavailable");
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
            tracing::debug!(route, code, error = text_of(error).as_ref(), "request rejected");
        }
    }
}

/// Counts an error. Handles are created once per code, so a rejected request costs no lookup by label.
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

/// The error with its causes, without an allocation when it has none.
fn text_of(error: &Error) -> Cow<'_, str> {
    match std::error::Error::source(error) {
        None => Cow::Borrowed(error.detail()),
        Some(_) => Cow::Owned(error.report()),
    }
}

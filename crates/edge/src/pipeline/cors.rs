//! Pages of other origins: which may call, and what they may read (Fetch standard, CORS protocol).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::config::Cors as Config;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "traceparent, x-request-id, retry-after, ratelimit, ratelimit-policy, content-language, allow, \
     grpc-status, grpc-message, grpc-status-details-bin",
);
/// A header may ask for this many bytes of header names; more is nobody we know.
const REQUEST_HEADERS_BYTES_MAX: usize = 1024;

/// Which origins may call.
#[derive(Debug)]
pub(crate) struct Cors {
    is_everybody: bool,
    origins: Vec<String>,
    max_age: HeaderValue,
}

impl Cors {
    /// As configured.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            is_everybody: config.origins.iter().any(|origin| origin == "*"),
            origins: config.origins.clone(),
            max_age: HeaderValue::from(config.max_age.as_secs()),
        }
    }

    /// What `Access-Control-Allow-Origin` says to this request; `None` when its origin may not call.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        if self.is_everybody {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// The headers that answer a preflight; `None` when the request is not one.
    pub(crate) fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HeaderMap> {
        if *method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.allowed(request) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
            if let Some(asked) = asked.filter(|asked| asked.len() <= REQUEST_HEADERS_BYTES_MAX) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
        }
        Some(headers)
    }

    /// Adds to an answer what lets the page of an allowed origin read it.
    pub(crate) fn write(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        if !self.is_everybody {
            answer.append(VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = self.allowed(request) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

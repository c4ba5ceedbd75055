//! Cross-origin requests of web pages (Fetch standard, CORS protocol).

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
/// Maximum length of `Access-Control-Request-Headers` that is answered.
const REQUEST_HEADERS_BYTES_MAX: usize = 1024;

/// The allowed origins.
#[derive(Debug)]
pub(crate) struct Cors {
    is_any_origin: bool,
    origins: Vec<String>,
    max_age: HeaderValue,
}

impl Cors {
    /// The origins of the configuration.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            is_any_origin: config.origins.iter().any(|origin| origin == "*"),
            origins: config.origins.clone(),
            max_age: HeaderValue::from(config.max_age.as_secs()),
        }
    }

    /// Value of `Access-Control-Allow-Origin`; `None` when the origin of the request is not allowed.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        if self.is_any_origin {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Response headers of a preflight request; `None` for other requests.
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

    /// Adds the headers that let a page of an allowed origin read the response.
    pub(crate) fn write(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        if !self.is_any_origin {
            answer.append(VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = self.allowed(request) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

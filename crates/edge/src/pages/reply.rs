//! Responses of pages.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use pulse_contract::errors;
use pulse_kernel::Error;

use crate::body::Body;

/// A response that must not be cached.
pub(super) fn page_of(kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The response of a health check.
pub(super) fn health(status: StatusCode, word: &str) -> Response<Body> {
    let mut response = page_of("application/json", format!("{{\"status\":\"{word}\"}}"));
    *response.status_mut() = status;
    response
}

/// The error of a blocking task that ended without a result.
pub(super) fn task_failed(error: tokio::task::JoinError) -> Error {
    errors::INTERNAL.error("a blocking task ended without a result").caused_by(error)
}

//! Documents that do not change while the process lives: hashed and compressed once, not sent again to who has them.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::pipeline::compress;

/// A document as it is sent.
#[derive(Debug)]
pub(crate) struct Document {
    kind: &'static str,
    tag: HeaderValue,
    plain: Bytes,
    /// As gzip.
    packed: Option<Bytes>,
}

impl Document {
    /// Hashes and compresses the bytes: some 50 ms for a megabyte.
    pub(crate) fn new(kind: &'static str, bytes: Cow<'static, [u8]>) -> Self {
        let plain = match bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Self { kind, tag: etag(&plain), packed: compress::gzip(&plain), plain }
    }

    /// The answer to a request for it.
    pub(crate) fn answer(&self, parts: &Parts) -> Response<Body> {
        let is_known = parts.headers.get(IF_NONE_MATCH).is_some_and(|known| known == self.tag);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        match self.packed.as_ref().filter(|_| compress::accepts_gzip(&parts.headers)) {
            Some(packed) => {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *response.body_mut() = Body::full(packed.clone());
            }
            None => *response.body_mut() = Body::full(self.plain.clone()),
        }
        response
    }
}

/// A weak tag: the compressed form has the same.
fn etag(bytes: &[u8]) -> HeaderValue {
    let tag = pulse_limiter::Key::of("edge.etag", bytes).to_bytes();
    HeaderValue::try_from(format!("W/\"{}\"", hex::encode(tag))).unwrap_or(HeaderValue::from_static("W/\"\""))
}

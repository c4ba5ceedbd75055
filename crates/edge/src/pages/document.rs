//! Documents that are constant while the process runs: hashed and compressed once, and answered with 304 when the
//! client has them.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::pipeline::compress;

/// A constant document.
#[derive(Debug)]
pub(crate) struct Document {
    kind: &'static str,
    tag: HeaderValue,
    plain: Bytes,
    /// The bytes as gzip.
    packed: Option<Bytes>,
}

impl Document {
    /// Hashes and compresses the bytes; takes about 50 ms per megabyte.
    pub(crate) fn new(kind: &'static str, bytes: Cow<'static, [u8]>) -> Self {
        let plain = match bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Self { kind, tag: etag(&plain), packed: compress::gzip(&plain), plain }
    }

    /// The response to a request for the document.
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

/// A weak entity tag, shared by the plain and the compressed form.
fn etag(bytes: &[u8]) -> HeaderValue {
    let tag = pulse_limiter::Key::of("edge.etag", bytes).to_bytes();
    HeaderValue::try_from(format!("W/\"{}\"", hex::encode(tag))).unwrap_or(HeaderValue::from_static("W/\"\""))
}

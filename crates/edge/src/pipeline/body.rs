//! The body of a request: content type, length limit, and bytes.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;

use super::deadline::in_time;
use crate::config::Limits;

/// Maximum time to receive the rest of a rejected body.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Media types of the body of a PATCH, for `Accept-Patch` (RFC 5789).
pub(crate) const PATCH_TYPES: &str = "application/json";

/// Rejects a body by its headers: too long, compressed, or not JSON.
pub(crate) fn check_headers(method: &Method, headers: &HeaderMap, bytes_max: usize) -> Result<(), Error> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bytes_max)) {
        return Err(too_large(bytes_max));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(errors::UNSUPPORTED_MEDIA_TYPE
            .error("Content-Encoding must be identity; compressed request bodies are not supported"));
    }
    let accepts = if *method == Method::PATCH { is_plain_json } else { is_json };
    let is_json = headers.get(CONTENT_TYPE).is_none_or(|kind| accepts(kind.as_bytes()));
    if !is_json && length != Some(0) {
        return Err(errors::UNSUPPORTED_MEDIA_TYPE.error("Content-Type must be application/json"));
    }
    Ok(())
}

const APPLICATION: &[u8] = b"application/";
const SUFFIX: &[u8] = b"+json";

/// Whether the media type is that of the body of a PATCH. The formats of patches have rules of their own, for example
/// RFC 7396 for `null`, which the fields of the contract do not follow.
fn is_plain_json(kind: &[u8]) -> bool {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json")
}

/// Whether the media type is `application/json` or `application/…+json`, with any parameters.
fn is_json(kind: &[u8]) -> bool {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |part: Option<&[u8]>, name: &[u8]| part.is_some_and(|part| part.eq_ignore_ascii_case(name));
    let begins = is(kind.get(..APPLICATION.len()), APPLICATION);
    let ends = is(kind.len().checked_sub(SUFFIX.len()).and_then(|at| kind.get(at..)), SUFFIX);
    kind.eq_ignore_ascii_case(b"application/json") || (begins && ends)
}

/// Reads the whole body. A body of one frame is not copied.
pub(crate) async fn read<B>(body: B, bytes_max: usize, timeout: Duration) -> Result<Bytes, Error>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut body = pin!(body);
    let collect = async {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| errors::MALFORMED_JSON.error("the request body ended early").caused_by(error))?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + rest.len() + data.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            match (first.is_empty(), rest.is_empty()) {
                (true, true) => first = data,
                (false, true) => {
                    rest = BytesMut::with_capacity((first.len() + data.len()) * 2);
                    rest.extend_from_slice(&first);
                    rest.extend_from_slice(&data);
                    first = Bytes::new();
                }
                (_, false) => rest.extend_from_slice(&data),
            }
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    };
    let timed_out = || {
        let limit = humantime::format_duration(timeout);
        let detail = format!("the request body must arrive within {limit}; the request was not processed");
        errors::DEADLINE_EXCEEDED.error(detail)
    };
    in_time(|| timeout, collect).await.ok_or_else(timed_out)?
}

/// Receives and discards the rest of a rejected body, up to the length limit: a client that is still sending when the
/// connection closes would lose the response.
pub(crate) async fn discard(body: Incoming, parts: &Parts, limits: &Limits) {
    // HTTP/2 ends the stream and not the connection; a client with `Expect` has not started to send.
    if parts.version >= Version::HTTP_2 || parts.headers.contains_key(EXPECT) {
        return;
    }
    let mut rest = Limited::new(body, limits.body_bytes_max.as_usize());
    let discard = async { while let Some(Ok(_frame)) = rest.frame().await {} };
    if tokio::time::timeout(limits.body_timeout.min(DISCARD_TIMEOUT), discard).await.is_err() {
        tracing::debug!("rest of a rejected request body was not received in time");
    }
}

fn too_large(bytes_max: usize) -> Error {
    errors::PAYLOAD_TOO_LARGE
        .error(format!("the request body must have at most {bytes_max} bytes"))
        .with("bytes_max", bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_of_json_are_recognized() {
        for (kind, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("APPLICATION/Merge-Patch+JSON ;q=1", true),
            ("text/json", false),
            ("text/x+json", false),
            ("json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_json(kind.as_bytes()), expected, "{kind:?}");
        }
        for (kind, expected) in [
            ("application/json", true),
            ("Application/JSON ; charset=utf-8", true),
            ("application/merge-patch+json", false),
            ("application/json-patch+json", false),
        ] {
            assert_eq!(is_plain_json(kind.as_bytes()), expected, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn frames_are_joined_up_to_the_limit() {
        let frames = |texts: &'static [&'static str]| {
            let all = texts
                .iter()
                .map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(text.as_bytes()))));
            http_body_util::StreamBody::new(futures::stream::iter(all))
        };
        let timeout = Duration::from_secs(60);
        for texts in [&["abcdef"][..], &["abc", "def"], &["a", "", "b", "cdef"]] {
            assert_eq!(read(frames(texts), 6, timeout).await.unwrap(), "abcdef", "{texts:?}");
            assert_eq!(read(frames(texts), 5, timeout).await.unwrap_err().code(), "PAYLOAD_TOO_LARGE", "{texts:?}");
        }
    }
}

//! The body of a request: its type, its length, and its bytes up to the limit.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderMap, Version};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;

use super::deadline::in_time;
use crate::config::Limits;

/// How long the rest of a refused body may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Refuses a body that is announced too long, or as something else than JSON, before a byte of it is read.
pub(crate) fn check_headers(headers: &HeaderMap, bytes_max: usize) -> Result<(), Error> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bytes_max)) {
        return Err(too_large(bytes_max));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(errors::UNSUPPORTED_MEDIA_TYPE.error("compressed bodies are not read"));
    }
    let is_json = headers.get(CONTENT_TYPE).is_none_or(|kind| is_json(kind.as_bytes()));
    if !is_json && length != Some(0) {
        return Err(errors::UNSUPPORTED_MEDIA_TYPE.error("send the body as application/json"));
    }
    Ok(())
}

const APPLICATION: &[u8] = b"application/";
const SUFFIX: &[u8] = b"+json";

/// `application/json` or `application/…+json`, whatever the parameters.
fn is_json(kind: &[u8]) -> bool {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |part: Option<&[u8]>, name: &[u8]| part.is_some_and(|part| part.eq_ignore_ascii_case(name));
    let begins = is(kind.get(..APPLICATION.len()), APPLICATION);
    let ends = is(kind.len().checked_sub(SUFFIX.len()).and_then(|at| kind.get(at..)), SUFFIX);
    kind.eq_ignore_ascii_case(b"application/json") || (begins && ends)
}

/// Reads the whole body. A body that came in one piece is not copied.
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
            let frame = frame.map_err(|error| errors::MALFORMED_JSON.error("the body broke off").caused_by(error))?;
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
    let timed_out = || errors::DEADLINE_EXCEEDED.error("the body did not arrive in time; nothing was done");
    in_time(|| timeout, collect).await.ok_or_else(timed_out)?
}

/// Lets the rest of a refused body come in and forgets it: a caller that is still sending when the connection closes
/// would lose the answer. No more than one body's worth.
pub(crate) async fn discard(body: Incoming, parts: &Parts, limits: &Limits) {
    // HTTP/2 ends one stream and not the connection; who asks first has not begun to send.
    if parts.version >= Version::HTTP_2 || parts.headers.contains_key(EXPECT) {
        return;
    }
    let mut rest = Limited::new(body, limits.body_bytes_max.as_usize());
    let forget = async { while let Some(Ok(_frame)) = rest.frame().await {} };
    if tokio::time::timeout(limits.body_timeout.min(DISCARD_TIMEOUT), forget).await.is_err() {
        tracing::debug!("a refused body did not come to its end");
    }
}

fn too_large(bytes_max: usize) -> Error {
    errors::PAYLOAD_TOO_LARGE.error(format!("a body has at most {bytes_max} bytes")).with("bytes_max", bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_json_when_it_is_announced() {
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
    }

    #[tokio::test]
    async fn pieces_are_put_together_up_to_the_limit() {
        let pieces = |texts: &'static [&'static str]| {
            let frames = texts
                .iter()
                .map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(text.as_bytes()))));
            http_body_util::StreamBody::new(futures::stream::iter(frames))
        };
        let timeout = Duration::from_secs(60);
        for texts in [&["abcdef"][..], &["abc", "def"], &["a", "", "b", "cdef"]] {
            assert_eq!(read(pieces(texts), 6, timeout).await.unwrap(), "abcdef", "{texts:?}");
            assert_eq!(read(pieces(texts), 5, timeout).await.unwrap_err().code(), "PAYLOAD_TOO_LARGE", "{texts:?}");
        }
    }
}

//! How long a call may take: what its policy says, or less when the caller stops waiting earlier.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use pulse_contract::errors;
use pulse_kernel::{Error, Violation};

/// How long a REST caller waits, for example `250ms` or `2s`.
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What a call may take when nothing is known of it.
pub(crate) const DEFAULT: Duration = Duration::from_secs(10);

/// What `work` comes to; `None` when it takes longer than `left` says. Work that need not wait pays for no timer and no
/// look at the clock.
pub(crate) async fn in_time<T>(left: impl FnOnce() -> Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return Some(done);
    }
    tokio::time::timeout(left(), work).await.ok()
}

/// How long a REST call may take.
pub(crate) fn of_rest(headers: &HeaderMap, policy: Duration) -> Result<Duration, Error> {
    let Some(value) = headers.get(REQUEST_TIMEOUT) else { return Ok(policy) };
    let timeout = value.to_str().ok().and_then(|text| humantime::parse_duration(text).ok());
    timeout.map(|timeout| timeout.min(policy)).ok_or_else(|| {
        errors::VALIDATION_FAILED.error("a header cannot be read").with_violations([Violation {
            field: "x-request-timeout".into(),
            code: "header.duration".into(),
            message: "a duration such as 250ms or 2s".into(),
        }])
    })
}

/// How long a gRPC call may take. A broken `grpc-timeout` is passed over, as other servers do.
pub(crate) fn of_grpc(headers: &HeaderMap, policy: Duration) -> Duration {
    let timeout = headers.get(GRPC_TIMEOUT).and_then(|value| parse_grpc(value.to_str().ok()?));
    timeout.map_or(policy, |timeout| timeout.min(policy))
}

/// At most eight digits and a unit (gRPC over HTTP/2).
fn parse_grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Duration = Duration::from_secs(5);

    #[test]
    fn the_shorter_of_policy_and_caller_counts() {
        for (text, expected) in [
            ("100m", Some(Duration::from_millis(100))),
            ("1H", Some(POLICY)),
            ("2S", Some(Duration::from_secs(2))),
            ("7u", Some(Duration::from_micros(7))),
            ("", None),
            ("5", None),
            ("m", None),
            ("123456789m", None),
            ("-1S", None),
            ("1é", None),
        ] {
            let headers =
                HeaderMap::from_iter([(GRPC_TIMEOUT, http::HeaderValue::from_bytes(text.as_bytes()).unwrap())]);
            assert_eq!(of_grpc(&headers, POLICY), expected.unwrap_or(POLICY), "{text:?}");
        }
        for (text, expected) in [("250ms", Some(Duration::from_millis(250))), ("1h", Some(POLICY)), ("soon", None)] {
            let headers = HeaderMap::from_iter([(REQUEST_TIMEOUT, text.parse().unwrap())]);
            assert_eq!(of_rest(&headers, POLICY).ok(), expected, "{text:?}");
        }
        assert_eq!(of_rest(&HeaderMap::new(), POLICY).unwrap(), POLICY);
    }
}

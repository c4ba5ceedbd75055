//! Deadlines of calls: the timeout of the policy, or a shorter one of the caller.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use pulse_contract::errors;
use pulse_kernel::{Error, Violation};

/// Timeout of a REST caller, for example `250ms` or `2s`.
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Timeout of calls outside of the contract.
pub(crate) const DEFAULT: Duration = Duration::from_secs(10);

/// The result of `work`; `None` when it takes longer than `left`. Work that is ready immediately needs no timer and no
/// clock reading.
pub(crate) async fn in_time<T>(left: impl FnOnce() -> Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return Some(done);
    }
    tokio::time::timeout(left(), work).await.ok()
}

/// Timeout of a REST call.
pub(crate) fn of_rest(headers: &HeaderMap, policy: Duration) -> Result<Duration, Error> {
    let Some(value) = headers.get(REQUEST_TIMEOUT) else { return Ok(policy) };
    let timeout = value.to_str().ok().and_then(|text| humantime::parse_duration(text).ok());
    timeout.map(|timeout| timeout.min(policy)).ok_or_else(|| {
        errors::VALIDATION_FAILED.error("a header is not valid").with_violations([Violation {
            field: "x-request-timeout".into(),
            code: "header.duration".into(),
            message: "must be a duration such as 250ms or 2s".into(),
        }])
    })
}

/// Timeout of a gRPC call. An invalid `grpc-timeout` is ignored, as by other servers.
pub(crate) fn of_grpc(headers: &HeaderMap, policy: Duration) -> Duration {
    let timeout = headers.get(GRPC_TIMEOUT).and_then(|value| parse_grpc(value.to_str().ok()?));
    timeout.map_or(policy, |timeout| timeout.min(policy))
}

/// Parses up to eight digits and a unit (gRPC over HTTP/2).
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
    fn the_shorter_timeout_applies() {
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

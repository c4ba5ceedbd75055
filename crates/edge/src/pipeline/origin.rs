//! What is known of a request before anybody looks into it: when, from where, in which trace, under which id.

use std::net::IpAddr;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use pulse_kernel::{Locale, Timestamp, TraceContext};
use rand::RngCore;

use crate::config::{Access, any_contains};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const B3: HeaderName = HeaderName::from_static("b3");
const B3_TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const B3_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Longer request ids of callers are replaced by our own.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// More proxies than this in a row are not looked at.
const PROXIES_MAX: usize = 16;

/// What is known of a request before anybody looks into it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The one reading of the clock.
    pub(crate) now: Timestamp,
    /// When it came, for measuring how long it took.
    pub(crate) started: Instant,
    /// Who sent it, as far as proxies are trusted.
    pub(crate) ip: IpAddr,
    /// Our own span in the caller's trace, or in a new one.
    pub(crate) trace: TraceContext,
    /// The language for texts that people read.
    pub(crate) locale: Locale,
    /// The id that the caller gave, when it is a decent one.
    request_id: Option<HeaderValue>,
}

impl Origin {
    /// Reads the headers of a request that came from `peer`.
    pub(crate) fn read(headers: &HeaderMap, peer: IpAddr, access: &Access, now: Timestamp) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Self {
            now,
            started: Instant::now(),
            ip: client_ip(headers, peer.to_canonical(), access),
            trace: continue_trace(headers),
            locale: text(http::header::ACCEPT_LANGUAGE).map(Locale::from_accept_language).unwrap_or_default(),
            request_id: headers.get(REQUEST_ID).filter(|value| is_decent_id(value.as_bytes())).cloned(),
        }
    }

    /// The `traceparent` of our span.
    pub(crate) fn traceparent(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let (_, rest) = text.split_at_mut(3);
        let (trace_id, rest) = rest.split_at_mut(32);
        let (_, rest) = rest.split_at_mut(1);
        let (span_id, rest) = rest.split_at_mut(16);
        write_hex(&self.trace.trace_id.to_be_bytes(), trace_id);
        write_hex(&self.trace.span_id.to_be_bytes(), span_id);
        if let (true, Some(last)) = (self.trace.is_sampled, rest.last_mut()) {
            *last = b'1';
        }
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// The id of this request: the caller's, or one made of our span.
    pub(crate) fn request_id(&self) -> HeaderValue {
        if let Some(given) = &self.request_id {
            return given.clone();
        }
        let mut text = *b"req_0000000000000000";
        let (_, digits) = text.split_at_mut(4);
        write_hex(&self.trace.span_id.to_be_bytes(), digits);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("req_"))
    }
}

fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    // The lengths are fixed above, so this cannot fail.
    hex::encode_to_slice(bytes, digits).unwrap_or_default();
}

fn is_decent_id(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.iter().all(u8::is_ascii_graphic)
}

/// The nearest address that is not one of our proxies, going back from the peer.
///
/// A proxy appends the address that it saw to `X-Forwarded-For`, so only the entries that trusted proxies appended
/// are believed; whatever the caller itself wrote stands before them.
fn client_ip(headers: &HeaderMap, peer: IpAddr, access: &Access) -> IpAddr {
    let mut ip = peer;
    if access.trusted_proxies.is_empty() || !any_contains(&access.trusted_proxies, peer) {
        return ip;
    }
    let lines = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|value| value.to_str().ok());
    let lines: Vec<&str> = lines.collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(PROXIES_MAX);
    for hop in hops {
        let Some(seen) = parse_hop(hop.trim()) else { break };
        ip = seen;
        if !any_contains(&access.trusted_proxies, ip) {
            break;
        }
    }
    ip
}

/// An address, with or without a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(hop);
    let ip = bare.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

/// Our own span: in the caller's trace (`traceparent`, else B3), or in a new one.
fn continue_trace(headers: &HeaderMap) -> TraceContext {
    let mut random = rand::rng();
    let span_id = random.next_u64() | 1;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let parent = text(TRACEPARENT)
        .and_then(TraceContext::from_traceparent)
        .or_else(|| text(B3).and_then(from_b3_single))
        .or_else(|| from_b3_multi(text(B3_TRACE_ID)?, text(B3_SPAN_ID)?, text(B3_SAMPLED), text(B3_FLAGS)));
    match parent {
        Some(parent) => TraceContext { span_id, ..parent },
        None => {
            let trace_id = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64() | 1);
            TraceContext { trace_id, span_id, is_sampled: false }
        }
    }
}

/// `{trace id}-{span id}[-{sampling state}[-{parent span id}]]`
fn from_b3_single(header: &str) -> Option<TraceContext> {
    let mut parts = header.split('-');
    let (trace_id, span_id, sampled) = (parts.next()?, parts.next()?, parts.next());
    from_b3_multi(trace_id, span_id, sampled.filter(|state| *state != "d"), sampled.filter(|state| *state == "d"))
}

fn from_b3_multi(trace_id: &str, span_id: &str, sampled: Option<&str>, debug: Option<&str>) -> Option<TraceContext> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !matches!(trace_id.len(), 16 | 32) || span_id.len() != 16 || !is_hex(trace_id) || !is_hex(span_id) {
        return None;
    }
    let trace_id = u128::from_str_radix(trace_id, 16).ok()?;
    let span_id = u64::from_str_radix(span_id, 16).ok()?;
    let is_sampled = matches!(sampled, Some("1" | "true")) || matches!(debug, Some("1" | "d"));
    (trace_id != 0 && span_id != 0).then_some(TraceContext { trace_id, span_id, is_sampled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: &str, proxies: &[&str], headers: &[(&'static str, &str)]) -> Origin {
        let access = Access {
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().expect("a network")).collect(),
            ..Access::default()
        };
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value")))
            .collect::<Vec<_>>();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Origin::read(&map, peer.parse().expect("an address"), &access, Timestamp::EPOCH)
    }

    /// PL-28: only what trusted proxies appended is believed.
    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        for (peer, forwarded, expected) in [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6,unknown", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
            ("fd00::1", "[2001:db8::7]:443", "2001:db8::7"),
            ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let origin = origin(peer, &proxies, &[("x-forwarded-for", forwarded)]);
            assert_eq!(origin.ip.to_string(), expected, "{peer} {forwarded:?}");
        }
        let two_lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(origin("10.0.0.1", &proxies, &two_lines).ip.to_string(), "198.51.100.1");
    }

    /// PL-47: `traceparent` and both forms of B3 are continued, with a span of our own.
    #[test]
    fn traces_are_continued_or_begun() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let traceparent = format!("00-{trace}-{span}-01");
        let single = format!("{trace}-{span}-1");
        let debug = format!("{trace}-{span}-d");
        let all: [&[(&'static str, &str)]; 5] = [
            &[("traceparent", &traceparent)],
            &[("b3", &single)],
            &[("b3", &debug)],
            &[("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-sampled", "1")],
            &[("traceparent", &traceparent), ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0")],
        ];
        for headers in all {
            let origin = origin("127.0.0.1", &[], headers);
            let sent = origin.traceparent();
            let sent = TraceContext::from_traceparent(sent.to_str().unwrap()).unwrap();
            assert_eq!(
                (sent.trace_id, sent.is_sampled),
                (u128::from_str_radix(trace, 16).unwrap(), true),
                "{headers:?}"
            );
            assert_eq!(sent, origin.trace);
            assert_ne!(sent.span_id, u64::from_str_radix(span, 16).unwrap());
        }
        for broken in [&[("b3", "0")][..], &[("traceparent", "00-zz")], &[("x-b3-traceid", trace)], &[]] {
            let one = origin("127.0.0.1", &[], broken).trace;
            let other = origin("127.0.0.1", &[], broken).trace;
            assert!(one.trace_id != 0 && one.trace_id != other.trace_id, "{broken:?}");
        }
    }

    #[test]
    fn decent_request_ids_are_kept() {
        let origin_of = |id| origin("127.0.0.1", &[], &[("x-request-id", id)]).request_id();
        assert_eq!(origin_of("abc-1"), "abc-1");
        for indecent in ["", "two words", &"x".repeat(129)] {
            assert!(origin_of(indecent).to_str().unwrap().starts_with("req_"), "{indecent:?}");
        }
    }
}

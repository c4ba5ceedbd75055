//! The client of a request: time of arrival, address, trace, language and request id.

use std::net::IpAddr;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use pulse_kernel::{Locale, Timestamp, TraceContext};
use rand::RngCore;

use crate::config::{Access, any_contains};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Maximum length of a request id; a longer one is replaced.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// Maximum number of entries of `X-Forwarded-For` that are evaluated, from the end.
const PROXIES_MAX: usize = 16;

/// The client of a request, read from its headers.
#[derive(Clone, Debug)]
pub(crate) struct ClientInfo {
    /// Time of arrival; the only clock reading of a request.
    pub(crate) now: Timestamp,
    /// Time of arrival, to measure the duration.
    pub(crate) started: Instant,
    /// Address of the client, behind trusted proxies.
    pub(crate) ip: IpAddr,
    /// Trace context of the span, in the trace of the caller or in a new one.
    pub(crate) trace: TraceContext,
    /// Language of texts for people.
    pub(crate) locale: Locale,
    /// The `X-Request-Id` of the caller when it is valid, else a random id.
    pub(crate) request_id: HeaderValue,
}

impl ClientInfo {
    /// Reads the headers of a request from `peer`.
    pub(crate) fn read(
        headers: &HeaderMap,
        peer: IpAddr,
        access: &Access,
        now: Timestamp,
        trace: TraceContext,
    ) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Self {
            now,
            started: Instant::now(),
            ip: client_ip(headers, peer.to_canonical(), access),
            trace,
            locale: text(http::header::ACCEPT_LANGUAGE).map(Locale::from_accept_language).unwrap_or_default(),
            request_id: match headers.get(REQUEST_ID) {
                Some(given) if is_request_id(given.as_bytes()) => given.clone(),
                Some(_) | None => random_id(),
            },
        }
    }

    /// The `traceparent` of the span.
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

    /// The request id as text.
    pub(crate) fn request_id_text(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

fn random_id() -> HeaderValue {
    let mut text = *b"req_0000000000000000";
    let (_, digits) = text.split_at_mut(4);
    write_hex(&rand::rng().next_u64().to_be_bytes(), digits);
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("req_"))
}

fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    // The callers pass slices of the right length, so this cannot fail.
    hex::encode_to_slice(bytes, digits).unwrap_or_default();
}

fn is_request_id(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.iter().all(u8::is_ascii_graphic)
}

/// The last address that is not a trusted proxy, starting at the peer.
///
/// A proxy appends the address of its client to `X-Forwarded-For`, so only the entries appended by trusted proxies are
/// used; entries written by the client itself come before them.
fn client_ip(headers: &HeaderMap, peer: IpAddr, access: &Access) -> IpAddr {
    let mut ip = peer;
    if access.trusted_proxies.is_empty() || !any_contains(&access.trusted_proxies, peer) {
        return ip;
    }
    // As bytes: an entry of the client may be no valid text, and must not hide the entries of proxies after it.
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED_FOR).into_iter().map(HeaderValue::as_bytes).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')).take(PROXIES_MAX);
    for hop in hops {
        let Some(seen) = str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim())) else { break };
        ip = seen;
        if !any_contains(&access.trusted_proxies, ip) {
            break;
        }
    }
    ip
}

/// An address with or without a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(hop);
    let ip = bare.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, proxies: &[&str], headers: &[(&'static str, &str)]) -> ClientInfo {
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
        ClientInfo::read(&map, peer.parse().expect("an address"), &access, Timestamp::EPOCH, TraceContext::default())
    }

    /// PL-28: only entries appended by trusted proxies are used.
    #[test]
    fn forwarded_addresses_are_used_from_trusted_proxies_only() {
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
            let client = client(peer, &proxies, &[("x-forwarded-for", forwarded)]);
            assert_eq!(client.ip.to_string(), expected, "{peer} {forwarded:?}");
        }
        let mut hidden = HeaderMap::new();
        hidden.append(FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 198.51.100.1").expect("a header value"));
        let access = Access { trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..Access::default() };
        assert_eq!(client_ip(&hidden, [10, 0, 0, 1].into(), &access).to_string(), "198.51.100.1");
        let two_lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client("10.0.0.1", &proxies, &two_lines).ip.to_string(), "198.51.100.1");
    }

    #[test]
    fn the_traceparent_of_the_span_is_written() {
        let trace =
            TraceContext { trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span_id: 0xf067, is_sampled: true };
        for trace in [trace, TraceContext { is_sampled: false, ..trace }] {
            let client = ClientInfo { trace, ..client("127.0.0.1", &[], &[]) };
            assert_eq!(client.traceparent(), trace.traceparent());
        }
    }

    #[test]
    fn valid_request_ids_are_kept() {
        let id_of = |id| client("127.0.0.1", &[], &[("x-request-id", id)]).request_id;
        assert_eq!(id_of("abc-1"), "abc-1");
        for invalid in ["", "two words", &"x".repeat(129)] {
            assert!(id_of(invalid).to_str().unwrap().starts_with("req_"), "{invalid:?}");
        }
    }
}

//! Networks of client addresses, for rate limits and the fairness report.

use std::net::IpAddr;

/// Returns the number of the network of an address: the /24 of IPv4 or the /48 of IPv6, the usual size of one customer
/// of a provider. 0 if the address is unknown.
#[must_use]
pub fn network_of(ip: Option<IpAddr>) -> i64 {
    match ip.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => i64::from(ip.to_bits() >> 8),
        // The first 48 bits. Bit 48 separates them from the numbers of IPv4.
        Some(IpAddr::V6(ip)) => i64::try_from(ip.to_bits() >> 80).unwrap_or(0) | 1 << 48,
        None => 0,
    }
}

/// Formats a network in CIDR notation; `unknown` for 0.
#[must_use]
pub fn network_text(network: i64) -> String {
    let [_, version, bytes @ ..] = network.to_be_bytes();
    match (version, bytes) {
        (0, [_, _, _, 0, 0, 0]) => "unknown".to_owned(),
        (0, [_, _, _, a, b, c]) => format!("{a}.{b}.{c}.0/24"),
        (_, [a, b, c, d, e, f]) => format!("{a:02x}{b:02x}:{c:02x}{d:02x}:{e:02x}{f:02x}::/48"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_prefix_are_one_network() {
        let of = |text: &str| network_of(Some(text.parse().unwrap()));
        assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.9"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_eq!(network_text(of("192.0.2.7")), "192.0.2.0/24");
        assert_eq!(network_text(of("2001:db8:1::1")), "2001:0db8:0001::/48");
        assert_eq!(network_text(network_of(None)), "unknown");
    }
}
